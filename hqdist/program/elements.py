"""What light passes through: phase shifters, beam splitters, permutations and fixed unitaries.

Every element acts on a tuple of modes by a small unitary u, ``a_out = u a_in`` on the creation operators' amplitudes,
in the order in which the modes are listed. Beam splitters follow Perceval's conventions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hqdist.errors import ProgramError
from hqdist.program.angle import Angle, as_angle
from hqdist.program.checks import MAX_MODES, listed, member, shown, whole

#: How far ``u^H u`` of a fixed unitary may be from the identity, entry by entry.
UNITARITY_TOLERANCE = 1e-8


class BeamSplitterConvention(StrEnum):
    """Which rotation a beam splitter is; t = theta / 2 (Perceval's ``BSConvention``).

    RX: ``[[cos t, i sin t], [i sin t, cos t]]``; RY: ``[[cos t, -sin t], [sin t, cos t]]``;
    H: ``[[cos t, sin t], [sin t, -cos t]]``.
    """

    RX = "rx"
    RY = "ry"
    H = "h"


@dataclass(frozen=True)
class PhaseShifter:
    """PS(phi): multiplies one mode's amplitude by ``exp(i phi)``.

    Attributes:
        mode: The mode it sits on.
        angle: phi, in radians.
    """

    mode: int
    angle: Angle

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", whole(self.mode, "a mode"))
        object.__setattr__(self, "angle", as_angle(self.angle))

    @property
    def modes(self) -> tuple[int, ...]:
        """The one mode that it acts on."""
        return (self.mode,)


@dataclass(frozen=True)
class BeamSplitter:
    """BS(theta): mixes two modes with transmittance ``cos^2(theta / 2)``.

    Attributes:
        modes: The two modes, upper port first.
        theta: The mixing angle in radians; pi / 2 is balanced.
        convention: Which rotation it is.
    """

    modes: tuple[int, int]
    theta: Angle
    convention: BeamSplitterConvention = BeamSplitterConvention.RX

    def __post_init__(self) -> None:
        object.__setattr__(self, "modes", _modes(self.modes))
        object.__setattr__(self, "theta", as_angle(self.theta))
        object.__setattr__(self, "convention", member(BeamSplitterConvention, self.convention))
        if len(self.modes) != 2:
            raise ProgramError(f"a beam splitter has two modes, got {self.modes}")

    @property
    def angle(self) -> Angle:
        """The mixing angle theta."""
        return self.theta

    def block(self, theta: float) -> npt.NDArray[np.complex128]:
        """The 2 x 2 unitary at one mixing angle in radians."""
        cos, sin = np.cos(theta / 2), np.sin(theta / 2)
        entries = {
            BeamSplitterConvention.RX: [[cos, 1j * sin], [1j * sin, cos]],
            BeamSplitterConvention.RY: [[cos, -sin], [sin, cos]],
            BeamSplitterConvention.H: [[cos, sin], [sin, -cos]],
        }[self.convention]
        return np.array(entries, dtype=np.complex128)


@dataclass(frozen=True)
class Permutation:
    """Routes light between modes: what enters port i of ``modes`` leaves at port ``targets[i]``.

    Attributes:
        modes: The modes it acts on.
        targets: A permutation of ``range(len(modes))``, as in Perceval's PERM.
    """

    modes: tuple[int, ...]
    targets: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "modes", _modes(self.modes))
        targets = listed(self.targets, "the targets of a permutation", most=MAX_MODES)
        object.__setattr__(self, "targets", tuple(whole(target, "a target") for target in targets))
        if sorted(self.targets) != list(range(len(self.modes))):
            raise ProgramError(
                f"a permutation of {len(self.modes)} modes lists each of 0..{len(self.modes) - 1} once, "
                f"got {shown(self.targets)}"
            )

    @property
    def block(self) -> npt.NDArray[np.complex128]:
        """The unitary, (k, k) for k modes."""
        unitary = np.zeros((len(self.modes),) * 2, dtype=np.complex128)
        unitary[list(self.targets), np.arange(len(self.modes))] = 1.0
        return unitary


@dataclass(frozen=True)
class FixedUnitary:
    """Any unitary without parameters, given as a matrix.

    Attributes:
        modes: The k modes it acts on.
        matrix: k rows of k complex numbers; an array is accepted and kept as nested tuples.

    Raises:
        ProgramError: If the matrix is not k x k, or not unitary to `UNITARITY_TOLERANCE`.
    """

    modes: tuple[int, ...]
    matrix: tuple[tuple[complex, ...], ...] | npt.NDArray[np.complexfloating[Any]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "modes", _modes(self.modes))
        matrix = _matrix(self.matrix) + 0.0  # not -0.0, which is equal but has other bytes
        size = len(self.modes)
        if matrix.shape != (size, size):
            raise ProgramError(f"a unitary on {size} modes is {size} x {size}, got shape {matrix.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            deviation = float(np.abs(matrix.conj().T @ matrix - np.eye(size)).max(initial=0.0))
        if not deviation <= UNITARITY_TOLERANCE:
            raise ProgramError(
                f"the matrix is not unitary: U^H U differs from 1 by {deviation:.1e}, "
                f"at most {UNITARITY_TOLERANCE:.0e} is allowed; give it in float64 precision"
            )
        object.__setattr__(self, "matrix", tuple(tuple(complex(entry) for entry in row) for row in matrix))

    @property
    def block(self) -> npt.NDArray[np.complex128]:
        """The unitary, (k, k) for k modes."""
        return np.array(self.matrix, dtype=np.complex128).reshape((len(self.modes),) * 2)


def _modes(modes: Iterable[int]) -> tuple[int, ...]:
    return tuple(whole(mode, "a mode") for mode in listed(modes, "an element's modes", most=MAX_MODES))


def _matrix(matrix: object) -> npt.NDArray[np.complex128]:
    try:
        array = np.asarray(matrix)
        if array.dtype.kind not in "SU":  # NumPy would read numbers out of text
            return array.astype(np.complex128)
        cause = "it holds text"
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: a tensor with a gradient
        cause = str(error)
    raise ProgramError(f"a unitary is a square of complex numbers without a gradient, got {shown(matrix)}: {cause}")


Element = PhaseShifter | BeamSplitter | Permutation | FixedUnitary


def angle_of(element: Element) -> Angle | None:
    """The angle of an element that has one."""
    return element.angle if isinstance(element, PhaseShifter | BeamSplitter) else None


def rectangle(modes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The m (m - 1) / 2 pairs of neighbours that a rectangular mesh couples, column by column, top to bottom."""
    for column in range(len(modes)):
        for upper in range(column % 2, len(modes) - 1, 2):
            yield modes[upper], modes[upper + 1]


def interferometer(modes: Sequence[int], prefix: str) -> tuple[Element, ...]:
    """A universal interferometer: a rectangle of Mach-Zehnder interferometers, then a phase per mode.

    Each of the m (m - 1) / 2 MZIs is balanced BS, PS, balanced BS, PS (phases on its upper mode), as in Clements et
    al. 2016 (arXiv:1603.08788) but for the order of the last two. It reaches every unitary up to phases on the modes
    where light enters: Fock states cannot tell, and after another interferometer that one's last phases provide
    them. Its m^2 phases are the parameters ``{prefix}0``, ``{prefix}1``, ...

    Args:
        modes: The modes it spans, top to bottom.
        prefix: What the parameter names start with.
    """
    elements: list[Element] = []
    phases = (Angle(0.0, ((f"{prefix}{index}", 1.0),)) for index in range(len(modes) ** 2))
    for pair in rectangle(modes):
        for _ in range(2):
            elements += [BeamSplitter(pair, Angle(np.pi / 2)), PhaseShifter(pair[0], next(phases))]
    elements += [PhaseShifter(mode, next(phases)) for mode in modes]
    return tuple(elements)
