"""Several quantum layers, evaluated at the same time."""

from collections.abc import Iterable
from typing import TypeGuard

import torch
from torch import nn

from hqdist.errors import ConfigurationError, RequestError
from hqdist.gradient.concurrent import evaluate_at_once
from hqdist.nn.quantum_layer import QuantumLayer


def concurrently(layers: Iterable[nn.Module], *features: torch.Tensor) -> list[torch.Tensor]:
    """What ``[layer(x) for layer in layers]`` gives, with all layers evaluated at the same time; derivatives too.

    Through a pool or several workers, each layer runs on another worker; on hardware, jobs wait in the queue together.
    Values, derivatives and what is drawn at random are the same bits as in turn, whatever the gradient method. Backends
    that compute in this process have all its cores already: layers that they evaluate are still evaluated in turn.

    Layers are evaluated in turn after all where torch or somebody has to be between them: features on a GPU, layers
    with hooks or a ``forward`` of their own, and if something else is among them, such as what an ablation puts in the
    place of a layer.

    Args:
        layers: Quantum layers, each with any backend; one may come more than once.
        *features: What all of them take, (B, F) or (F,); or one tensor for each.

    Returns:
        Each layer's outputs, (B, output_size) or (output_size,), in the order of the layers.

    Raises:
        RequestError: If there are neither features for all nor for each.
        HqdistError: What the first layer that fails raises, once the others have ended.
    """
    layers = tuple(layers)
    if len(features) not in (1, len(layers)):
        raise RequestError(f"{len(layers)} layers take one tensor of features, or {len(layers)}; got {len(features)}")
    each = features * len(layers) if len(features) == 1 else features
    pairs = [(layer, x) for layer, x in zip(layers, each, strict=True) if _is_plain(layer, x)]
    if len(pairs) < len(layers):
        return [layer(x) for layer, x in zip(layers, each, strict=True)]
    values = evaluate_at_once(
        (layer._evaluation(), (layer._batch(layer._features(x)), layer.phases)) for layer, x in pairs
    )
    return [layer._outputs(own, x) for own, (layer, x) in zip(values, pairs, strict=True)]


class ConcurrentLayers(nn.Module):
    """Quantum layers side by side, evaluated at the same time, their outputs joined.

    See `concurrently`; errors as there.

    Args:
        layers: The quantum layers, registered as ``layers``.

    Raises:
        ConfigurationError: If there is none, or something else among them.
    """

    def __init__(self, layers: Iterable[QuantumLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        if not self.layers:
            raise ConfigurationError("layers side by side are at least one")
        others = {type(layer).__name__ for layer in self.layers if not isinstance(layer, QuantumLayer)}
        if others:
            raise ConfigurationError(
                f"quantum layers are evaluated concurrently, not {', '.join(sorted(others))}; put what is classical "
                "before them or after them"
            )

    @property
    def output_size(self) -> int:
        """Number of outputs of all layers together."""
        return sum(layer.output_size for layer in self.layers)  # type: ignore[misc]

    def forward(self, *features: torch.Tensor) -> torch.Tensor:
        """Features for all layers, (B, F), or one tensor for each, to (B, output_size)."""
        return torch.cat(concurrently(self.layers, *features), dim=-1)


def _is_plain(layer: nn.Module, x: torch.Tensor) -> TypeGuard[QuantumLayer]:
    """Whether calling a layer is its evaluation on the CPU and nothing else."""
    if type(layer).forward is not QuantumLayer.forward:
        return False
    hooks = (layer._forward_pre_hooks, layer._forward_hooks, layer._backward_pre_hooks, layer._backward_hooks)
    return not any(hooks) and isinstance(x, torch.Tensor) and x.device.type == "cpu"
