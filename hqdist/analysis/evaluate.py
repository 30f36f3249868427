"""The loss of a model on some data, as all of this package takes it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import nn

from hqdist.errors import ConfigurationError

Batches: TypeAlias = Iterable[tuple[torch.Tensor, torch.Tensor]]
Criterion: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def mean_loss(model: nn.Module, batches: Batches, criterion: Criterion) -> float:
    """The mean of a criterion over samples, in evaluation mode and without gradients.

    A batch counts by its samples: the last one, which may be smaller, does not count more than it should.

    Raises:
        ConfigurationError: If there are no samples.
    """
    total, samples = 0.0, 0
    with evaluating(model), torch.no_grad():
        for features, targets in batches:
            total += float(criterion(model(features), targets)) * len(features)
            samples += len(features)
    if not samples:
        raise ConfigurationError("there are no samples to evaluate on")
    return total / samples


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for all modules of a model; each is given back the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
