"""What a model's quantum layers will cost."""

import copy

import torch
from torch import nn

from hqdist.gradient import Estimate
from hqdist.gradient.estimate import estimating


def estimate(model: nn.Module, batch: torch.Tensor, *, training: bool | None = None) -> Estimate:
    """What one batch takes of the backends of all quantum layers in a model; nothing is evaluated.

    A copy of the model is run with zeros in the place of the quantum layers' values, so whatever its `forward` does
    counts as often as it does it, and derivatives by a layer's inputs count only if something before it is trained.

    Args:
        model: Any module.
        batch: What the model takes.
        training: Whether the model is in training mode and derivatives count; None for the model's own mode.

    Raises:
        GradientError: If a derivative is needed that cannot be had.
    """
    training = model.training if training is None else training
    with estimating() as found, torch.set_grad_enabled(training), torch.random.fork_rng(devices=[]):
        copy.deepcopy(model).train(training)(batch)
    return sum(found, start=Estimate())
