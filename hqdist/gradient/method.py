"""How derivatives of a request are obtained, whichever backend evaluates it."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from hqdist.execution import Backend, Cotangents, Request


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
