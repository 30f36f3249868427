"""Learning rates that change over a training run."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from hqdist.errors import ConfigurationError
from hqdist.program.checks import whole

#: From the number of steps (or epochs) done to the factor by which the learning rate is multiplied.
Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The learning rate as it is, after rising to it.

    Attributes:
        warmup: Steps in which it rises: in step s from 0, ``(s + 1) / (warmup + 1)`` of it.

    Raises:
        ConfigurationError: If that is no number of steps.
    """

    warmup: int = 0

    def __post_init__(self) -> None:
        whole(self.warmup, "the warmup of a schedule", least=0, error=ConfigurationError)

    def __call__(self, step: int) -> float:
        """The factor after so many steps."""
        return min(1.0, (step + 1) / (self.warmup + 1))


@dataclass(frozen=True)
class Cosine:
    """From the learning rate towards zero along half a cosine: ``(1 + cos(pi s / S)) / 2``, after rising to it.

    Attributes:
        steps: All steps of the run, warm-up included; S of them after it. Zero is reached after the last and kept.
        warmup: As for `Constant`.

    Raises:
        ConfigurationError: If there is no step after the warm-up.
    """

    steps: int
    warmup: int = 0

    def __post_init__(self) -> None:
        warmup = whole(self.warmup, "the warmup of a schedule", least=0, error=ConfigurationError)
        whole(self.steps, "the steps of a schedule with its warmup", least=warmup + 1, error=ConfigurationError)

    def __call__(self, step: int) -> float:
        """The factor after so many steps."""
        if step < self.warmup:
            return Constant(self.warmup)(step)
        done = min(1.0, (step - self.warmup) / (self.steps - self.warmup))
        return (1 + math.cos(math.pi * done)) / 2


def create_hybrid_schedulers(
    classical_optimizer: Optimizer, quantum_optimizer: Optimizer, *, classical: Schedule, quantum: Schedule
) -> tuple[LambdaLR, LambdaLR]:
    """A scheduler for each of two optimisers, as `create_hybrid_optimizer` makes them; call ``step()`` on both.

    Torch's schedulers, so that they save and load by ``state_dict`` with the optimisers.

    Args:
        classical_optimizer: Of the classical parameters.
        quantum_optimizer: Of the quantum ones.
        classical: The schedule of the former, such as ``Cosine(steps=epochs)``.
        quantum: That of the latter, such as ``Constant(warmup=5)``: phases wait until what feeds them has settled.
    """
    return LambdaLR(classical_optimizer, classical), LambdaLR(quantum_optimizer, quantum)
