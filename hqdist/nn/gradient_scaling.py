"""Gradients that count for less (or more) than they are, with values left alone."""

from typing import Any

import torch
from torch import nn

from hqdist.errors import ConfigurationError
from hqdist.program.checks import real


def scale_gradient(x: torch.Tensor, factor: float) -> torch.Tensor:
    """The same values; whatever gradient comes back through them is multiplied by a factor."""
    scaled: torch.Tensor = _ScaleGradient.apply(x, factor)  # type: ignore[no-untyped-call]
    return scaled


class GradientScaledQuantumLayer(nn.Module):
    """A quantum layer that learns at a different pace: ``quantum_layer(x)``, its gradients times ``scale_factor``.

    The gradients of its parameters are scaled, and so is what passes through it to whatever is before. Adam and other
    optimisers that divide by the size of gradients undo a constant factor on parameters; give those a learning rate of
    their own instead, see `create_hybrid_optimizer`.

    The guide multiplies the layer's *output* by the factor, in training only: the model then computes one function
    while it learns and another one when it is used. Here values are the layer's own in both modes.

    Args:
        quantum_layer: The layer; any module.
        scale_factor: The factor, not negative.

    Raises:
        ConfigurationError: If the factor is none.
    """

    def __init__(self, quantum_layer: nn.Module, scale_factor: float = 0.1) -> None:
        super().__init__()
        scale_factor = real(scale_factor, "scale_factor", error=ConfigurationError)
        if scale_factor < 0:
            raise ConfigurationError(f"scale_factor is not negative, got {scale_factor:g}")
        self.quantum_layer = quantum_layer
        self.scale_factor = scale_factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the layer gives."""
        return scale_gradient(self.quantum_layer(x), self.scale_factor)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"scale_factor={self.scale_factor:g}"


class _ScaleGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, factor: float) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        _, ctx.factor = inputs

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None]:
        return cotangents[0] * ctx.factor, None
