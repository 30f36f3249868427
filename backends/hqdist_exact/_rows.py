"""Sums over rows of a batch, such that a row's bits depend neither on the rows around it nor on the threads.

A matrix product rounds differently with the number of rows, and torch splits a long sum over its threads. On the CPU
NumPy takes one row after another instead, always in the same order.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def row_products(rows: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """``rows @ matrix.T`` for rows (B, N) and a constant matrix (R, N): (B, R)."""
    if rows.device.type != "cpu":
        return rows @ matrix.to(rows).T
    products: torch.Tensor = _Products.apply(rows, matrix.to(rows))  # type: ignore[no-untyped-call]
    return products


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


def products(rows: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """``rows @ matrix.T``: each entry a sum of its own over consecutive numbers."""
    result: NDArray[Any] = np.einsum("bn,rn->br", np.ascontiguousarray(rows), np.ascontiguousarray(matrix))
    return result


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        ctx.matrix = matrix.numpy()
        return torch.from_numpy(products(rows.numpy(), ctx.matrix))

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None]:
        return torch.from_numpy(products(cotangents[0].numpy(), ctx.matrix.T)), None


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        quotients = rows / total
        ctx.save_for_backward(quotients, total)
        return quotients

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None]:
        quotients, total = ctx.saved_tensors
        return (cotangents[0] - row_sums(cotangents[0] * quotients)) / total, None


class _NormalisedSquares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        root = total.sqrt()
        quotients = rows / root
        ctx.save_for_backward(quotients, root)
        return quotients

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None]:
        quotients, root = ctx.saved_tensors
        return (cotangents[0] - quotients * row_sums(cotangents[0] * quotients)) / root, None
