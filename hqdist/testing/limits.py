"""Checks of refusals: what a backend cannot do, it says before anything is computed, and completely."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from hqdist.errors import CapabilityError
from hqdist.execution import Backend, Request
from hqdist.program import (
    Amplitudes,
    ComputationSpace,
    FixedUnitary,
    ModeExpectations,
    NumberCorrelators,
    Probabilities,
    Program,
    Readout,
)
from hqdist.testing.check import ConformanceError, require
from hqdist.testing.circuits import SHOTS, shots

_READOUTS: tuple[type[Readout], ...] = (Probabilities, ModeExpectations, NumberCorrelators, Amplitudes)


@dataclass(frozen=True)
class _Ask:
    """A small request, in the terms in which capabilities are declared."""

    readout: type[Readout]
    space: ComputationSpace
    shots: int | None
    modes: int = 2
    photons: int = 1
    batch: int = 1
    device: str = "cpu"

    def request(self) -> Request:
        """The request; with more modes or photons where the space asks for them."""
        modes, photons = self.modes, self.photons
        if self.space is ComputationSpace.UNBUNCHED:
            modes = max(modes, photons)
        elif self.space is ComputationSpace.DUAL_RAIL:
            photons = max(photons, -(-modes // 2))
            modes = 2 * photons
        program = Program(
            modes=modes,
            input_state=(photons, *[0] * (modes - 1)),
            elements=(FixedUnitary((0,), [[1j]]),),  # type: ignore[arg-type]
            readout=self.readout(self.space),
        )
        values = torch.zeros(0), torch.zeros(self.batch, 0)
        request = Request(program=program, weights=values[0], inputs=values[1], shots=self.shots)
        if self.device != "cpu":
            object.__setattr__(request, "weights", values[0].to(self.device))
            object.__setattr__(request, "inputs", values[1].to(self.device))
        return request


class Untouchable(torch.Tensor):
    """A tensor whose shape, type and place may be read, and whose numbers may not."""

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Let descriptions of the tensor through, and nothing else."""
        name = getattr(func, "__name__", "")
        if name in ("__get__", "__len__", "size", "dim", "numel", "nelement", "element_size"):
            return super().__torch_function__(func, types, args, kwargs)  # type: ignore[no-untyped-call]
        raise ConformanceError(f"it looks at the values ({name}) of a request that it must refuse")


def every_violation_is_named(backend: Backend) -> None:
    """`check` raises a `CapabilityError` for each declared constraint, and names all of them if all are violated."""
    small, excesses = _excesses(backend)
    everything = small
    for what, excess in excesses.items():
        for changes in excess:
            found = _refusal(backend.check, replace(small, **changes).request(), what).violations
            require(bool(found), f"{what}: refused without saying why")
        everything = replace(everything, **excess[0])
    named = _refusal(backend.check, everything.request(), "everything at once").violations
    require(
        len(set(named)) >= len(excesses),
        f"a request that violates {len(excesses)} constraints ({', '.join(excesses)}) is refused for: {list(named)}",
    )


def limits_come_before_computing(backend: Backend) -> None:
    """`evaluate`, `submit` and derivatives refuse what `check` refuses, without a look at the values."""
    small, excesses = _excesses(backend)
    ways: dict[str, Callable[[Request], object]] = {
        "evaluate": backend.evaluate,
        "submit": lambda request: backend.submit(request).result(timeout=60),
    }
    if backend.capabilities.adjoint:
        ways["evaluate_with_vjp"] = backend.evaluate_with_vjp
        ways["vjp"] = lambda request: backend.vjp(request, torch.zeros(request.batch, request.program.outputs))
    for what, excess in excesses.items():
        for way, ask in ways.items():
            request = replace(small, **excess[0]).request()
            for name in ("weights", "inputs"):
                object.__setattr__(request, name, getattr(request, name).as_subclass(Untouchable))
            _refusal(ask, request, f"{way}, {what}")


def _refusal(ask: Callable[[Request], object], request: Request, what: str) -> CapabilityError:
    try:
        ask(request)
    except CapabilityError as error:
        return error
    except ConformanceError as error:
        raise ConformanceError(f"{what}: {error}") from error
    raise ConformanceError(f"{what}: not refused")


def _excesses(backend: Backend) -> tuple[_Ask, dict[str, list[dict[str, Any]]]]:
    """A request that is allowed, and for each declared constraint the changes that violate it."""
    can = backend.capabilities
    readout = next(kind for kind in can.readouts if can.exact or kind is not Amplitudes)
    limits = {"modes": can.max_modes, "photons": can.max_photons, "batch": can.max_batch}
    excesses: dict[str, list[dict[str, Any]]] = {
        f"too many {name}" if name != "batch" else "too many samples": [{name: most + 1}]
        for name, most in limits.items()
        if most is not None
    }
    excesses |= {
        "a readout that it does not declare": [{"readout": kind} for kind in _READOUTS if kind not in can.readouts],
        "a space that it does not declare": [{"space": s} for s in ComputationSpace if s not in can.spaces],
        "a device that it does not declare": [{"device": "meta"}],
        "exact values": [] if can.exact else [{"shots": None}],
        "shots": [] if can.sampled else [{"shots": SHOTS}],
    }
    small = _Ask(readout=readout, space=can.spaces[0], shots=shots(backend))
    return small, {what: excess for what, excess in excesses.items() if excess}
