"""Sums and norms of the rows of a batch, such that a row's bits depend neither on other rows nor on the threads.

Torch splits a long sum over its threads. On the CPU NumPy takes one row after another instead, always in one order.
"""

from typing import Any

import torch


def normalised(rows: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """Rows (B, N) divided by `total` (B, 1), which is their sum as `row_sums` gives it."""
    quotients: torch.Tensor = _Normalised.apply(rows, total)  # type: ignore[no-untyped-call]
    return quotients


def normalised_squares(rows: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """Rows (B, N) divided by the root of `total` (B, 1), which is the sum of their squares."""
    quotients: torch.Tensor = _NormalisedSquares.apply(rows, total)  # type: ignore[no-untyped-call]
    return quotients


def row_sums(rows: torch.Tensor) -> torch.Tensor:
    """The sum of each row, (B, N) to (B, 1); not differentiable."""
    if rows.device.type != "cpu":
        return rows.detach().sum(dim=1, keepdim=True)
    return torch.from_numpy(rows.detach().contiguous().numpy().sum(axis=1, keepdims=True))


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(rows, total)  # not the quotients: they are the caller's, who may write to them
        return rows / total

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None]:
        rows, total = ctx.saved_tensors
        quotients = rows / total
        return (cotangents[0] - row_sums(cotangents[0] * quotients)) / total, None


class _NormalisedSquares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        root = total.sqrt()
        ctx.save_for_backward(rows, root)
        return rows / root

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None]:
        rows, root = ctx.saved_tensors
        quotients = rows / root
        return (cotangents[0] - quotients * row_sums(cotangents[0] * quotients)) / root, None
