from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Space(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPACE_UNSPECIFIED: _ClassVar[Space]
    FOCK: _ClassVar[Space]
    UNBUNCHED: _ClassVar[Space]
    DUAL_RAIL: _ClassVar[Space]
SPACE_UNSPECIFIED: Space
FOCK: Space
UNBUNCHED: Space
DUAL_RAIL: Space

class Program(_message.Message):
    __slots__ = ("modes", "input_state", "elements", "weights", "inputs", "readout")
    MODES_FIELD_NUMBER: _ClassVar[int]
    INPUT_STATE_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    READOUT_FIELD_NUMBER: _ClassVar[int]
    modes: int
    input_state: _containers.RepeatedScalarFieldContainer[int]
    elements: _containers.RepeatedCompositeFieldContainer[Element]
    weights: _containers.RepeatedScalarFieldContainer[str]
    inputs: _containers.RepeatedScalarFieldContainer[str]
    readout: Readout
    def __init__(self, modes: _Optional[int] = ..., input_state: _Optional[_Iterable[int]] = ..., elements: _Optional[_Iterable[_Union[Element, _Mapping]]] = ..., weights: _Optional[_Iterable[str]] = ..., inputs: _Optional[_Iterable[str]] = ..., readout: _Optional[_Union[Readout, _Mapping]] = ...) -> None: ...

class Angle(_message.Message):
    __slots__ = ("constant", "terms")
    class Term(_message.Message):
        __slots__ = ("name", "coefficient")
        NAME_FIELD_NUMBER: _ClassVar[int]
        COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
        name: str
        coefficient: float
        def __init__(self, name: _Optional[str] = ..., coefficient: _Optional[float] = ...) -> None: ...
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    constant: float
    terms: _containers.RepeatedCompositeFieldContainer[Angle.Term]
    def __init__(self, constant: _Optional[float] = ..., terms: _Optional[_Iterable[_Union[Angle.Term, _Mapping]]] = ...) -> None: ...

class Element(_message.Message):
    __slots__ = ("phase_shifter", "beam_splitter", "permutation", "fixed_unitary")
    PHASE_SHIFTER_FIELD_NUMBER: _ClassVar[int]
    BEAM_SPLITTER_FIELD_NUMBER: _ClassVar[int]
    PERMUTATION_FIELD_NUMBER: _ClassVar[int]
    FIXED_UNITARY_FIELD_NUMBER: _ClassVar[int]
    phase_shifter: PhaseShifter
    beam_splitter: BeamSplitter
    permutation: Permutation
    fixed_unitary: FixedUnitary
    def __init__(self, phase_shifter: _Optional[_Union[PhaseShifter, _Mapping]] = ..., beam_splitter: _Optional[_Union[BeamSplitter, _Mapping]] = ..., permutation: _Optional[_Union[Permutation, _Mapping]] = ..., fixed_unitary: _Optional[_Union[FixedUnitary, _Mapping]] = ...) -> None: ...

class PhaseShifter(_message.Message):
    __slots__ = ("mode", "angle")
    MODE_FIELD_NUMBER: _ClassVar[int]
    ANGLE_FIELD_NUMBER: _ClassVar[int]
    mode: int
    angle: Angle
    def __init__(self, mode: _Optional[int] = ..., angle: _Optional[_Union[Angle, _Mapping]] = ...) -> None: ...

class BeamSplitter(_message.Message):
    __slots__ = ("modes", "theta", "convention")
    class Convention(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CONVENTION_UNSPECIFIED: _ClassVar[BeamSplitter.Convention]
        RX: _ClassVar[BeamSplitter.Convention]
        RY: _ClassVar[BeamSplitter.Convention]
        H: _ClassVar[BeamSplitter.Convention]
    CONVENTION_UNSPECIFIED: BeamSplitter.Convention
    RX: BeamSplitter.Convention
    RY: BeamSplitter.Convention
    H: BeamSplitter.Convention
    MODES_FIELD_NUMBER: _ClassVar[int]
    THETA_FIELD_NUMBER: _ClassVar[int]
    CONVENTION_FIELD_NUMBER: _ClassVar[int]
    modes: _containers.RepeatedScalarFieldContainer[int]
    theta: Angle
    convention: BeamSplitter.Convention
    def __init__(self, modes: _Optional[_Iterable[int]] = ..., theta: _Optional[_Union[Angle, _Mapping]] = ..., convention: _Optional[_Union[BeamSplitter.Convention, str]] = ...) -> None: ...

class Permutation(_message.Message):
    __slots__ = ("modes", "targets")
    MODES_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    modes: _containers.RepeatedScalarFieldContainer[int]
    targets: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, modes: _Optional[_Iterable[int]] = ..., targets: _Optional[_Iterable[int]] = ...) -> None: ...

class FixedUnitary(_message.Message):
    __slots__ = ("modes", "real", "imaginary")
    MODES_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    IMAGINARY_FIELD_NUMBER: _ClassVar[int]
    modes: _containers.RepeatedScalarFieldContainer[int]
    real: _containers.RepeatedScalarFieldContainer[float]
    imaginary: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, modes: _Optional[_Iterable[int]] = ..., real: _Optional[_Iterable[float]] = ..., imaginary: _Optional[_Iterable[float]] = ...) -> None: ...

class Readout(_message.Message):
    __slots__ = ("space", "probabilities", "mode_expectations", "number_correlators", "amplitudes")
    class Probabilities(_message.Message):
        __slots__ = ("lexicographic", "modular")
        LEXICOGRAPHIC_FIELD_NUMBER: _ClassVar[int]
        MODULAR_FIELD_NUMBER: _ClassVar[int]
        lexicographic: int
        modular: int
        def __init__(self, lexicographic: _Optional[int] = ..., modular: _Optional[int] = ...) -> None: ...
    class ModeExpectations(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class NumberCorrelators(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Amplitudes(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    SPACE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    MODE_EXPECTATIONS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_CORRELATORS_FIELD_NUMBER: _ClassVar[int]
    AMPLITUDES_FIELD_NUMBER: _ClassVar[int]
    space: Space
    probabilities: Readout.Probabilities
    mode_expectations: Readout.ModeExpectations
    number_correlators: Readout.NumberCorrelators
    amplitudes: Readout.Amplitudes
    def __init__(self, space: _Optional[_Union[Space, str]] = ..., probabilities: _Optional[_Union[Readout.Probabilities, _Mapping]] = ..., mode_expectations: _Optional[_Union[Readout.ModeExpectations, _Mapping]] = ..., number_correlators: _Optional[_Union[Readout.NumberCorrelators, _Mapping]] = ..., amplitudes: _Optional[_Union[Readout.Amplitudes, _Mapping]] = ...) -> None: ...
