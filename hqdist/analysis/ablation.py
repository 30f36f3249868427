"""What the quantum part contributes: the model with its quantum layers replaced, before training or with it."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn

from hqdist.analysis.evaluate import Batches, Criterion, mean_loss
from hqdist.analysis.statistics import Mean
from hqdist.errors import ConfigurationError
from hqdist.nn import QuantumLayer


class Variant(StrEnum):
    """What stands in the place of each quantum layer.

    FULL: the layer itself. IDENTITY: its inputs; where it has more outputs than inputs zeros follow, where it has fewer
    the last are left out. ZERO: zeros. FROZEN: the same layer with random phases and a random output map, which are not
    trained: what random features give. CLASSICAL: a network with one hidden layer and about as many parameters.
    """

    FULL = "full"
    IDENTITY = "identity"
    ZERO = "zero"
    FROZEN = "frozen"
    CLASSICAL = "classical"


@dataclass(frozen=True)
class AblationStudy:
    """What was measured, for each variant.

    Attributes:
        scores: By variant, one figure for each seed.
        parameters: By variant, how many trainable parameters the model has.
        confidence: Of the intervals.
    """

    scores: dict[Variant, tuple[float, ...]]
    parameters: dict[Variant, int]
    confidence: float

    def mean(self, variant: Variant) -> Mean:
        """Over the seeds."""
        return Mean.of(self.scores[variant], self.confidence)

    def contribution(self, variant: Variant) -> Mean:
        """By how much the figure is larger with a replacement than with the quantum layer, seed by seed.

        For a loss: positive where the quantum layer helps. An interval with zero in it shows no difference.
        """
        pairs = zip(self.scores[variant], self.scores[Variant.FULL], strict=True)
        return Mean.of([replaced - full for replaced, full in pairs], self.confidence)

    @property
    def full_model(self) -> float:
        """The guide's name for the figure of the whole model."""
        return self.mean(Variant.FULL).value

    @property
    def classical_only(self) -> float:
        """The guide's name for the figure with identities."""
        return self.mean(Variant.IDENTITY).value

    @property
    def quantum_contribution(self) -> float:
        """The guide's name for the difference of the two."""
        return self.contribution(Variant.IDENTITY).value

    def __str__(self) -> str:
        lines = [f"{'variant':<12}{'parameters':>10}  {'figure':<20}more than full"]
        for variant in self.scores:
            more = "" if variant is Variant.FULL else str(self.contribution(variant))
            lines.append(f"{variant:<12}{self.parameters[variant]:>10}  {self.mean(variant)!s:<20}{more}")
        return "\n".join(lines)


def ablation_study(
    base_model: nn.Module,
    test_loader: Batches,
    criterion: Criterion,
    *,
    variants: Iterable[Variant | str] = (Variant.IDENTITY, Variant.ZERO, Variant.FROZEN),
    seeds: Sequence[int] = (0,),
) -> AblationStudy:
    """How much a trained model relies on its quantum layers: its figure with each of them replaced, not trained again.

    The guide replaces one layer of a certain name in the model itself, puts it back only if nothing fails, and takes
    what the trained model loses for what the quantum part contributes. A model loses by any part being torn out that it
    was trained with: what the part contributes is the question of `trained_ablation_study`. Here copies are changed and
    never the model, all quantum layers are found by type, and batches count by their samples.

    Args:
        base_model: The trained model.
        test_loader: Batches of features and targets.
        criterion: The figure: a mean over the samples of a batch.
        variants: What to compare with the whole model.
        seeds: For what is drawn at random.

    Raises:
        ConfigurationError: If the model has no quantum layer.
    """
    batches = list(test_loader)

    def score(variant: Variant, seed: int) -> tuple[float, int]:
        torch.manual_seed(seed)
        model = with_replacement(base_model, variant)
        return mean_loss(model, batches, criterion), _trainable(model)

    return _study(score, variants, seeds, 0.95)


