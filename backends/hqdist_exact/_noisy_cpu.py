"""Patterns of detections on the CPU, by the Numba kernels, differentiable by torch."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist_exact import _noise_kernels
from hqdist_exact._noise_tables import NoiseTables, Tape, tape_of
from hqdist_exact.parallel import run_tiles

_UNGROUPED = np.empty(0, np.int32)


def cpu_patterns(
    tiles: torch.Tensor, samples: int, tables: NoiseTables, outputs: NDArray[np.int32] | None, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities of patterns (B, D), or summed into (B, R), and their sums (B, 1), divided by ``tables.chance``.

    Args:
        tiles: (tiles, n, m, 2, L) the columns of the unitaries; the gradient goes to the first photon of each mode.
        samples: B.
        tables: What does not depend on the circuit.
        outputs: (D,) the output of each pattern; None keeps one output per pattern.
        size: Number of outputs.
    """
    values, total = _Patterns.apply(tiles, samples, tables, outputs, size)  # type: ignore[no-untyped-call]
    return values, total


@lru_cache(maxsize=32)
def _tape(tables: NoiseTables, photons: int, modes: int, groups: int, gradients: bool) -> Tape:
    return tape_of(tables, photons, modes, groups, gradients=gradients)


def _run(kernel: Any, V: NDArray[Any], tables: NoiseTables, outputs: NDArray[np.int32] | None, *arrays: Any) -> None:
    gradients = kernel is _noise_kernels.patterns_backward
    _, photons, modes, _, _ = V.shape
    tape = _tape(tables, photons, modes, 0 if outputs is None else arrays[0].shape[1], gradients)
    work = len(tables.light.children) + sum(tables.sizes)
    group = _UNGROUPED if outputs is None else outputs
    run_tiles(kernel, V, tape, work, (tables.light, tables.counts, tables.detection, group, *arrays))


class _Patterns(torch.autograd.Function):
    """Keeps the columns alone; the backward pass takes every step again."""

    @staticmethod
    def forward(
        ctx: Any,
        tiles: torch.Tensor,
        samples: int,
        tables: NoiseTables,
        outputs: NDArray[np.int32] | None,
        size: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.save_for_backward(tiles)
        ctx.tables, ctx.outputs = tables, outputs
        V = tiles.numpy()
        values, total = np.empty((samples, size), V.dtype), np.empty((samples, 1), V.dtype)
        _run(_noise_kernels.patterns, V, tables, outputs, values, total)
        sums = torch.from_numpy(total)
        ctx.mark_non_differentiable(sums)
        return torch.from_numpy(values), sums

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[Any, ...]:
        (tiles,) = ctx.saved_tensors
        V = tiles.numpy()
        grad_V = np.empty(V.shape, V.dtype)
        cotangent = cotangents[0].contiguous().numpy()
        _run(_noise_kernels.patterns_backward, V, ctx.tables, ctx.outputs, cotangent, grad_V.reshape(-1))
        return torch.from_numpy(grad_V), None, None, None, None
