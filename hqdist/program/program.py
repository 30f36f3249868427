"""The program: what to evaluate, and nothing about who evaluates it."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hqdist.errors import ProgramError
from hqdist.program.checks import instance, listed, parameter_name, shown, whole
from hqdist.program.elements import BeamSplitter, Element, PhaseShifter, angle_of
from hqdist.program.readout import Amplitudes, Probabilities, Readout
from hqdist.program.states import input_state
from hqdist.program.wire import decode, encode


@dataclass(frozen=True)
class Program:
    """A photonic circuit with an input state and a readout: immutable, validated, content-addressed.

    Attributes:
        modes: Number of modes m, at most 4096.
        input_state: Photons entering each mode, m numbers, at most 127 photons in all.
        elements: What the light passes, in that order.
        weights: Names of the T parameters that all samples share, in the order of a request's weights.
        inputs: Names of the F parameters that differ from sample to sample, in the order of a request's columns.
        readout: What comes back.

    Raises:
        ProgramError: If anything is out of range, a parameter is undeclared, declared twice or used nowhere, or the
            readout's space has no state of this size.
    """

    modes: int
    input_state: tuple[int, ...]
    elements: tuple[Element, ...]
    weights: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    readout: Readout = field(default_factory=Probabilities)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_state", input_state(self.modes, self.input_state))
        object.__setattr__(self, "modes", whole(self.modes, "the number of modes"))
        object.__setattr__(self, "elements", listed(self.elements, "a program's elements"))
        for kind in ("weights", "inputs"):
            names = listed(getattr(self, kind), f"a program's {kind}")
            object.__setattr__(self, kind, tuple(parameter_name(name) for name in names))
        instance(self.readout, Readout, "a readout")
        for element in self.elements:
            _check_modes(element, self.modes)
        _check_parameters(self.elements, self.weights, self.inputs)
        self.readout.size(self.modes, self.photons)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __copy__(self) -> "Program":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "Program":
        return self

    @property
    def photons(self) -> int:
        """Number of photons n."""
        return sum(self.input_state)

    @property
    def outputs(self) -> int:
        """Number of values R that the readout gives for each sample."""
        return self.readout.size(self.modes, self.photons)

    @property
    def states(self) -> npt.NDArray[np.int8]:
        """The states of the readout's space, (D, m), in the order of its values."""
        return self.readout.space.states(self.modes, self.photons)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the serialised program, in hexadecimal: equal for equal programs, in every process."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The program as a message of protos/hqdist/program/v1."""
        return encode(self)

    @staticmethod
    def from_bytes(message: bytes) -> "Program":
        """Rebuild and validate a program from `to_bytes`.

        Raises:
            ProgramError: If the bytes are not a valid program.
        """
        return Program(**decode(message))

    def __repr__(self) -> str:
        kinds = Counter(type(element).__name__ for element in self.elements)
        elements = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no elements"
        return (
            f"Program({self.modes} modes, |{','.join(map(str, self.input_state))}>, {elements}, "
            f"{len(self.weights)} weights, {len(self.inputs)} inputs, "
            f"{type(self.readout).__name__}[{self.readout.space}] -> {self.outputs} outputs)"
        )

    @property
    def complex_valued(self) -> bool:
        """Whether the values are complex (amplitudes) and not real."""
        return isinstance(self.readout, Amplitudes)


def _check_modes(element: Element, modes: int) -> None:
    instance(element, Element, "an element")
    if not element.modes:
        raise ProgramError(f"{type(element).__name__} acts on no mode; leave it out")
    if len(set(element.modes)) != len(element.modes):
        raise ProgramError(f"{type(element).__name__} names a mode twice: {shown(element.modes)}")
    if any(not 0 <= mode < modes for mode in element.modes):
        raise ProgramError(f"{type(element).__name__} on modes {shown(element.modes)} does not fit in {modes} modes")


def _check_parameters(elements: Iterable[Element], weights: tuple[str, ...], inputs: tuple[str, ...]) -> None:
    twice = [name for name, count in Counter(weights + inputs).items() if count > 1]
    if twice:
        raise ProgramError(f"parameters are declared more than once: {', '.join(twice)}")
    used = {name for element in elements if (angle := angle_of(element)) for name in angle.parameters}
    undeclared = sorted(used - {*weights, *inputs})
    if undeclared:
        raise ProgramError(
            f"parameters are used but are neither weights nor inputs: {', '.join(undeclared)}; declare them as one"
        )
    unused = [name for name in weights + inputs if name not in used]
    if unused:
        raise ProgramError(
            f"no element uses the declared parameters {', '.join(unused)}: they would have no effect; "
            "encode them or leave them out"
        )


def circuit_unitary(program: Program, values: dict[str, float]) -> npt.NDArray[np.complex128]:
    """The (m, m) unitary of a program's circuit, in plain NumPy: the reference that backends are held to.

    Args:
        program: Any program.
        values: A number for each weight and input, in radians where the angle's coefficient is 1.
    """
    unitary = np.eye(program.modes, dtype=np.complex128)
    for element in program.elements:
        rows = list(element.modes)
        angle = angle_of(element)
        phi = angle.constant + sum(c * values[name] for name, c in angle.terms) if angle else 0.0
        match element:
            case PhaseShifter():
                unitary[rows] *= np.exp(1j * phi)
            case BeamSplitter():
                unitary[rows] = element.block(phi) @ unitary[rows]
            case _:
                unitary[rows] = element.block @ unitary[rows]
    return unitary
