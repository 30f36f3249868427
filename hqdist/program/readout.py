"""What comes back from a program: probabilities, groups of them, expectations or amplitudes."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from hqdist.errors import ProgramError
from hqdist.program.checks import MAX_GROUPS, instance, member, whole
from hqdist.program.space import ComputationSpace


@dataclass(frozen=True)
class _Grouping:
    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole(self.size, "the size of a grouping", least=1, most=MAX_GROUPS))

    def assign(self, dimension: int) -> npt.NDArray[np.int32]:
        """The output that each state goes to, (D,).

        Raises:
            ProgramError: If there are fewer states than outputs.
        """
        self.check(dimension)
        return self.outputs(np.arange(dimension), dimension).astype(np.int32)

    def check(self, dimension: int) -> None:
        """Raise what `assign` raises, without making a list of all states."""
        if dimension < self.size:
            raise ProgramError(f"{dimension} states cannot fill {self.size} outputs; use at most {dimension}")

    def outputs(self, states: npt.NDArray[np.int64], dimension: int) -> npt.NDArray[np.int64]:
        """The outputs that some states out of 0 to D - 1 go to."""
        raise NotImplementedError


class LexGrouping(_Grouping):
    """Sums runs of consecutive states (in descending lexicographic order) into `size` outputs.

    State i of D goes to output ``floor(i size / D)``: runs are equally long, or differ by one state. (MerLin makes runs
    of ``ceil(D / size)``, which is the same where `size` divides D; elsewhere its last outputs hold fewer states, or
    none at all and are zero for every input.)
    """

    def outputs(self, states: npt.NDArray[np.int64], dimension: int) -> npt.NDArray[np.int64]:
        """See `assign`."""
        if dimension * self.size < 2**63:
            return states * self.size // dimension
        return np.array([state * self.size // dimension for state in states.tolist()], np.int64)


class ModGrouping(_Grouping):
    """Sums states whose indices agree modulo `size`: state i goes to output ``i % size``."""

    def outputs(self, states: npt.NDArray[np.int64], dimension: int) -> npt.NDArray[np.int64]:
        """See `assign`."""
        return states % self.size


Grouping = LexGrouping | ModGrouping


@dataclass(frozen=True)
class Probabilities:
    """The probability of every state of a computation space, or of groups of them.

    Attributes:
        space: Which states count.
        grouping: How states are summed into outputs; None keeps one output per state.
    """

    space: ComputationSpace = ComputationSpace.FOCK
    grouping: Grouping | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", member(ComputationSpace, self.space))
        if self.grouping is not None:
            instance(self.grouping, Grouping, "a grouping")

    def size(self, modes: int, photons: int) -> int:
        """Number of outputs R."""
        dimension = self.space.dimension(modes, photons)
        if self.grouping is None:
            return dimension
        self.grouping.check(dimension)
        return self.grouping.size


@dataclass(frozen=True)
class ModeExpectations:
    """The mean photon number of each mode, ``<n_j>``: R = m outputs."""

    space: ComputationSpace = ComputationSpace.FOCK

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", member(ComputationSpace, self.space))

    def size(self, modes: int, photons: int) -> int:
        """Number of outputs R."""
        self.space.dimension(modes, photons)
        return modes


@dataclass(frozen=True)
class NumberCorrelators:
    """The correlators ``<n_i n_j>`` of all pairs i < j, in lexicographic order: R = m (m - 1) / 2 outputs."""

    space: ComputationSpace = ComputationSpace.FOCK

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", member(ComputationSpace, self.space))

    def size(self, modes: int, photons: int) -> int:
        """Number of outputs R."""
        self.space.dimension(modes, photons)
        return modes * (modes - 1) // 2


@dataclass(frozen=True)
class Amplitudes:
    """The complex amplitude of every state; only exact backends can give it."""

    space: ComputationSpace = ComputationSpace.FOCK

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", member(ComputationSpace, self.space))

    def size(self, modes: int, photons: int) -> int:
        """Number of outputs R."""
        return self.space.dimension(modes, photons)


Readout = Probabilities | ModeExpectations | NumberCorrelators | Amplitudes


def observable(readout: Readout, states: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """The numbers that a readout averages, one row per output: ``values = observable @ probabilities``.

    Args:
        readout: Any readout but `Amplitudes` (which is not an average).
        states: The states of its space, (D, m).

    Returns:
        An (R, D) matrix.

    Raises:
        ProgramError: For amplitudes.
    """
    dimension = len(states)
    occupations = states.astype(np.float64).T
    match readout:
        case Probabilities(grouping=None):
            return np.eye(dimension)
        case Probabilities(grouping=LexGrouping() | ModGrouping() as grouping):
            return np.equal.outer(np.arange(grouping.size), grouping.assign(dimension)).astype(np.float64)
        case ModeExpectations():
            return occupations
        case NumberCorrelators():
            pairs = list(combinations(range(len(occupations)), 2))
            products = [occupations[i] * occupations[j] for i, j in pairs]
            return np.array(products, dtype=np.float64).reshape(len(pairs), dimension)
        case _:
            raise ProgramError("amplitudes are not an average over probabilities")


class MeasurementStrategy:
    """Readouts under the names that MerLin gives them."""

    @staticmethod
    def probs(
        computation_space: ComputationSpace = ComputationSpace.FOCK, grouping: Grouping | None = None
    ) -> Probabilities:
        """Probabilities, optionally grouped."""
        return Probabilities(computation_space, grouping)

    @staticmethod
    def mode_expectations(computation_space: ComputationSpace = ComputationSpace.FOCK) -> ModeExpectations:
        """Mean photon numbers."""
        return ModeExpectations(computation_space)

    @staticmethod
    def amplitudes(computation_space: ComputationSpace = ComputationSpace.FOCK) -> Amplitudes:
        """Complex amplitudes."""
        return Amplitudes(computation_space)
