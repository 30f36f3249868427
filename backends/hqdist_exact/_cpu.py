"""Light on the CPU: columns, probabilities and amplitudes by the Numba kernels."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.program import ComputationSpace, Program
from hqdist_exact import _slos
from hqdist_exact._angles import sample_angles
from hqdist_exact._circuit import Circuit
from hqdist_exact._evolve import EvolvedColumns
from hqdist_exact._mesh import SharedUnitaries
from hqdist_exact._tables import SlosTables, slos_tables


class CpuLight:
    """The light of a batch in tiles of L samples; see `_readout.Light`."""

    def __init__(self, program: Program, circuit: Circuit, weights: torch.Tensor, inputs: torch.Tensor) -> None:
        """Send the light through the circuit: weights (T,), inputs (B, F)."""
        self._program = program
        self._samples = len(inputs)
        unitaries = SharedUnitaries.apply(weights.double(), circuit.shared, circuit.modes)  # type: ignore[no-untyped-call]
        angles = sample_angles(circuit, weights.double(), inputs)
        self._tiles: torch.Tensor = EvolvedColumns.apply(unitaries, angles, circuit, inputs.dtype)  # type: ignore[no-untyped-call]
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
        values, _ = _slos.probabilities(tiles.numpy(), tables, input_factor, outputs, size, samples)
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
        return torch.from_numpy(real), torch.from_numpy(imaginary)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[Any, ...]:
        (tiles,) = ctx.saved_tensors
        real, imaginary = (cotangent.contiguous().numpy() for cotangent in cotangents)
        pulled = _slos.amplitudes_backward(tiles.numpy(), ctx.tables, ctx.input_factor, real, imaginary)
        return torch.from_numpy(pulled), None, None, None
