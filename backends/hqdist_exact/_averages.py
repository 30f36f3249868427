"""Averages over patterns of detections: mode expectations and correlators.

An output is the sum of the probabilities of the patterns in which certain photons, or pairs of them, are in certain
modes. Every row is summed on its own and in order, so its bits do not depend on the rows around it.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.program import ComputationSpace, NumberCorrelators, Readout
from hqdist_exact.jit import kernel


def averages(
    readout: Readout, space: ComputationSpace, modes: int, photons: int, probabilities: torch.Tensor
) -> torch.Tensor:
    """Mode expectations (B, m) or number correlators (B, m (m - 1) / 2) from probabilities (B, D) of a space."""
    outputs, size = _outputs(space, modes, photons, pairs=isinstance(readout, NumberCorrelators))
    if probabilities.device.type != "cpu":
        into = torch.from_numpy(np.where(outputs < 0, size, outputs).astype(np.int64)).to(probabilities.device)
        repeated = probabilities.repeat_interleave(outputs.shape[1], dim=1)
        return probabilities.new_zeros(len(probabilities), size + 1).index_add(1, into.flatten(), repeated)[:, :size]
    values: torch.Tensor = _Averages.apply(probabilities, outputs, size)  # type: ignore[no-untyped-call]
    return values


@lru_cache(maxsize=64)
def _outputs(space: ComputationSpace, modes: int, photons: int, *, pairs: bool) -> tuple[NDArray[np.int32], int]:
    """The outputs that each state counts in, and how many outputs there are.

    (D, n) the mode of each photon, or (D, n (n - 1) / 2) the modes of each pair of photons; -1 if they share one.
    """
    states = space.states(modes, photons)
    occupied = np.repeat(np.tile(np.arange(modes), len(states)), states.ravel()).reshape(len(states), photons)
    if not pairs:
        return occupied.astype(np.int32), modes
    index = np.full((modes, modes), -1, np.int32)
    size = modes * (modes - 1) // 2
    index[np.triu_indices(modes, k=1)] = np.arange(size)
    first, second = np.triu_indices(photons, k=1)
    return index[occupied[:, first], occupied[:, second]], size


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
                if outputs[state, i] >= 0:
                    values[row, outputs[state, i]] += probabilities[row, state]


@kernel
def _spread(cotangent: NDArray[Any], outputs: NDArray[np.int32], pulled: NDArray[Any]) -> None:
    for row in range(len(pulled)):
        for state in range(outputs.shape[0]):
            for i in range(outputs.shape[1]):
                if outputs[state, i] >= 0:
                    pulled[row, state] += cotangent[row, outputs[state, i]]
