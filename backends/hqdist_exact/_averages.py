"""Averages over post-selected states, in which no mode holds two photons: mode expectations and correlators.

An output is the sum of the probabilities of the states in which certain modes are occupied. Every row is summed on its
own and in order, so its bits do not depend on the rows around it.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.program import ModeExpectations, Program
from hqdist_exact.jit import kernel


def averages(program: Program, probabilities: torch.Tensor) -> torch.Tensor:
    """Mode expectations (B, m) or number correlators (B, m (m - 1) / 2) from probabilities (B, D)."""
    order = 1 if isinstance(program.readout, ModeExpectations) else 2
    outputs = _outputs(program, order)
    if probabilities.device.type != "cpu":
        into = torch.from_numpy(outputs.astype(np.int64)).to(probabilities.device)
        repeated = probabilities.repeat_interleave(outputs.shape[1], dim=1)
        return probabilities.new_zeros(len(probabilities), program.outputs).index_add(1, into.flatten(), repeated)
    values: torch.Tensor = _Averages.apply(probabilities, outputs, program.outputs)  # type: ignore[no-untyped-call]
    return values


@lru_cache(maxsize=64)
def _outputs(program: Program, order: int) -> NDArray[np.int32]:
    """The outputs that each state counts in, (D, n) for modes and (D, n (n - 1) / 2) for pairs of modes."""
    occupied = np.nonzero(program.states)[1].reshape(len(program.states), program.photons)
    if order == 1:
        return occupied.astype(np.int32)
    index = np.zeros((program.modes, program.modes), np.int32)
    index[np.triu_indices(program.modes, k=1)] = np.arange(program.outputs)
    first, second = np.triu_indices(program.photons, k=1)
    return index[occupied[:, first], occupied[:, second]]


class _Averages(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, probabilities: torch.Tensor, outputs: NDArray[np.int32], size: int) -> torch.Tensor:
        ctx.outputs, ctx.shape = outputs, probabilities.shape
        values = np.zeros((len(probabilities), size), probabilities.numpy().dtype)
        _sum(probabilities.contiguous().numpy(), outputs, values)
        return torch.from_numpy(values)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cotangent = cotangents[0].contiguous().numpy()
        pulled = np.zeros(ctx.shape, cotangent.dtype)
        _spread(cotangent, ctx.outputs, pulled)
        return torch.from_numpy(pulled), None, None


@kernel
def _sum(probabilities: NDArray[Any], outputs: NDArray[np.int32], values: NDArray[Any]) -> None:
    for row in range(len(values)):
        for state in range(outputs.shape[0]):
            for i in range(outputs.shape[1]):
                values[row, outputs[state, i]] += probabilities[row, state]


@kernel
def _spread(cotangent: NDArray[Any], outputs: NDArray[np.int32], pulled: NDArray[Any]) -> None:
    for row in range(len(pulled)):
        for state in range(outputs.shape[0]):
            for i in range(outputs.shape[1]):
                pulled[row, state] += cotangent[row, outputs[state, i]]
