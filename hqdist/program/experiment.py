"""Ready-made photonic ansatzes, described in a few words: the circuit types of the hybrid-model guide."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from hqdist.program.angle import Angle
from hqdist.program.checks import MAX_MODES, MAX_PHOTONS, member, whole
from hqdist.program.elements import Element, PhaseShifter, interferometer
from hqdist.program.program import Program
from hqdist.program.readout import Probabilities, Readout
from hqdist.program.space import ComputationSpace
from hqdist.program.states import StatePattern


class CircuitType(StrEnum):
    """How the features x (expected in [0, 1]) enter the circuit, between universal interferometers.

    SERIES: two interferometers around ``m - 1`` phases, one on each mode but the last: ``pi x_i`` for each feature,
        then ``pi`` times the mean of each pair of features, then of all of them, while there are modes left. A single
        feature enters as ``(j + 1) pi x`` on mode j. With more than ``m - 1`` features the block (phases,
        interferometer) repeats, ``m - 1`` features at a time, so that none is dropped.
    PARALLEL: for each feature an interferometer and a phase ``pi x_i`` on mode 0; a last interferometer. A single
        feature is encoded ``m - 1`` times.
    PARALLEL_COLUMNS: for each feature an interferometer and a column of phases ``(j + 1) pi x_i`` on every mode j;
        a last interferometer. (Equal phases on all modes would be a global phase, which no detector sees.)
    """

    SERIES = "series"
    PARALLEL = "parallel"
    PARALLEL_COLUMNS = "parallel_columns"

    def encoding(self, modes: int, features: int) -> list[list[Element]]:
        """The columns of encoding phases; an interferometer goes before, between and after them.

        Features are the parameters ``x0``, ``x1``, ...
        """
        match self:
            case CircuitType.SERIES:
                slots = modes - 1
                blocks = [range(first, min(first + slots, features)) for first in range(0, features, slots)]
                return [_series_column(block, slots) for block in blocks]
            case CircuitType.PARALLEL:
                repeats = modes - 1 if features == 1 else 1
                return [[PhaseShifter(0, _mean([f]))] for f in range(features) for _ in range(repeats)]
            case CircuitType.PARALLEL_COLUMNS:
                return [[PhaseShifter(mode, (mode + 1) * _mean([f])) for mode in range(modes)] for f in range(features)]


def _mean(features: Sequence[int]) -> Angle:
    """Pi times the mean of some features."""
    return Angle(0.0, tuple((f"x{feature}", math.pi / len(features)) for feature in features))


def _series_column(features: Sequence[int], slots: int) -> list[Element]:
    if len(features) == 1:
        angles = [(slot + 1) * _mean(features) for slot in range(slots)]
    else:
        means = [[feature] for feature in features] + [list(pair) for pair in combinations(features, 2)]
        if len(features) > 2:
            means.append(list(features))
        angles = [_mean(mean) for mean in means[:slots]]
    return [PhaseShifter(mode, angle) for mode, angle in enumerate(angles)]


@dataclass(frozen=True)
class Experiment:
    """The photonic side of an ansatz.

    Attributes:
        circuit_type: How features enter the circuit.
        n_modes: Number of modes m, at least 2.
        n_photons: Number of photons n, at least 1 and at most m.
        state_pattern: Where the photons enter.
        use_bandwidth_tuning: Give each feature a trainable scale (1 at first) before it is encoded.
        reservoir_mode: Keep the interferometers at random phases, untrained.
        computation_space: Which output states count.

    Raises:
        ProgramError: If a number is out of range.
    """

    circuit_type: CircuitType = CircuitType.SERIES
    n_modes: int = 6
    n_photons: int = 3
    state_pattern: StatePattern = StatePattern.PERIODIC
    use_bandwidth_tuning: bool = False
    reservoir_mode: bool = False
    computation_space: ComputationSpace = ComputationSpace.FOCK

    def __post_init__(self) -> None:
        object.__setattr__(self, "circuit_type", member(CircuitType, self.circuit_type))
        object.__setattr__(self, "state_pattern", member(StatePattern, self.state_pattern))
        object.__setattr__(self, "computation_space", member(ComputationSpace, self.computation_space))
        object.__setattr__(self, "n_modes", whole(self.n_modes, "n_modes", least=2, most=MAX_MODES))
        object.__setattr__(self, "n_photons", whole(self.n_photons, "n_photons", least=1, most=MAX_PHOTONS))
        self.computation_space.dimension(self.n_modes, self.n_photons)
        self.state_pattern.state(self.n_modes, self.n_photons)

    def program(self, features: int, readout: Readout | None = None) -> Program:
        """The program that encodes this many features.

        Args:
            features: Number of inputs F, at least 1; they are named ``x0``, ``x1``, ...
            readout: What comes back; by default the probabilities over the computation space.
        """
        features = whole(features, "the number of features", least=1)
        modes = range(self.n_modes)
        elements = list(interferometer(modes, "phi0_"))
        for layer, column in enumerate(self.circuit_type.encoding(self.n_modes, features), start=1):
            elements += [*column, *interferometer(modes, f"phi{layer}_")]
        inputs = {f"x{feature}": None for feature in range(features)}
        used = (name for element in elements if isinstance(element, PhaseShifter) for name in element.angle.parameters)
        return Program(
            modes=self.n_modes,
            input_state=self.state_pattern.state(self.n_modes, self.n_photons),
            elements=tuple(elements),
            weights=tuple(name for name in dict.fromkeys(used) if name not in inputs),
            inputs=tuple(inputs),
            readout=readout if readout is not None else Probabilities(self.computation_space),
        )
