"""One photon more: the step from which amplitudes and distributions of noisy light are built, and its derivative.

``result[s] = sum_j one[j] layer[s - e_j]`` over the modes j that are occupied in s; real for distributions, where it is
a convolution, and complex for amplitudes, where it is a layer of SLOS.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist_exact._recursion import layers_of
from hqdist_exact.jit import kernel
from hqdist_exact.parallel import in_parallel


def add_photon(layer: torch.Tensor, one: torch.Tensor, photons: int) -> torch.Tensor:
    """Amplitudes or probabilities of N photons from those of N - 1, (B, k, D_{N-1}), and of one, (B, k or 1, m)."""
    modes, parents = _parents(one.shape[2], photons)
    if layer.device.type == "cpu":
        result: torch.Tensor = _AddPhoton.apply(layer, one, modes, parents)  # type: ignore[no-untyped-call]
        return result
    first = np.ones(modes.shape, np.bool_)
    first[:, 1:] = modes[:, 1:] != modes[:, :-1]
    places, origins, counted = (torch.from_numpy(array).to(layer.device) for array in (modes, parents, first))
    return (layer[:, :, origins] * (one[:, :, places] * counted)).sum(dim=3)


class _AddPhoton(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, layer: torch.Tensor, one: torch.Tensor, modes: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> torch.Tensor:
        ctx.save_for_backward(layer, one)
        ctx.modes, ctx.parents = modes, parents
        rows, choices, _ = layer.shape
        result = layer.new_empty(rows, choices, len(modes))
        arrays = (_array(layer), _array(one), modes, parents, result.numpy())
        in_parallel(lambda first, last: _add(*arrays, first, last), rows, choices * modes.size)
        return result

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        layer, one = ctx.saved_tensors
        by_layer, by_one = torch.zeros_like(layer), torch.zeros_like(one, memory_format=torch.contiguous_format)
        arrays = (
            _array(cotangents[0]),
            _array(layer.conj()),
            _array(one.conj()),
            ctx.modes,
            ctx.parents,
            by_layer.numpy(),
            by_one.numpy(),
        )
        in_parallel(lambda first, last: _spread(*arrays, first, last), len(layer), 2 * layer.shape[1] * ctx.modes.size)
        return by_layer, by_one, None, None


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.detach().resolve_conj().contiguous().numpy()


@lru_cache(maxsize=128)
def _parents(modes: int, photons: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each state of N photons, the modes of its photons in order, and what is left without each; (D_N, N)."""
    layer = layers_of(modes, photons, "fock")[photons]
    return layer.photons.astype(np.int64), layer.without.astype(np.int64)


@kernel
def _add(layer, one, modes, parents, result, first, last):  # type: ignore[no-untyped-def]
    shared = one.shape[1] == 1
    states, photons = modes.shape
    for row in range(first, last):
        for choice in range(layer.shape[1]):
            source = 0 if shared else choice
            for state in range(states):
                total = one[row, source, modes[state, 0]] * layer[row, choice, parents[state, 0]]
                for i in range(1, photons):
                    if modes[state, i] != modes[state, i - 1]:
                        total += one[row, source, modes[state, i]] * layer[row, choice, parents[state, i]]
                result[row, choice, state] = total


@kernel
def _spread(cotangent, layer, one, modes, parents, by_layer, by_one, first, last):  # type: ignore[no-untyped-def]
    shared = one.shape[1] == 1
    states, photons = modes.shape
    for row in range(first, last):
        for choice in range(layer.shape[1]):
            source = 0 if shared else choice
            for state in range(states):
                slope = cotangent[row, choice, state]
                for i in range(photons):
                    mode, parent = modes[state, i], parents[state, i]
                    if i == 0 or mode != modes[state, i - 1]:
                        by_layer[row, choice, parent] += one[row, source, mode] * slope
                        by_one[row, source, mode] += layer[row, choice, parent] * slope
