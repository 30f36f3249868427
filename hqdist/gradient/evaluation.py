"""What a quantum layer does with numbers: forward through a backend, backward through a gradient method."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch

from hqdist.execution import Backend, Request
from hqdist.gradient._nodes import Evaluate
from hqdist.gradient.call import Call
from hqdist.gradient.choice import GradientLike, choose, named
from hqdist.gradient.estimate import estimate_request
from hqdist.gradient.method import GradientMethod, Wanted
from hqdist.program import Program

_log = logging.getLogger("hqdist")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Who evaluates what, and how it is differentiated: all of a layer's call but the numbers.

    Attributes:
        program: What to evaluate.
        backend: Who evaluates it.
        gradient: A gradient method, its name, or a table with its name and options.
        shots: Shots for each sample; None for the backend's own choice, exact values where it makes none.
        told: What the logger was told already.

    Where "auto" has chosen the method, the logger "hqdist" tells which and what it costs, once, before it spends
    anything.

    What is random follows from a seed that each call draws from torch's random state, so `torch.manual_seed` decides.
    """

    program: Program
    backend: Backend
    gradient: GradientLike = "auto"
    shots: int | None = None
    told: set[tuple[str, str]] = field(default_factory=set, compare=False, repr=False)

    def __call__(self, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Values (B, R) for inputs (B, F) and weights (T,), attached to the autograd graph of both.

        Raises:
            GradientError: If a derivative will be needed that cannot be had; nothing was evaluated.
        """
        values: torch.Tensor = Evaluate.apply(inputs, weights, self.call(inputs, weights))  # type: ignore[no-untyped-call]
        return values

    def call(self, inputs: torch.Tensor, weights: torch.Tensor) -> Call:
        """Get ready to evaluate: the method is chosen and the seed is drawn.

        Raises:
            GradientError: If a derivative will be needed that cannot be had.
        """
        method = None
        wanted = Wanted(weights=weights.requires_grad, inputs=inputs.requires_grad)
        if torch.is_grad_enabled() and (wanted.weights or wanted.inputs):
            method = self.method()
        return Call(self, method, wanted, self._seed())

    def request(self, inputs: torch.Tensor, weights: torch.Tensor, seed: int | None = None) -> Request:
        """The request for these numbers."""
        return Request(program=self.program, weights=weights, inputs=inputs, shots=self._shots, seed=seed)

    def method(self) -> GradientMethod:
        """How derivatives are obtained.

        Raises:
            GradientError: If the backend does not offer what the method needs.
        """
        return choose(self.gradient, self.backend, sampled=self._shots is not None)

    def tell(self, request: Request, method: GradientMethod, wanted: Wanted) -> None:
        """Tell the logger which method "auto" has chosen, and what it costs, if it does not know."""
        choice = (self.backend.name, method.name)
        if self.gradient == "auto" and choice not in self.told:
            self.told.add(choice)
            _log.info("gradient 'auto': %s", estimate_request(self.backend, request, method, wanted))

    @property
    def _shots(self) -> int | None:
        return self.backend.shots if self.shots is None else self.shots

    def _seed(self) -> int | None:
        noise = self.backend.capabilities.noise
        method = named(self.gradient)
        random = (
            self._shots is not None
            or (noise is not None and noise.random_phases)
            or (method is not None and method.random)
        )
        return _drawn_seed() if random else None


def _drawn_seed() -> int:
    """A seed from torch's random state."""
    try:
        return int(torch.randint(2**63 - 1, ()))
    except RuntimeError:  # under vmap, where torch draws no plain number; another thread is not under it
        with ThreadPoolExecutor(1) as outside:
            return outside.submit(_drawn_seed).result()
