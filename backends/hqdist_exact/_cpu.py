"""Light on the CPU: columns, probabilities and amplitudes by the Numba kernels."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.program import ComputationSpace, Program
from hqdist_exact import _slos
from hqdist_exact._angles import pull_back_angles, waves
from hqdist_exact._circuit import Circuit
from hqdist_exact._evolve import evolve, pull_back_columns
from hqdist_exact._mesh import build_unitaries, pull_back_unitaries
from hqdist_exact._noise_tables import NoiseTables
from hqdist_exact._noisy_cpu import cpu_patterns
from hqdist_exact._precision import check_angles, check_precision
from hqdist_exact._tables import SlosTables, slos_tables


class CpuLight:
    """The light of a batch in tiles of L samples; see `_readout.Light`."""

    def __init__(self, program: Program, circuit: Circuit, weights: torch.Tensor, inputs: torch.Tensor) -> None:
        """Send the light through the circuit: weights (T,), inputs (B, F)."""
        self._program = program
        self._samples = len(inputs)
        self._tiles: torch.Tensor = _Columns.apply(weights, inputs, circuit)  # type: ignore[no-untyped-call]
        self._input_factor = float(math.prod(math.factorial(count) for count in program.input_state))

    def columns(self) -> torch.Tensor:
        """The occupied columns of every sample's unitary, (B, m, n), complex."""
        tiles, photons, modes, _, lanes = self._tiles.shape
        rows = self._tiles.permute(0, 4, 2, 1, 3).reshape(tiles * lanes, modes, photons, 2)
        return torch.view_as_complex(rows[: self._samples].contiguous())

    def probabilities(self, space: ComputationSpace, outputs: NDArray[np.int32] | None, size: int) -> torch.Tensor:
        """Probabilities, (B, D) or summed into (B, size); not renormalised."""
        tables = slos_tables(self._program.modes, self._program.photons, space.value)
        arguments = (self._tiles, tables, self._input_factor, outputs, size, self._samples)
        values: torch.Tensor = _Probabilities.apply(*arguments)  # type: ignore[no-untyped-call]
        return values

    def amplitudes(self, space: ComputationSpace) -> torch.Tensor:
        """Amplitudes, (B, D), complex; not renormalised."""
        tables = slos_tables(self._program.modes, self._program.photons, space.value)
        planes = _Amplitudes.apply(self._tiles, tables, self._input_factor, self._samples)  # type: ignore[no-untyped-call]
        return torch.complex(*planes)

    def patterns(
        self, tables: NoiseTables, outputs: NDArray[np.int32] | None, size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities of patterns of detections with noise, and their sums (B, 1); see `_noisy_cpu`."""
        return cpu_patterns(self._tiles, self._samples, tables, outputs, size)


class _Columns(torch.autograd.Function):
    """Weights (T,) and inputs (B, F) to the columns of every sample's unitary, (tiles, n, m, 2, L)."""

    @staticmethod
    def forward(ctx: Any, weights: torch.Tensor, inputs: torch.Tensor, circuit: Circuit) -> torch.Tensor:
        weights, inputs = weights.resolve_neg(), inputs.resolve_neg()
        dtype = weights.numpy().dtype
        shared = np.ascontiguousarray(weights.numpy(), np.float64)
        features = np.ascontiguousarray(inputs.numpy(), np.float64)
        unitaries = build_unitaries(shared, circuit.shared, circuit.modes)
        planes = np.empty((2, *unitaries.shape), dtype)
        planes[0], planes[1] = unitaries.real, unitaries.imag
        cosines = waves(circuit.sample.angles, shared, features, dtype)
        check_angles(bool(np.isfinite(unitaries).all()))
        ctx.circuit, ctx.kept = circuit, (shared, unitaries, planes, cosines)
        ctx.like = (weights.dtype, inputs.shape)
        return torch.from_numpy(evolve(planes, cosines, circuit))

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        circuit, (shared, unitaries, planes, cosines), (dtype, shape) = ctx.circuit, ctx.kept, ctx.like
        by_unitary, by_angle = pull_back_columns(cotangents[0].contiguous().numpy(), planes, cosines, circuit)
        by_weights, by_inputs = pull_back_angles(circuit.sample.angles, by_angle, len(shared), shape)
        by_weights += pull_back_unitaries(shared, circuit.shared, unitaries, by_unitary)
        return torch.from_numpy(by_weights).to(dtype), torch.from_numpy(by_inputs).to(dtype), None


class _Probabilities(torch.autograd.Function):
    """Keeps the columns alone; the backward pass computes the layers again."""

    @staticmethod
    def forward(
        ctx: Any,
        tiles: torch.Tensor,
        tables: SlosTables,
        input_factor: float,
        outputs: NDArray[np.int32] | None,
        size: int,
        samples: int,
    ) -> torch.Tensor:
        ctx.save_for_backward(tiles)
        ctx.tables, ctx.input_factor, ctx.outputs = tables, input_factor, outputs
        values, total = _slos.probabilities(tiles.numpy(), tables, input_factor, outputs, size, samples)
        check_precision(ComputationSpace(tables.space), torch.from_numpy(total))
        return torch.from_numpy(values)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[Any, ...]:
        (tiles,) = ctx.saved_tensors
        cotangent = cotangents[0].contiguous().numpy()
        pulled = _slos.probabilities_backward(tiles.numpy(), ctx.tables, ctx.input_factor, ctx.outputs, cotangent)
        return torch.from_numpy(pulled), None, None, None, None, None


class _Amplitudes(torch.autograd.Function):
    """Real and imaginary part; keeps the columns alone."""

    @staticmethod
    def forward(
        ctx: Any, tiles: torch.Tensor, tables: SlosTables, input_factor: float, samples: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.save_for_backward(tiles)
        ctx.tables, ctx.input_factor = tables, input_factor
        real, imaginary = _slos.amplitudes(tiles.numpy(), tables, input_factor, samples)
        total = np.einsum("bs,bs->b", real, real) + np.einsum("bs,bs->b", imaginary, imaginary)
        check_precision(ComputationSpace(tables.space), torch.from_numpy(total))
        return torch.from_numpy(real), torch.from_numpy(imaginary)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[Any, ...]:
        (tiles,) = ctx.saved_tensors
        real, imaginary = (cotangent.contiguous().numpy() for cotangent in cotangents)
        pulled = _slos.amplitudes_backward(tiles.numpy(), ctx.tables, ctx.input_factor, real, imaginary)
        return torch.from_numpy(pulled), None, None, None
