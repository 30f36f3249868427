"""Forward on a device, backward through a simulator of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from hqdist.errors import GradientError
from hqdist.execution import Backend, BackendLike, Cotangents, Request, Result
from hqdist.execution import backend as make_backend
from hqdist.gradient.method import Cost, GradientMethod, Wanted


@dataclass(frozen=True)
class Surrogate(GradientMethod):
    """The exact derivative of a simulator at the same angles, for values that come from elsewhere.

    It costs the device nothing beyond the forward pass. The derivative is biased by as much as the simulator's differs
    from the device's: by what the noise model leaves out or has wrong. Shot noise enters through the loss only.

    Attributes:
        simulator: A backend with adjoint derivatives, by name, URI, table or as it is; None for "exact" with the noise
            that the device's capabilities name.

    Raises:
        UnknownBackendError: If no backend has this name.
    """

    name: ClassVar[str] = "surrogate"

    simulator: BackendLike | None = None

    def __post_init__(self) -> None:
        if self.simulator is not None:
            object.__setattr__(self, "simulator", make_backend(self.simulator))

    def pull_back(self, backend: Backend, request: Request, cotangent: torch.Tensor, wanted: Wanted) -> Cotangents:
        """Ask the simulator for the vector-Jacobian product."""
        simulator, simulated = self._simulated(backend, request)
        return simulator.vjp(simulated, cotangent)

    def evaluate(
        self, backend: Backend, request: Request, wanted: Wanted
    ) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate on the device, once it is known that the simulator takes the request."""
        simulator, simulated = self._simulated(backend, request)
        simulator.check(simulated)
        return backend.evaluate(request), lambda cotangent: simulator.vjp(simulated, cotangent)

    def cost(self, backend: Backend, request: Request, wanted: Wanted) -> Cost:
        """Nothing: only the simulator works."""
        return Cost()

    def _simulated(self, backend: Backend, request: Request) -> tuple[Backend, Request]:
        simulator = self.simulator
        if simulator is None:
            noise = backend.capabilities.noise
            simulator = make_backend("exact") if noise is None else make_backend("exact", noise=noise)
        assert isinstance(simulator, Backend)
        if not simulator.capabilities.adjoint:
            raise GradientError(
                f"backend {simulator.name!r} offers no adjoint gradient, so it is no surrogate for {backend.name!r}; "
                "name a simulator that does, such as 'exact'"
            )
        return simulator, replace(request, shots=None)
