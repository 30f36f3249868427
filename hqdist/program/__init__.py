"""What to evaluate: photonic programs, how to write them, and what they give back."""

from hqdist.program.angle import Angle, parameter
from hqdist.program.ansatz import Ansatz, AnsatzFactory, OutputMappingStrategy
from hqdist.program.builder import CircuitBuilder
from hqdist.program.elements import (
    BeamSplitter,
    BeamSplitterConvention,
    Element,
    FixedUnitary,
    Permutation,
    PhaseShifter,
    interferometer,
)
from hqdist.program.experiment import CircuitType, Experiment
from hqdist.program.perceval import from_perceval, to_perceval
from hqdist.program.program import Program, circuit_unitary
from hqdist.program.readout import (
    Amplitudes,
    LexGrouping,
    MeasurementStrategy,
    ModeExpectations,
    ModGrouping,
    NumberCorrelators,
    Probabilities,
    Readout,
    observable,
)
from hqdist.program.space import ComputationSpace
from hqdist.program.states import StatePattern

__all__ = [
    "Amplitudes",
    "Angle",
    "Ansatz",
    "AnsatzFactory",
    "BeamSplitter",
    "BeamSplitterConvention",
    "CircuitBuilder",
    "CircuitType",
    "ComputationSpace",
    "Element",
    "Experiment",
    "FixedUnitary",
    "LexGrouping",
    "MeasurementStrategy",
    "ModGrouping",
    "ModeExpectations",
    "NumberCorrelators",
    "OutputMappingStrategy",
    "Permutation",
    "PhaseShifter",
    "Probabilities",
    "Program",
    "Readout",
    "StatePattern",
    "circuit_unitary",
    "from_perceval",
    "interferometer",
    "observable",
    "parameter",
    "to_perceval",
]
