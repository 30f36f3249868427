"""Mixed precision for the classical part of a hybrid model."""

import torch
from torch import nn
from torch.optim import Optimizer

from hqdist.errors import ConfigurationError, TrainingError
from hqdist.program.checks import shown
from hqdist.training.alternating import Criterion, Loader

#: The precisions that the classical part can be lowered to.
LOWER = (torch.bfloat16, torch.float16)


def train_with_mixed_precision(
    model: nn.Module,
    train_loader: Loader,
    optimizer: Optimizer,
    criterion: Criterion,
    dtype: torch.dtype = torch.bfloat16,
) -> float:
    """One epoch in which the classical part computes in a lower precision, where torch's autocast thinks that it may.

    Quantum layers compute in their own precision, float32 or float64, values and derivatives: phases are angles that
    add up along a circuit. The parameters stay what they are. Losses are scaled, so that small gradients do not vanish,
    where that is needed: for float16.

    The guide uses `torch.cuda.amp`, which is deprecated and for CUDA only; this takes the device that the model is on.

    Args:
        model: The model, on its device; in training mode afterwards.
        train_loader: Batches of features and targets, on that device.
        optimizer: Of its parameters.
        criterion: From outputs and targets to the loss.
        dtype: bfloat16, or float16 for devices without it. With float16 a step whose gradients overflow is left out;
            no quantum layer is evaluated for such a gradient.

    Returns:
        The mean of the batches' losses, each before its step.

    Raises:
        ConfigurationError: If the precision is no lower one.
        TrainingError: If there was no batch.
    """
    if dtype not in LOWER:
        raise ConfigurationError(f"dtype is one of {', '.join(map(str, LOWER))}, got {shown(dtype)}")
    device = next(model.parameters()).device.type
    scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)
    model.train()
    losses = []
    for features, targets in train_loader:
        optimizer.zero_grad()
        with torch.autocast(device, dtype=dtype):
            loss = criterion(model(features), targets)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    if not losses:
        raise TrainingError("the loader gave no batch to train on")
    return sum(losses) / len(losses)
