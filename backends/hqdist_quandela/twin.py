"""A local stand-in for a platform: its noise, its detectors and its limits, on this machine and for free."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

import torch

from hqdist.errors import ConfigurationError
from hqdist.execution import Backend, Capabilities, Cotangents, Noise, Request, Result, backend
from hqdist.execution.options import as_value
from hqdist_quandela.backend import QuandelaBackend
from hqdist_quandela.platform import READOUTS


@dataclass(frozen=True, kw_only=True)
class Twin(Backend):
    """Refuses what a platform refuses, and evaluates the rest on a simulator with the platform's noise and detectors.

    As a table: ``{name = "twin", of = {platform = "qpu:belenos"}, shots = 10_000}``.

    Attributes:
        of: Whose twin it is, a `QuandelaBackend` or a table of its options.
        shots: Shots for each sample where a layer names none, drawn by the sampling backend. None for exact values of
            the noisy device, from the exact backend, which offers adjoint gradients.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "twin"
    in_process: ClassVar[bool] = True

    of: QuandelaBackend
    shots: int | None = None

    def __post_init__(self) -> None:
        of: QuandelaBackend | Mapping[str, Any] | None = as_value(QuandelaBackend, self.of, "of")
        if of is None:
            raise ConfigurationError("a twin is of a platform: give of = {platform = ...}")
        object.__setattr__(self, "of", of)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the simulator, within the platform's limits."""
        platform = self.of.specifications
        return replace(
            self._simulator.capabilities,
            readouts=READOUTS,
            max_modes=platform.max_modes,
            max_photons=platform.max_photons,
            max_shots=platform.max_shots,
        )

    def violations(self, request: Request) -> list[str]:
        """What the platform or the simulator does not take."""
        found = super().violations(request) + self.of.specifications.violations(request)
        return found or self._simulator.violations(request)

    def evaluate(self, request: Request) -> Result:
        """Evaluate on the simulator; see `Backend.evaluate`."""
        self.check(request)
        return self._simulator.evaluate(request)

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The simulator's vector-Jacobian product."""
        self.check(request)
        return self._simulator.vjp(request, cotangent)

    def evaluate_with_vjp(self, request: Request) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Let the simulator keep what it needs."""
        self.check(request)
        return self._simulator.evaluate_with_vjp(request)

    @property
    def _simulator(self) -> Backend:
        return _simulator(self.of.device_noise, self.shots is not None)


@lru_cache(maxsize=32)
def _simulator(noise: Noise, sampled: bool) -> Backend:
    return backend("sampling" if sampled else "exact", noise=noise)
