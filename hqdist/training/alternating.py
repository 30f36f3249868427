"""Training classical and quantum parameters by turns."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim import Optimizer

from hqdist.errors import ConfigurationError, TrainingError
from hqdist.program.checks import whole

#: Where the classical optimiser counts the batches of both phases; its state_dict carries the count along.
_COUNT = "alternating_batches"

Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Loader = Iterable[tuple[torch.Tensor, torch.Tensor]]


def train_hybrid_alternating(
    model: nn.Module,
    train_loader: Loader,
    classical_opt: Optimizer,
    quantum_opt: Optimizer,
    criterion: Criterion,
    classical_steps: int = 5,
    quantum_steps: int = 1,
) -> float:
    """One epoch in which classical and quantum parameters are trained by turns, some batches each.

    What is not the phase's gets no gradient, and a quantum layer none beyond what is asked of it: in a classical phase
    only derivatives by its inputs, and only if something classical before it is trained; in a quantum phase only those
    by its phases. On hardware that is what shots are spent on. The guide computes all gradients in both phases.

    The guide starts with the classical phase in each epoch, so that loaders of no more than `classical_steps` batches
    never train the quantum part. Here turns go on where the last epoch has ended: the classical optimiser counts
    batches, and keeps the count when it is saved and loaded.

    Args:
        model: What is trained; in training mode afterwards.
        train_loader: Batches of features and targets, at least one.
        classical_opt: Of the parameters for the classical phase, see `create_hybrid_optimizer`.
        quantum_opt: Of those for the quantum phase.
        criterion: From outputs and targets to the loss.
        classical_steps: Batches of a classical phase.
        quantum_steps: Batches of the quantum phase after it.

    Returns:
        The mean of the batches' losses, each before its step.

    Raises:
        ConfigurationError: If the numbers of batches are not valid.
        TrainingError: If there was no batch.
    """
    classical_steps = whole(classical_steps, "classical_steps", least=0, error=ConfigurationError)
    quantum_steps = whole(quantum_steps, "quantum_steps", least=0, error=ConfigurationError)
    if not classical_steps + quantum_steps:
        raise ConfigurationError("classical_steps and quantum_steps are both 0, so there would be nothing to train")
    model.train()
    count = classical_opt.param_groups[0]
    losses = []
    for features, targets in train_loader:
        turn = count.setdefault(_COUNT, 0) % (classical_steps + quantum_steps)
        optimiser = classical_opt if turn < classical_steps else quantum_opt
        classical_opt.zero_grad()
        quantum_opt.zero_grad()
        with _only(optimiser, model):
            loss = criterion(model(features), targets)
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        count[_COUNT] += 1
        losses.append(loss.item())
    if not losses:
        raise TrainingError("the loader gave no batch to train on")
    return sum(losses) / len(losses)


@contextmanager
def _only(optimiser: Optimizer, model: nn.Module) -> Iterator[None]:
    """Only the optimiser's parameters get gradients."""
    trained = {parameter for group in optimiser.param_groups for parameter in group["params"]}
    held = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter not in trained]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
