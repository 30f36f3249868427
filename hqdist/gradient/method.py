"""How derivatives of a request are obtained, whichever backend evaluates it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch

from hqdist.execution import Backend, Cotangents, Request, Result


class GradientMethod(ABC):
    """A way to pull a cotangent back through a request; orthogonal to who evaluates it."""

    name: ClassVar[str]

    @abstractmethod
    def pull_back(self, backend: Backend, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The derivative of ``sum(cotangent * values)`` by weights and inputs.

        Args:
            backend: Who evaluated the request.
            request: The request as it was evaluated.
            cotangent: (B, R).
        """

    def evaluate(self, backend: Backend, request: Request) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate a request that will be differentiated: its result, and `pull_back` as a function of the cotangent.

        A method that can reuse the evaluation's work overrides this.
        """
        return backend.evaluate(request), lambda cotangent: self.pull_back(backend, request, cotangent)
