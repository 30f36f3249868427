"""Whether a model, and which part of it, has learnt what does not generalise."""

import copy
import warnings
from dataclasses import dataclass

import torch
from torch import nn

from hqdist.analysis.evaluate import Batches, Criterion, mean_loss
from hqdist.errors import ConfigurationError


class OverfittingWarning(UserWarning):
    """A model does much better on what it was trained with than on other samples."""


@dataclass(frozen=True)
class OverfittingReport:
    """Losses on training and on validation samples, and what each component does for either.

    True if the whole model overfits, as the guide's function returns it.

    Attributes:
        train_loss: On the samples that the model was trained with.
        validation_loss: On others.
        threshold: Their ratio above which the model overfits.
        components: For each of the model's own modules with parameters, by how much the training and the validation
            loss grow when its parameters are disturbed.
    """

    train_loss: float
    validation_loss: float
    threshold: float
    components: dict[str, tuple[float, float]]

    @property
    def ratio(self) -> float:
        """Validation over training loss."""
        return self.validation_loss / max(self.train_loss, 1e-12)

    def __bool__(self) -> bool:
        return self.ratio > self.threshold

    def memorised(self, component: str) -> float:
        """How much of what a component does for the training loss does not show in the validation loss: 0 to 1."""
        train, validation = self.components[component]
        return 0.0 if train <= 0 else min(1.0, max(0.0, 1 - validation / train))

    def __str__(self) -> str:
        verdict = "overfits" if self else "does not overfit"
        head = f"loss: training {self.train_loss:.4g}, validation {self.validation_loss:.4g}: the model {verdict}"
        lines = [
            f"  {name:<24} disturbed: training {train:+.3g}, validation {validation:+.3g};"
            f" {self.memorised(name):.0%} memorised"
            for name, (train, validation) in self.components.items()
        ]
        return "\n".join([head, *lines])


def detect_component_overfitting(
    model: nn.Module,
    train_loader: Batches,
    val_loader: Batches,
    criterion: Criterion,
    *,
    threshold: float = 1.5,
    disturbance: float = 0.1,
    draws: int = 8,
    seed: int = 0,
) -> OverfittingReport:
    """Compare losses on training and validation samples, for the model and for each of its components.

    The guide compares the losses of the whole model, which says nothing of its components. Here each component's
    parameters are disturbed at random in turn. What it has learnt that holds in general is lost for both losses alike;
    what it has memorised is lost for the training loss only.

    Args:
        model: The trained model; it is not changed.
        train_loader: Batches that it was trained with.
        val_loader: Batches that it was not trained with.
        criterion: A mean over the samples of a batch, positive.
        threshold: The ratio of losses above which the model overfits.
        disturbance: Standard deviation of what is added to a parameter, in units of the root mean square of its tensor.
        draws: Disturbances that are averaged. Each evaluates all samples once for each component, which hardware
            charges for.
        seed: Of the disturbances.

    Raises:
        ConfigurationError: If there are no samples, or a figure is not positive.
    """
    if not (threshold > 0 and disturbance > 0 and draws > 0):
        raise ConfigurationError("threshold, disturbance and draws are above zero")
    loaders = list(train_loader), list(val_loader)
    train, validation = (mean_loss(model, loader, criterion) for loader in loaders)
    generator = torch.Generator().manual_seed(seed)
    components = {}
    for name, part in model.named_children():
        if not any(parameter.numel() for parameter in part.parameters()):
            continue
        grown = [0.0, 0.0]
        for _ in range(draws):
            disturbed = copy.deepcopy(model)
            _disturb(disturbed.get_submodule(name), disturbance, generator)
            for which, (loader, before) in enumerate(zip(loaders, (train, validation), strict=True)):
                grown[which] += (mean_loss(disturbed, loader, criterion) - before) / draws
        components[name] = (grown[0], grown[1])
    report = OverfittingReport(train, validation, threshold, components)
    if report:
        warnings.warn(f"potential overfitting: {report}", OverfittingWarning, stacklevel=2)
    return report


@torch.no_grad()
def _disturb(module: nn.Module, size: float, generator: torch.Generator) -> None:
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.add_((size * parameter.double().square().mean().sqrt().cpu() * noise).to(parameter))
