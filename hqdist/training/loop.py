"""One pass over the samples: learning from them, or only looking."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from hqdist.errors import TrainingError
from hqdist.training.data import Part


@dataclass(frozen=True)
class Score:
    """How well a model did on some samples.

    Attributes:
        loss: Mean cross entropy, in nats.
        accuracy: Fraction of samples whose most likely class is the right one.
    """

    loss: float
    accuracy: float


class DivergenceError(TrainingError):
    """A loss is not finite."""


class _Tally:
    """Adds batches up to a score."""

    def __init__(self) -> None:
        self.samples = 0
        self.loss = 0.0
        self.correct = 0

    def add(self, logits: torch.Tensor, labels: torch.Tensor, loss: float) -> None:
        self.samples += len(labels)
        self.loss += loss * len(labels)
        self.correct += int((logits.argmax(dim=1) == labels).sum())

    def score(self) -> Score:
        return Score(self.loss / self.samples, self.correct / self.samples)


def shuffled_batches(samples: int, batch_size: int, *, seed: int, epoch: int) -> list[torch.Tensor]:
    """Indices of the samples, shuffled and cut into batches: a function of seed and epoch and nothing else.

    No batch has a single sample (batch normalisation cannot take it): a last one joins the batch before.
    """
    generator = torch.Generator().manual_seed((seed << 31) + epoch)
    order = torch.randperm(samples, generator=generator)
    batches = [order[first : first + batch_size] for first in range(0, samples, batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def train_epoch(
    model: nn.Module,
    part: Part,
    optimiser: torch.optim.Optimizer,
    batches: list[torch.Tensor],
    watch: Callable[[Score], None],
) -> Score:
    """Learn from every batch once.

    Args:
        model: Gives logits (B, classes); changed in place.
        part: The training samples.
        optimiser: Of the model's parameters.
        batches: Indices of samples.
        watch: Told the score so far after every batch.

    Returns:
        The score over the epoch, each batch measured just before it was learned from.

    Raises:
        DivergenceError: If the loss is not finite; the parameters are as before that batch.
    """
    model.train()
    tally = _Tally()
    for number, indices in enumerate(batches, start=1):
        labels = part.labels[indices]
        logits = model(part.features[indices])
        loss = cross_entropy(logits, labels)
        value = loss.item()
        if not math.isfinite(value):
            raise DivergenceError(f"the loss became {value} in batch {number} of {len(batches)}")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        tally.add(logits, labels, value)
        watch(tally.score())
    return tally.score()


@torch.no_grad()
def evaluate(model: nn.Module, part: Part, batch_size: int) -> Score:
    """The score of a model on some samples; the model is left as it is, in evaluation mode.

    Raises:
        DivergenceError: If the loss is not finite.
    """
    model.eval()
    tally = _Tally()
    for first in range(0, len(part), batch_size):
        labels = part.labels[first : first + batch_size]
        logits = model(part.features[first : first + batch_size])
        tally.add(logits, labels, cross_entropy(logits, labels).item())
    score = tally.score()
    if not math.isfinite(score.loss):
        raise DivergenceError(f"the loss on the samples that are only looked at became {score.loss}")
    return score
