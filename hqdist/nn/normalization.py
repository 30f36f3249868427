"""Bringing features into [0, 1], where quantum layers expect them."""

import torch
from torch import nn

from hqdist.errors import ConfigurationError
from hqdist.program.checks import shown

#: The names that `NormalizationLayer` knows.
NORMALIZATIONS = ("sigmoid", "tanh", "minmax")


class NormalizationLayer(nn.Module):
    """Features of any size to [0, 1].

    - "sigmoid": ``1 / (1 + exp(-x))``;
    - "tanh": ``(tanh(x) + 1) / 2``, which is the sigmoid of ``2 x``;
    - "minmax": ``(x - min) / (max - min)`` over each row: its least feature becomes 0 and its largest 1.

    The guide adds 1e-8 to the denominator of "minmax": rows do not quite reach 1, half precision does not see it, and a
    row whose features are all the same has a gradient of 1e8. Here such a row becomes 1/2, the middle, with gradient
    zero, and nothing is added to the others. One sample without batch dimension, (F,), is taken too.

    Args:
        method: One of these names.

    Raises:
        ConfigurationError: If there is no such method.
    """

    def __init__(self, method: str = "sigmoid") -> None:
        super().__init__()
        if method not in NORMALIZATIONS:
            raise ConfigurationError(
                f"unknown normalization method {shown(method)}; choose one of {', '.join(NORMALIZATIONS)}"
            )
        self.method = method

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., F) to (..., F)."""
        match self.method:
            case "sigmoid":
                return torch.sigmoid(x)
            case "tanh":
                return (torch.tanh(x) + 1) / 2
            case _:
                return _minmax(x)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return self.method


def _minmax(x: torch.Tensor) -> torch.Tensor:
    if x.shape[-1] == 0:
        return x
    largest = x.detach().abs().amax(dim=-1, keepdim=True)
    x = torch.where(largest > torch.finfo(x.dtype).max / 2, x / 2, x)  # or the width might overflow
    least, most = x.aminmax(dim=-1, keepdim=True)
    width = most - least
    constant = width == 0
    # Where there is no width the division is by 1: a gradient of 0 times infinity would be no number.
    scaled = (x - least) / torch.where(constant, torch.ones_like(width), width)
    return torch.where(constant, torch.full_like(x, 0.5), scaled)
