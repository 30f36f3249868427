"""Light on any torch device (CUDA): columns, probabilities and amplitudes in torch operations, differentiated by torch.

The shared unitaries are still built on the CPU, in one kernel: a mesh is thousands of tiny operations, each of which
would cost a launch on a GPU.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.program import ComputationSpace, Program
from hqdist_exact._angles import angles_in_torch
from hqdist_exact._chunks import in_chunks
from hqdist_exact._circuit import PHASE, SPLIT_H, SPLIT_RX, Circuit
from hqdist_exact._mesh import SharedUnitaries
from hqdist_exact._noise_tables import NoiseTables
from hqdist_exact._noisy_device import device_patterns
from hqdist_exact._precision import check_angles, check_precision
from hqdist_exact._recursion import layers_of


class DeviceLight:
    """The light of a batch, (B, m, n) complex; see `_readout.Light`."""

    def __init__(self, program: Program, circuit: Circuit, weights: torch.Tensor, inputs: torch.Tensor) -> None:
        """Send the light through the circuit: weights (T,), inputs (B, F)."""
        self._program = program
        precision = torch.complex64 if inputs.dtype == torch.float32 else torch.complex128
        on_cpu = weights.double().cpu()
        unitaries: torch.Tensor = SharedUnitaries.apply(on_cpu, circuit.shared, circuit.modes)  # type: ignore[no-untyped-call]
        unitaries = unitaries.to(inputs.device, precision)
        angles = angles_in_torch(circuit.sample.angles, weights, inputs)
        check_angles(bool(angles.detach().isfinite().all()) and bool(unitaries.detach().abs().isfinite().all()))
        columns = unitaries[0][:, torch.from_numpy(circuit.occupied)].expand(len(inputs), -1, -1)
        groups = circuit.sample.groups
        for group, unitary in enumerate(unitaries[1:]):
            columns = _apply_gates(columns, circuit, range(groups[group], groups[group + 1]), angles)
            # `unitary @ columns` rounds differently when a derivative is wanted
            columns = torch.einsum("ij,bjn->bin", unitary, columns)
        self._columns = columns

    def columns(self) -> torch.Tensor:
        """The occupied columns of every sample's unitary, (B, m, n), complex."""
        return self._columns

    def probabilities(self, space: ComputationSpace, outputs: NDArray[np.int32] | None, size: int) -> torch.Tensor:
        """Probabilities, (B, D) or summed into (B, size); not renormalised."""

        def evaluate(columns: torch.Tensor) -> torch.Tensor:
            values = _amplitudes(self._program, space, columns).abs().square()
            if outputs is None:
                return values
            into = torch.from_numpy(outputs).to(columns.device)
            return values.new_zeros(len(columns), size).index_add(1, into, values)

        values = self._in_chunks(evaluate, space)
        check_precision(space, values.detach().sum(dim=1))
        return values

    def amplitudes(self, space: ComputationSpace) -> torch.Tensor:
        """Amplitudes, (B, D), complex; not renormalised."""
        values = self._in_chunks(lambda columns: _amplitudes(self._program, space, columns), space)
        check_precision(space, values.detach().abs().square().sum(dim=1))
        return values

    def patterns(
        self, tables: NoiseTables, outputs: NDArray[np.int32] | None, size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities of patterns of detections with noise, and their sums (B, 1); see `_noisy_device`."""

        def evaluate(columns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return device_patterns(columns, tables, outputs, size)

        return in_chunks(evaluate, self._columns, 4 * sum(tables.sizes) * self._columns.element_size())

    def _in_chunks(self, evaluate: Callable[[torch.Tensor], torch.Tensor], space: ComputationSpace) -> torch.Tensor:
        dimension = space.dimension(self._program.modes, self._program.photons)
        row = 4 * dimension * max(self._program.photons, 1) * self._columns.element_size()
        return in_chunks(evaluate, self._columns, row)


def _apply_gates(columns: torch.Tensor, circuit: Circuit, gates: range, angles: torch.Tensor) -> torch.Tensor:
    """Apply the gates that differ from sample to sample, one after another."""
    sample = circuit.sample
    real = torch.float32 if columns.dtype == torch.complex64 else torch.float64
    cos, sin = angles.cos().to(real).unsqueeze(-1), angles.sin().to(real).unsqueeze(-1)
    rows = list(columns.unbind(1))
    for gate in gates:
        kind, upper, lower, c, s = (
            sample.kinds[gate],
            sample.upper[gate],
            sample.lower[gate],
            cos[:, gate],
            sin[:, gate],
        )
        above, below = rows[upper], rows[lower]
        if kind == PHASE:
            rows[upper] = above * torch.complex(c, s)
        elif kind == SPLIT_RX:
            rows[upper], rows[lower] = c * above + 1j * s * below, 1j * s * above + c * below
        elif kind == SPLIT_H:
            rows[upper], rows[lower] = c * above + s * below, s * above - c * below
        else:
            rows[upper], rows[lower] = c * above - s * below, s * above + c * below
    return torch.stack(rows, dim=1)


def _amplitudes(program: Program, space: ComputationSpace, columns: torch.Tensor) -> torch.Tensor:
    """SLOS, layer by layer: ``A_k[s] = sum_j V[j, k] A_{k-1}[s - e_j]``, (B, D)."""
    layers, root = _tables(program.modes, program.photons, space, columns.device)
    amplitudes = columns.new_ones(len(columns), 1)
    for photon, (modes, parents, counted) in enumerate(layers):
        terms = columns[:, :, photon][:, modes] * amplitudes[:, parents]
        amplitudes = (terms * counted).sum(dim=2)
    input_factor = math.prod(math.factorial(count) for count in program.input_state)
    return amplitudes * (root / math.sqrt(input_factor)).to(columns.dtype)


@lru_cache(maxsize=64)
def _tables(
    modes: int, photons: int, space: ComputationSpace, device: torch.device
) -> tuple[list[tuple[torch.Tensor, ...]], torch.Tensor]:
    """For each layer k the modes, parents and validity of the terms of each state, (D_k, k); and sqrt(prod s!)."""
    layers = []
    for layer in layers_of(modes, photons, space.value)[1:]:
        first = np.ones(layer.photons.shape, np.bool_)
        first[:, 1:] = layer.photons[:, 1:] != layer.photons[:, :-1]
        arrays = (layer.photons.astype(np.int64), layer.without.astype(np.int64), first)
        layers.append(tuple(torch.from_numpy(array).to(device) for array in arrays))
    factorials = np.array([math.factorial(k) for k in range(photons + 1)], np.float64)
    root = np.sqrt(factorials[space.states(modes, photons)].prod(axis=1))
    return layers, torch.from_numpy(root).to(device)