def trained_ablation_study(
    make_model: Callable[[], nn.Module],
    train: Callable[[nn.Module], object],
    score: Callable[[nn.Module], float],
    *,
    variants: Iterable[Variant | str] = (Variant.IDENTITY, Variant.ZERO, Variant.FROZEN, Variant.CLASSICAL),
    seeds: Sequence[int] = range(5),
    confidence: float = 0.95,
) -> AblationStudy:
    """What quantum layers contribute: the model is trained from scratch with them and with each replacement.

    Args:
        make_model: A fresh model; parameters are drawn from torch's random state, which is seeded before.
        train: Trains a model, from the same random state for each variant.
        score: The figure of a trained model, such as its loss on samples that it was not trained with.
        variants: What to compare with the whole model.
        seeds: One run of each variant for each.
        confidence: Of the intervals, by Student's t distribution over the seeds; differences are paired by seed.

    Raises:
        ConfigurationError: If the model has no quantum layer, or there is no seed.
    """

    def run(variant: Variant, seed: int) -> tuple[float, int]:
        torch.manual_seed(seed)
        model = with_replacement(make_model(), variant)
        torch.manual_seed(seed)
        train(model)
        with torch.no_grad():
            return float(score(model)), _trainable(model)

    return _study(run, variants, seeds, confidence)


def with_replacement(model: nn.Module, variant: Variant) -> nn.Module:
    """A copy of a model with something else in the place of each quantum layer; random where the variant is.

    Raises:
        ConfigurationError: If the model has no quantum layer, or is one.
    """
    changed = copy.deepcopy(model)
    places = [
        (parent, name, child)
        for parent in changed.modules()
        for name, child in parent.named_children()
        if isinstance(child, QuantumLayer)
    ]
    if not places:
        raise ConfigurationError("the model has no quantum layer to replace")
    for parent, name, layer in places:
        setattr(parent, name, _replacement(layer, variant))
    return changed


def _replacement(layer: QuantumLayer, variant: Variant) -> nn.Module:
    match variant:
        case Variant.FULL:
            return layer
        case Variant.IDENTITY:
            return _Fixed(layer.output_size, keep=True)
        case Variant.ZERO:
            return _Fixed(layer.output_size, keep=False)
        case Variant.FROZEN:
            with torch.no_grad():
                layer.phases.uniform_(0, 2 * torch.pi)
                if layer.output_map is not None:
                    for module in layer.output_map.modules():
                        if isinstance(module, nn.Linear):
                            module.reset_parameters()
            return layer.requires_grad_(False)
        case Variant.CLASSICAL:
            return _classical(layer)


class _Fixed(nn.Module):
    def __init__(self, outputs: int, *, keep: bool) -> None:
        super().__init__()
        self._outputs, self._keep = outputs, keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self._keep:
            return x.new_zeros(*x.shape[:-1], self._outputs)
        return nn.functional.pad(x, (0, self._outputs - x.shape[-1]))  # a negative padding leaves the last ones out


def _classical(layer: QuantumLayer) -> nn.Module:
    """A network with one hidden layer, as wide as comes closest to the layer's number of parameters."""
    inputs, outputs, wanted = layer.input_size, layer.output_size, _trainable(layer)
    width = max(1, round((wanted - outputs) / (inputs + outputs + 1)))
    made = nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs))
    return made.to(layer.phases)


def _study(
    score: Callable[[Variant, int], tuple[float, int]],
    variants: Iterable[Variant | str],
    seeds: Sequence[int],
    confidence: float,
) -> AblationStudy:
    asked = dict.fromkeys((Variant.FULL, *(Variant(variant) for variant in variants)))
    if not seeds:
        raise ConfigurationError("an ablation takes at least one seed")
    scores: dict[Variant, tuple[float, ...]] = {}
    parameters: dict[Variant, int] = {}
    with torch.random.fork_rng():
        for variant in asked:
            found = [score(variant, seed) for seed in seeds]
            scores[variant] = tuple(figure for figure, _ in found)
            parameters[variant] = found[0][1]
    return AblationStudy(scores, parameters, confidence)


def _trainable(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
