"""How derivatives of a request are obtained, whichever backend evaluates it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch

from hqdist.execution import Backend, Cotangents, Request, Result


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which derivatives somebody needs: by the weights, by the inputs, or both."""

    weights: bool = True
    inputs: bool = True


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something takes of a backend. Costs add, and multiply by whole numbers.

    Attributes:
        evaluations: Circuits evaluated: rows of requests.
        shots: Shots in all of them.
        calls: Requests that they are sent in.
    """

    evaluations: int = 0
    shots: int = 0
    calls: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            evaluations=self.evaluations + other.evaluations,
            shots=self.shots + other.shots,
            calls=self.calls + other.calls,
        )

    def __mul__(self, times: int) -> "Cost":
        return Cost(evaluations=self.evaluations * times, shots=self.shots * times, calls=self.calls * times)


class GradientMethod(ABC):
    """A way to pull a cotangent back through a request; orthogonal to who evaluates it."""

    name: ClassVar[str]

    #: Whether it draws numbers, so that it needs a seed even where values are exact.
    random: ClassVar[bool] = False

    @abstractmethod
    def pull_back(self, backend: Backend, request: Request, cotangent: torch.Tensor, wanted: Wanted) -> Cotangents:
        """The derivative of ``sum(cotangent * values)`` by weights and inputs.

        Args:
            backend: Who evaluated the request.
            request: The request as it was evaluated.
            cotangent: (B, R).
            wanted: Which derivatives are needed; the others may be left at zero.
        """

    def evaluate(
        self, backend: Backend, request: Request, wanted: Wanted
    ) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate a request that will be differentiated: its result, and `pull_back` as a function of the cotangent.

        A method that can reuse the evaluation's work overrides this.
        """
        return backend.evaluate(request), lambda cotangent: self.pull_back(backend, request, cotangent, wanted)

    @abstractmethod
    def cost(self, backend: Backend, request: Request, wanted: Wanted) -> Cost:
        """What `pull_back` will take of the backend, beyond the evaluation itself; nothing is evaluated."""
