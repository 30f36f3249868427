"""The backend's own vector-Jacobian product."""

from collections.abc import Callable
from typing import ClassVar

import torch

from hqdist.execution import Backend, Cotangents, Request, Result
from hqdist.gradient.method import Cost, GradientMethod, Wanted


class Adjoint(GradientMethod):
    """Exact derivatives, for backends whose capabilities say `adjoint`."""

    name: ClassVar[str] = "adjoint"

    def pull_back(self, backend: Backend, request: Request, cotangent: torch.Tensor, wanted: Wanted) -> Cotangents:
        """Ask the backend for the vector-Jacobian product."""
        return backend.vjp(request, cotangent)

    def evaluate(
        self, backend: Backend, request: Request, wanted: Wanted
    ) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Let the backend keep what it needs for the product."""
        return backend.evaluate_with_vjp(request)

    def cost(self, backend: Backend, request: Request, wanted: Wanted) -> Cost:
        """One pass back through the circuit, in one call; no shots."""
        return Cost(evaluations=request.batch, calls=1)
