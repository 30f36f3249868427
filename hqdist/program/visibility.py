"""Which inputs a detector can see at all."""

import numpy as np
import numpy.typing as npt

from hqdist.program.elements import angle_of
from hqdist.program.program import Program, circuit_unitary

_STEP = 1e-4
_TOLERANCE = 1e-6


def unseen_inputs(program: Program) -> tuple[str, ...]:
    """The inputs on which no probability of detecting photons anywhere depends.

    With V the columns of the circuit's unitary where photons enter, an input is unseen exactly if changing it only
    multiplies rows and columns of V by phases, ``dV = i (diag(a) V + V diag(b))`` with real a and b: so it is with
    phases before the first or after the last beam splitter, and with equal phases on all modes. The equation is
    tested at one generic point (fixed pseudo-random values); it holds there only if it holds everywhere.

    Args:
        program: Any program; its readout does not matter (amplitudes do see such phases).
    """
    if not program.inputs:
        return ()
    names = program.weights + program.inputs
    generic = dict(zip(names, np.random.default_rng(0).uniform(0.0, 2 * np.pi, len(names)), strict=True))
    occupied = np.flatnonzero(program.input_state)
    columns = circuit_unitary(program, generic)[:, occupied]
    row_phases = [_row(columns, mode) for mode in range(program.modes)]
    column_phases = [_row(columns.T, photon).T for photon in range(len(occupied))]
    design = _real(1j * np.array(row_phases + column_phases))
    derivatives = _real(np.array([_derivative(program, generic, name)[:, occupied] for name in program.inputs]))
    fit = np.linalg.lstsq(design.T, derivatives.T, rcond=None)[0]
    residuals = np.abs(derivatives.T - design.T @ fit).max(axis=0, initial=0.0)
    return tuple(name for name, residual in zip(program.inputs, residuals, strict=True) if residual < _TOLERANCE)


def _row(matrix: npt.NDArray[np.complex128], row: int) -> npt.NDArray[np.complex128]:
    """The matrix with all rows but one set to zero."""
    alone = np.zeros_like(matrix)
    alone[row] = matrix[row]
    return alone


def _real(matrices: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """Each complex matrix as one row of real numbers."""
    flat = matrices.reshape(len(matrices), matrices.shape[1] * matrices.shape[2])
    return np.concatenate([flat.real, flat.imag], axis=1)


def _derivative(program: Program, values: dict[str, float], name: str) -> npt.NDArray[np.complex128]:
    """The unitary's central difference in one input, scaled so that its angles change by about a radian."""
    angles = (angle_of(element) for element in program.elements)
    steepest = max(abs(dict(angle.terms).get(name, 0.0)) for angle in angles if angle)
    step = _STEP / steepest
    above, below = (circuit_unitary(program, values | {name: values[name] + sign * step}) for sign in (1, -1))
    derivative: npt.NDArray[np.complex128] = (above - below) / (2 * _STEP)
    return derivative
