"""The shared unitaries of a circuit, gate by gate, with a reversible backward pass.

Forward applies each gate to the rows of an identity matrix. Backward starts from the finished unitary and undoes one
gate at a time, so that the unitary before each gate is there without having been kept: O(m) work for each gate.
Everything is float64: it is done once for a batch.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist_exact._angles import shared_angle
from hqdist_exact._circuit import BLOCK, PHASE, SPLIT_RX, SPLIT_RY, SharedGates
from hqdist_exact.jit import inner, kernel


class SharedUnitaries(torch.autograd.Function):
    """Weights (T,), float64, to the shared unitaries (K + 1, m, m), complex128, on the CPU."""

    @staticmethod
    def forward(ctx: Any, weights: torch.Tensor, gates: SharedGates, modes: int) -> torch.Tensor:
        values = weights.numpy()
        unitaries = torch.from_numpy(build_unitaries(values, gates, modes))
        ctx.save_for_backward(weights, unitaries)
        ctx.gates = gates
        return unitaries

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        weights, unitaries = ctx.saved_tensors
        cotangent = cotangents[0].resolve_conj().contiguous().numpy()
        return (
            torch.from_numpy(pull_back_unitaries(weights.numpy(), ctx.gates, unitaries.numpy(), cotangent)),
            None,
            None,
        )


@inner
def _entries(kind: int, angle: float) -> tuple[complex, complex, complex, complex]:
    """The 2 x 2 unitary of a beam splitter, row by row, from its half angle."""
    cos, sin = math.cos(angle), math.sin(angle)
    if kind == SPLIT_RX:
        return complex(cos), 1j * sin, 1j * sin, complex(cos)
    if kind == SPLIT_RY:
        return complex(cos), complex(-sin), complex(sin), complex(cos)
    return complex(cos), complex(sin), complex(sin), complex(-cos)


@inner
def _apply_block(
    rows: NDArray[np.complex128], scratch: NDArray[np.complex128], block: int, gates: SharedGates, inverse: bool
) -> None:
    """Multiply the rows of a matrix by a block, or by its inverse, in place."""
    modes = gates.block_modes[gates.block_start[block] : gates.block_start[block + 1]]
    matrix = gates.block_matrices[gates.matrix_start[block] : gates.matrix_start[block + 1]]
    size = len(modes)
    for i in range(size):
        for column in range(rows.shape[1]):
            scratch[i, column] = rows[modes[i], column]
    for i in range(size):
        for column in range(rows.shape[1]):
            entry = 0j
            for j in range(size):
                factor = matrix[j * size + i].conjugate() if inverse else matrix[i * size + j]
                entry += factor * scratch[j, column]
            rows[modes[i], column] = entry


@kernel
def build_unitaries(weights: NDArray[np.float64], gates: SharedGates, modes: int) -> NDArray[np.complex128]:
    """The shared unitaries, (K + 1, m, m)."""
    stages = len(gates.stages) - 1
    unitaries = np.zeros((stages, modes, modes), np.complex128)
    scratch = np.empty((modes, modes), np.complex128)
    for stage in range(stages):
        unitary = unitaries[stage]
        for mode in range(modes):
            unitary[mode, mode] = 1.0
        for gate in range(gates.stages[stage], gates.stages[stage + 1]):
            kind = gates.kinds[gate]
            if kind == BLOCK:
                _apply_block(unitary, scratch, gates.upper[gate], gates, False)
                continue
            angle = shared_angle(gates.angles, gate, weights)
            upper, lower = gates.upper[gate], gates.lower[gate]
            if kind == PHASE:
                phase = complex(math.cos(angle), math.sin(angle))
                for column in range(modes):
                    unitary[upper, column] *= phase
            else:
                a, b, c, d = _entries(kind, angle)
                for column in range(modes):
                    above, below = unitary[upper, column], unitary[lower, column]
                    unitary[upper, column] = a * above + b * below
                    unitary[lower, column] = c * above + d * below
    return unitaries


@kernel
def pull_back_unitaries(
    weights: NDArray[np.float64],
    gates: SharedGates,
    unitaries: NDArray[np.complex128],
    cotangent: NDArray[np.complex128],
) -> NDArray[np.float64]:
    """The derivative by the weights; the cotangent of z is ``dl / d Re z + i dl / d Im z``."""
    stages, modes = unitaries.shape[0], unitaries.shape[1]
    by_weight = np.zeros_like(weights)
    scratch = np.empty((modes, modes), np.complex128)
    for stage in range(stages):
        unitary = unitaries[stage].copy()
        pulled = cotangent[stage].copy()
        for gate in range(gates.stages[stage + 1] - 1, gates.stages[stage] - 1, -1):
            kind = gates.kinds[gate]
            if kind == BLOCK:
                _apply_block(unitary, scratch, gates.upper[gate], gates, True)
                _apply_block(pulled, scratch, gates.upper[gate], gates, True)
                continue
            angle = shared_angle(gates.angles, gate, weights)
            upper, lower = gates.upper[gate], gates.lower[gate]
            slope = 0.0
            if kind == PHASE:
                undo = complex(math.cos(angle), -math.sin(angle))
                for column in range(modes):
                    after = unitary[upper, column]
                    slope += (pulled[upper, column].conjugate() * (1j * after)).real
                    unitary[upper, column] = undo * after
                    pulled[upper, column] *= undo
            else:
                a, b, c, d = _entries(kind, angle)
                # d(entries) / d(angle) is the splitter at angle + pi / 2
                varies = gates.angles.first_term[gate] < gates.angles.first_term[gate + 1]
                da, db, dc, dd = _entries(kind, angle + math.pi / 2)
                a, b, c, d = a.conjugate(), c.conjugate(), b.conjugate(), d.conjugate()
                for column in range(modes):
                    above, below = unitary[upper, column], unitary[lower, column]
                    before_above, before_below = a * above + b * below, c * above + d * below
                    above, below = pulled[upper, column], pulled[lower, column]
                    if varies:
                        slope += (above.conjugate() * (da * before_above + db * before_below)).real
                        slope += (below.conjugate() * (dc * before_above + dd * before_below)).real
                    unitary[upper, column], unitary[lower, column] = before_above, before_below
                    pulled[upper, column] = a * above + b * below
                    pulled[lower, column] = c * above + d * below
            for term in range(gates.angles.first_term[gate], gates.angles.first_term[gate + 1]):
                by_weight[gates.angles.parameters[term]] += gates.angles.coefficients[term] * slope
    return by_weight
