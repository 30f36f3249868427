"""The exact backend: strong simulation by SLOS on this machine's CPU or GPU."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import torch

from hqdist.errors import ConfigurationError
from hqdist.execution import Backend, Capabilities, Cotangents, Noise, Provenance, Request, Result
from hqdist.execution.options import as_value
from hqdist.program import Amplitudes
from hqdist_exact._chunks import in_chunks
from hqdist_exact._circuit import compiled
from hqdist_exact._cpu import CpuLight
from hqdist_exact._device import DeviceLight
from hqdist_exact._memory import bytes_for_sample, bytes_free, bytes_needed, in_words
from hqdist_exact._noisy import NoisyReading
from hqdist_exact._readout import Reading, read
from hqdist_exact.phases import with_actual_phases

#: Requests that need less are not compared with the free memory: asking for that takes longer than they do.
NEGLIGIBLE_BYTES = 2**26


@dataclass(frozen=True)
class ExactBackend(Backend):
    """Exact values and exact derivatives, by SLOS (Heurtel et al., arXiv:2206.10549).

    On the CPU by Numba kernels, on CUDA by torch operations; in float32 or float64 as the request. The cost is n D
    complex multiply-adds a sample for the D Fock states of n photons, twice that for derivatives; mode expectations
    and correlators over the whole Fock space need no Fock space at all.

    In float32 a value is good to about 1e-6 where probabilities are of order 1. What is renormalised after
    post-selection is worth as much less as little is left: to about 1e-6 / sqrt(p) if the space holds a probability p;
    where rounding alone is left, it is a `PostSelectionError`. Use float64 where that matters.

    With noise, values are those of a device with as many shots as one likes: see docs/noise.md. Loss alone costs
    nothing; distinguishable photons cost about 2^n times as much, a source that emits two more.

    Attributes:
        noise: The imperfections of the device, or a table of them; None for an ideal one.
        memory_limit: Most bytes that a request may need; by default what is free on the device when it comes.

    Raises:
        ConfigurationError: If the limit is not positive, or the noise is none.
    """

    name: ClassVar[str] = "exact"
    in_process: ClassVar[bool] = True

    noise: Noise | None = None
    memory_limit: int | None = None

    def __post_init__(self) -> None:
        limit = self.memory_limit
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise ConfigurationError(f"memory_limit is a whole number of bytes above zero, got {limit!r}")
        object.__setattr__(self, "noise", as_value(Noise, self.noise, "noise"))

    @property
    def capabilities(self) -> Capabilities:
        """Every readout, space and size that fits in memory; amplitudes only without noise."""
        ideal = _capabilities()
        if self.noise is None:
            return ideal
        readouts = tuple(kind for kind in ideal.readouts if kind is not Amplitudes)
        return replace(ideal, readouts=readouts, noise=self.noise)

    def violations(self, request: Request) -> list[str]:
        """What `Backend.violations` finds, and sizes that do not fit in memory."""
        found = super().violations(request)
        if found:
            return found
        needed = bytes_needed(request, compiled(request.program))
        if self.noise is not None:
            reading = NoisyReading(request.program, self.noise)
            found += reading.violations()
            if found:
                return found
            needed += reading.bytes_needed(request.batch, request.inputs.element_size())
        if self.memory_limit is None and needed <= NEGLIGIBLE_BYTES:
            return found
        free = self.memory_limit or bytes_free(request.inputs.device)
        if needed > free:
            program, whose = request.program, "free" if self.memory_limit is None else "allowed by memory_limit"
            found.append(
                f"{program.photons} photons in {program.modes} modes with {request.batch} samples need "
                f"{in_words(needed)} of memory, {in_words(free)} are {whose}; use fewer photons, modes or samples, a "
                "smaller computation space, or mode expectations"
            )
        return found

    def evaluate(self, request: Request) -> Result:
        """Evaluate a request; see `Backend.evaluate`."""
        self.check(request)
        start, seed = time.perf_counter(), self._seed(request)
        with torch.no_grad():
            values, acceptance = self._read(request, request.weights, request.inputs, seed)
        return Result(values=values, acceptance=acceptance, provenance=self._provenance(start, seed))

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product; see `Backend.vjp`."""
        _, pull_back = self.evaluate_with_vjp(request)
        return pull_back(cotangent)

    def evaluate_with_vjp(self, request: Request) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate a request and keep the columns of its unitaries for the backward pass."""
        self.check(request)
        start, seed = time.perf_counter(), self._seed(request)
        weights, inputs = request.weights.detach().requires_grad_(), request.inputs.detach().requires_grad_()
        with torch.enable_grad():
            values, acceptance = self._read(request, weights, inputs, seed)
        acceptance = None if acceptance is None else acceptance.detach()

        def pull_back(cotangent: torch.Tensor) -> Cotangents:
            start = time.perf_counter()
            if values.requires_grad:
                by_weights, by_inputs = torch.autograd.grad(
                    values, (weights, inputs), cotangent, retain_graph=True, materialize_grads=True
                )
            else:  # without photons there is nothing that a phase could change
                by_weights, by_inputs = torch.zeros_like(request.weights), torch.zeros_like(request.inputs)
            return Cotangents(weights=by_weights, inputs=by_inputs, provenance=self._provenance(start, seed))

        result = Result(values=values.detach(), acceptance=acceptance, provenance=self._provenance(start, seed))
        return result, pull_back

    def _seed(self, request: Request) -> int | None:
        """The seed of what is random; None if nothing is."""
        if self.noise is None or not self.noise.random_phases:
            return None
        return secrets.randbelow(2**63) if request.seed is None else request.seed

    def _read(self, request: Request, weights: torch.Tensor, inputs: torch.Tensor, seed: int | None) -> Reading:
        program, noise = request.program, self.noise
        if noise is not None and (noise.phase_error or noise.phase_imprecision):
            program, weights, inputs = with_actual_phases(program, noise, weights, inputs, seed or 0, request.first_row)
        circuit = compiled(program)
        light = CpuLight if inputs.device.type == "cpu" else DeviceLight

        def read_rows(rows: torch.Tensor) -> Reading:
            lit = light(program, circuit, weights, rows)
            return read(program, lit) if noise is None else NoisyReading(program, noise).read(lit)

        return in_chunks(read_rows, inputs, bytes_for_sample(circuit, inputs))

    def _provenance(self, start: float, seed: int | None) -> Provenance:
        return Provenance(backend=self.name, seed=seed, compute_seconds=time.perf_counter() - start)


@lru_cache(maxsize=1)
def _capabilities() -> Capabilities:
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    return Capabilities(exact=True, sampled=False, adjoint=True, devices=devices)
