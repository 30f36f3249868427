"""The backend's own vector-Jacobian product."""

from collections.abc import Callable
from typing import ClassVar

import torch

from hqdist.execution import Backend, Cotangents, Request, Result
from hqdist.gradient.method import GradientMethod


class Adjoint(GradientMethod):
    """Exact derivatives, for backends whose capabilities say `adjoint`."""

    name: ClassVar[str] = "adjoint"

    def pull_back(self, backend: Backend, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """Ask the backend for the vector-Jacobian product."""
        return backend.vjp(request, cotangent)

    def evaluate(self, backend: Backend, request: Request) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Let the backend keep what it needs for the product."""
        return backend.evaluate_with_vjp(request)
