"""Programs as protobuf messages, and back."""

from typing import TYPE_CHECKING, TypedDict

import numpy as np
from google.protobuf.message import DecodeError

from hqdist.errors import ProgramError
from hqdist.program.angle import Angle
from hqdist.program.checks import instance
from hqdist.program.elements import (
    BeamSplitter,
    BeamSplitterConvention,
    Element,
    FixedUnitary,
    Permutation,
    PhaseShifter,
)
from hqdist.program.readout import (
    Amplitudes,
    LexGrouping,
    ModeExpectations,
    ModGrouping,
    NumberCorrelators,
    Probabilities,
    Readout,
)
from hqdist.program.space import ComputationSpace
from hqdist.program.states import input_state
from hqdist.program.v1 import program_pb2 as pb

if TYPE_CHECKING:
    from hqdist.program.program import Program


class ProgramFields(TypedDict):
    """What a `Program` is made from."""

    modes: int
    input_state: tuple[int, ...]
    elements: tuple[Element, ...]
    weights: tuple[str, ...]
    inputs: tuple[str, ...]
    readout: Readout


_SPACES = {
    ComputationSpace.FOCK: pb.FOCK,
    ComputationSpace.UNBUNCHED: pb.UNBUNCHED,
    ComputationSpace.DUAL_RAIL: pb.DUAL_RAIL,
}
_CONVENTIONS = {
    BeamSplitterConvention.RX: pb.BeamSplitter.RX,
    BeamSplitterConvention.RY: pb.BeamSplitter.RY,
    BeamSplitterConvention.H: pb.BeamSplitter.H,
}


def encode(program: "Program") -> bytes:
    """Serialise a program, the same way in every process."""
    message = pb.Program(
        modes=program.modes,
        input_state=program.input_state,
        elements=[_element_message(element) for element in program.elements],
        weights=program.weights,
        inputs=program.inputs,
        readout=_readout_message(program.readout),
    )
    return message.SerializeToString(deterministic=True)


def decode(data: bytes) -> ProgramFields:
    """The parts of a serialised program.

    Raises:
        ProgramError: If the bytes are no such message, or a part is not valid.
    """
    instance(data, bytes | bytearray | memoryview, "a serialised program")
    try:
        message = pb.Program.FromString(bytes(data))
    except DecodeError as error:
        raise ProgramError(f"these {len(data)} bytes are not a serialised program: {error}") from error
    return ProgramFields(
        modes=message.modes,
        input_state=input_state(message.modes, message.input_state),  # before the elements, which take longer
        elements=tuple(_element(element) for element in message.elements),
        weights=tuple(message.weights),
        inputs=tuple(message.inputs),
        readout=_readout(message.readout),
    )


def _angle_message(angle: Angle) -> pb.Angle:
    terms = [pb.Angle.Term(name=name, coefficient=coefficient) for name, coefficient in angle.terms]
    return pb.Angle(constant=angle.constant, terms=terms)


def _angle(message: pb.Angle) -> Angle:
    return Angle(message.constant, tuple((term.name, term.coefficient) for term in message.terms))


def _element_message(element: Element) -> pb.Element:
    match element:
        case PhaseShifter():
            angle = _angle_message(element.angle)
            return pb.Element(phase_shifter=pb.PhaseShifter(mode=element.mode, angle=angle))
        case BeamSplitter():
            splitter = pb.BeamSplitter(
                modes=element.modes,
                theta=_angle_message(element.theta),
                convention=_CONVENTIONS[element.convention],
            )
            return pb.Element(beam_splitter=splitter)
        case Permutation():
            return pb.Element(permutation=pb.Permutation(modes=element.modes, targets=element.targets))
        case FixedUnitary():
            entries = element.block.ravel()
            unitary = pb.FixedUnitary(modes=element.modes, real=entries.real.tolist(), imaginary=entries.imag.tolist())
            return pb.Element(fixed_unitary=unitary)


def _element(message: pb.Element) -> Element:
    match message.WhichOneof("kind"):
        case "phase_shifter":
            shifter = message.phase_shifter
            return PhaseShifter(shifter.mode, _angle(shifter.angle))
        case "beam_splitter":
            splitter = message.beam_splitter
            conventions = {number: convention for convention, number in _CONVENTIONS.items()}
            if splitter.convention not in conventions or len(splitter.modes) != 2:
                raise ProgramError("a serialised beam splitter lacks its two modes or a known convention")
            pair = (splitter.modes[0], splitter.modes[1])
            return BeamSplitter(pair, _angle(splitter.theta), conventions[splitter.convention])
        case "permutation":
            return Permutation(tuple(message.permutation.modes), tuple(message.permutation.targets))
        case "fixed_unitary":
            return _fixed_unitary(message.fixed_unitary)
        case _:
            raise ProgramError("a serialised element is of no kind that this version knows")


def _fixed_unitary(message: pb.FixedUnitary) -> FixedUnitary:
    size = len(message.modes)
    if not len(message.real) == len(message.imaginary) == size * size:
        raise ProgramError(f"a serialised unitary on {size} modes does not have {size * size} entries")
    matrix = np.stack([message.real, message.imaginary], axis=-1, dtype=np.float64).view(np.complex128)
    return FixedUnitary(tuple(message.modes), matrix.reshape(size, size))


def _readout_message(readout: Readout) -> pb.Readout:
    message = pb.Readout(space=_SPACES[readout.space])
    match readout:
        case Probabilities(grouping=grouping):
            message.probabilities.SetInParent()
            if isinstance(grouping, LexGrouping):
                message.probabilities.lexicographic = grouping.size
            elif isinstance(grouping, ModGrouping):
                message.probabilities.modular = grouping.size
        case ModeExpectations():
            message.mode_expectations.SetInParent()
        case NumberCorrelators():
            message.number_correlators.SetInParent()
        case Amplitudes():
            message.amplitudes.SetInParent()
    return message


def _readout(message: pb.Readout) -> Readout:
    spaces = {number: space for space, number in _SPACES.items()}
    if message.space not in spaces:
        raise ProgramError("a serialised readout has no computation space that this version knows")
    space = spaces[message.space]
    match message.WhichOneof("kind"):
        case "probabilities":
            probabilities = message.probabilities
            match probabilities.WhichOneof("grouping"):
                case "lexicographic":
                    return Probabilities(space, LexGrouping(probabilities.lexicographic))
                case "modular":
                    return Probabilities(space, ModGrouping(probabilities.modular))
                case _:
                    return Probabilities(space)
        case "mode_expectations":
            return ModeExpectations(space)
        case "number_correlators":
            return NumberCorrelators(space)
        case "amplitudes":
            return Amplitudes(space)
        case _:
            raise ProgramError("a serialised readout is of no kind that this version knows")
