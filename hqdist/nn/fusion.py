"""Bringing components together by what they say: learned gates, and attention.

Both take the components' outputs joined, (B, C1 + C2 + ...), as `ParallelHybrid` and `ConcurrentLayers` hand them on.
"""

from collections.abc import Sequence

import torch
from torch import nn

from hqdist.errors import ConfigurationError
from hqdist.program.checks import whole


class GatedFusion(nn.Module):
    """Dynamic component weighting: each sample decides how much each component counts.

    With components c_k brought to a common size by a linear map each, ``sum_k g_k(c) W_k c_k``, where the gates
    ``g = softmax(V [c_1, c_2, ...])`` are above zero and sum to 1.

    Args:
        sizes: Outputs of each component, in the order in which they are joined.
        output_size: Outputs.
    """

    def __init__(self, sizes: Sequence[int], output_size: int) -> None:
        super().__init__()
        self.sizes = _sizes(sizes)
        output_size = whole(output_size, "output_size", least=1, error=ConfigurationError)
        self.maps = nn.ModuleList(nn.Linear(size, output_size) for size in self.sizes)
        self.gate = nn.Linear(sum(self.sizes), len(self.sizes))

    def weights(self, joined: torch.Tensor) -> torch.Tensor:
        """How much each component counts for each sample, (B, components); rows sum to 1."""
        return torch.softmax(self.gate(joined), dim=-1)

    def forward(self, joined: torch.Tensor) -> torch.Tensor:
        """(B, sum of sizes) to (B, output_size)."""
        parts = torch.split(joined, self.sizes, dim=-1)
        mapped = torch.stack([own(part) for own, part in zip(self.maps, parts, strict=True)], dim=-2)
        return (self.weights(joined).unsqueeze(-1) * mapped).sum(dim=-2)


class AttentionFusion(nn.Module):
    """Attention over components: a learned query looks at one token of each component.

    Scaled dot-product attention with several heads (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762) over tokens
    ``W_k c_k + b_k``.

    Args:
        sizes: Outputs of each component, in the order in which they are joined.
        output_size: Outputs, and the size of a token; a multiple of `heads`.
        heads: Attention heads.
    """

    def __init__(self, sizes: Sequence[int], output_size: int, heads: int = 1) -> None:
        super().__init__()
        self.sizes = _sizes(sizes)
        output_size = whole(output_size, "output_size", least=1, error=ConfigurationError)
        heads = whole(heads, "heads", least=1, error=ConfigurationError)
        if output_size % heads:
            raise ConfigurationError(f"{output_size} outputs cannot be shared by {heads} heads")
        self.tokens = nn.ModuleList(nn.Linear(size, output_size) for size in self.sizes)
        self.query = nn.Parameter(torch.randn(1, output_size) / output_size**0.5)
        self.attention = nn.MultiheadAttention(output_size, heads, batch_first=True)

    def weights(self, joined: torch.Tensor) -> torch.Tensor:
        """How much each component is attended to, (B, components), averaged over heads; rows sum to 1."""
        _, weights = self._attend(joined, wanted=True)
        assert weights is not None
        return weights.squeeze(-2)

    def forward(self, joined: torch.Tensor) -> torch.Tensor:
        """(B, sum of sizes) to (B, output_size), or one sample without B."""
        found, _ = self._attend(joined, wanted=False)
        return found.squeeze(-2)

    def _attend(self, joined: torch.Tensor, *, wanted: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        parts = torch.split(joined, self.sizes, dim=-1)
        tokens = torch.stack([own(part) for own, part in zip(self.tokens, parts, strict=True)], dim=-2)
        query = self.query.expand(*tokens.shape[:-2], 1, -1)
        found: tuple[torch.Tensor, torch.Tensor | None] = self.attention(query, tokens, tokens, need_weights=wanted)
        return found


def _sizes(sizes: Sequence[int]) -> list[int]:
    if not sizes:
        raise ConfigurationError("a fusion is of one component or more")
    return [whole(size, "the size of a component", least=1, error=ConfigurationError) for size in sizes]
