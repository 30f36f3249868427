"""Perceval circuits as programs, and programs as Perceval circuits."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hqdist.errors import MissingDependencyError, ProgramError
from hqdist.program.angle import Angle
from hqdist.program.elements import (
    BeamSplitter,
    BeamSplitterConvention,
    Element,
    FixedUnitary,
    Permutation,
    PhaseShifter,
    angle_of,
)
from hqdist.program.program import Program
from hqdist.program.readout import Probabilities, Readout

_INDEX = re.compile(r"(?P<separator>_?\[|_?)(?P<number>\d+)(?(separator)\]?)")


def circuit_modes(circuit: Any) -> int:
    """Number of modes of a Perceval circuit.

    Raises:
        ProgramError: If it is no circuit.
        MissingDependencyError: If Perceval is not installed.
    """
    return int(_circuit(circuit).m)


def from_perceval(
    circuit: Any,
    *,
    input_state: Sequence[int],
    trainable_parameters: Sequence[str] = (),
    input_parameters: Sequence[str] = (),
    readout: Readout | None = None,
) -> Program:
    """Read a Perceval circuit.

    A variable parameter belongs to the prefix after which only an index is left: prefix ``x`` takes ``x``, ``x1``,
    ``x10``, ``x_2`` and ``x[3]``; prefix ``x1`` takes ``x1``, never ``x10``. The longest prefix wins. Parameters are
    ordered by prefix as listed, then by index as a number. Fixed parameters become constants.

    Args:
        circuit: A ``perceval.Circuit`` or unitary component; nested circuits are flattened.
        input_state: Photons entering each mode.
        trainable_parameters: Prefixes of the weights.
        input_parameters: Prefixes of the inputs.
        readout: What comes back; by default the probabilities of all Fock states.

    Raises:
        ProgramError: If a component is not unitary, polarised or noisy, an angle is not affine in its parameters, a
            parameter has no prefix or a prefix no parameter.
        MissingDependencyError: If Perceval is not installed.
    """
    modes = circuit_modes(circuit)
    elements = tuple(element for ports, leaf in circuit for element in _elements(tuple(ports), leaf))
    names = {name: None for element in elements if (angle := angle_of(element)) for name in angle.parameters}
    weights, inputs = _assign(list(names), _prefixes(trainable_parameters), _prefixes(input_parameters))
    return Program(
        modes=modes,
        input_state=tuple(input_state),
        elements=elements,
        weights=weights,
        inputs=inputs,
        readout=readout if readout is not None else Probabilities(),
    )


def to_perceval(program: Program, values: Mapping[str, float] | None = None) -> Any:
    """Write a program's circuit as a ``perceval.Circuit``.

    An angle that is one free parameter becomes a ``perceval.P``, another affine angle a ``perceval.Expression``.
    Elements on modes that are not neighbours in ascending order stand between two permutations.

    Args:
        program: What to write; its input state and readout have no place in a circuit.
        values: Numbers for parameters, in radians where the coefficient is 1; the others stay free.

    Raises:
        ProgramError: If a value is for no parameter, or a free parameter has a name that Perceval cannot take.
        MissingDependencyError: If Perceval is not installed.
    """
    pcvl = _perceval()
    values = dict(values or {})
    unknown = sorted(set(values) - {*program.weights, *program.inputs})
    if unknown:
        raise ProgramError(f"values are given for {', '.join(unknown)}, which are no parameters of this program")
    free = [name for name in program.weights + program.inputs if name not in values]
    variables = {name: _variable(pcvl, name) for name in free}
    circuit = pcvl.Circuit(program.modes)
    for element in program.elements:
        for first, component in _components(pcvl, element, values, variables):
            circuit.add(first, component)
    for name in _uses_of_several_periods(program):
        if name in variables:
            _unbind(variables[name])
    return circuit


def _perceval() -> Any:
    try:
        import perceval
    except ImportError as error:
        raise MissingDependencyError(
            'Perceval is needed for this and is not installed: pip install "hqdist[perceval]"'
        ) from error
    return perceval


def _circuit(circuit: Any) -> Any:
    pcvl = _perceval()
    if isinstance(circuit, pcvl.components.ACircuit):
        return circuit
    what = type(circuit).__name__
    for _, component in getattr(circuit, "components", ()):
        if not isinstance(component, pcvl.components.ACircuit):
            raise ProgramError(
                f"{what} has the component {_describe(component)}, which is not unitary; a program is a unitary circuit"
            )
    hint = "; pass its unitary_circuit()" if hasattr(circuit, "unitary_circuit") else ""
    raise ProgramError(f"a perceval.Circuit is needed here, got {what}{hint}")


def _describe(component: Any) -> str:
    return str(component.describe()) if hasattr(component, "describe") else type(component).__name__


def _elements(ports: tuple[int, ...], component: Any) -> Iterator[Element]:
    """One leaf of a Perceval circuit.

    Angles are read from the attributes that Perceval computes the unitary from: ``BS.inverse`` leaves its public
    ``param`` behind.
    """
    pcvl = _perceval()
    if component.requires_polarization:
        raise ProgramError(f"{_describe(component)} on modes {ports} acts on polarisation, which programs do not have")
    match component:
        case pcvl.PS():
            if component._max_error:
                raise ProgramError(
                    f"{_describe(component)} on modes {ports} has a random phase error; give it as noise of the backend"
                )
            yield PhaseShifter(ports[0], _angle(component._phi, component))
        case pcvl.BS():
            upper, lower = ports
            convention = BeamSplitterConvention(component.convention.name.lower())
            yield from _phase(upper, component._phi_tl, component)
            yield from _phase(lower, component._phi_bl, component)
            yield BeamSplitter((upper, lower), _angle(component._theta, component), convention)
            yield from _phase(upper, component._phi_tr, component)
            yield from _phase(lower, component._phi_br, component)
        case pcvl.Barrier():
            return
        case pcvl.PERM():
            yield Permutation(ports, tuple(component.perm_vector))
        case _ if not component.get_parameters():
            yield FixedUnitary(ports, np.array(component.compute_unitary(), dtype=np.complex128))
        case _:
            raise ProgramError(
                f"{_describe(component)} on modes {ports} is of no kind that programs know; "
                "write it with BS, PS, PERM and Unitary"
            )


def _phase(mode: int, phi: Any, component: Any) -> Iterator[PhaseShifter]:
    angle = _angle(phi, component)
    if angle != Angle():
        yield PhaseShifter(mode, angle)


def _angle(value: Any, component: Any) -> Angle:
    """A Perceval parameter or expression as an angle."""
    if value.fixed:
        return Angle(float(value))
    if not value._is_expression:
        return Angle(0.0, ((value.name, 1.0),))
    fixed = {part.name: part._value for part in value.parameters if part.fixed}
    known = {symbol: fixed[str(symbol)] for symbol in value.spv.free_symbols if str(symbol) in fixed}
    expression = value.spv.subs(known).expand()
    slopes = {str(symbol): expression.diff(symbol) for symbol in expression.free_symbols}
    constant = expression.subs(dict.fromkeys(expression.free_symbols, 0))
    if not all(number.is_number and number.is_real and number.is_finite for number in (constant, *slopes.values())):
        raise ProgramError(
            f"{_describe(component)}: the angle {value.spv} is not affine in {', '.join(sorted(slopes))}; "
            "angles are sums of parameters times numbers, so compute it before the circuit and pass the result in"
        )
    return Angle(float(constant), tuple((name, float(slope)) for name, slope in slopes.items()))


def _prefixes(prefixes: Sequence[str]) -> list[str]:
    listed = list(prefixes)
    if isinstance(prefixes, str) or not all(isinstance(prefix, str) and prefix for prefix in listed):
        raise ProgramError(f"parameter prefixes are a list of names that are not empty, got {prefixes!r}")
    return listed


def _index(name: str, prefix: str) -> int | None:
    """The index that is left of a name after a prefix: -1 for none at all, None if something else is left."""
    if name == prefix:
        return -1
    rest = _INDEX.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
    if rest is None or (prefix[-1].isdecimal() and not rest["separator"]):
        return None
    return int(rest["number"])


def _assign(names: list[str], trainable: list[str], features: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Weights and inputs among the parameters of a circuit, in order."""
    prefixes = trainable + features
    twice = sorted({prefix for prefix in prefixes if prefixes.count(prefix) > 1})
    if twice:
        raise ProgramError(f"the prefixes {', '.join(twice)} are listed more than once")
    taken: dict[str, list[tuple[int, str]]] = {prefix: [] for prefix in prefixes}
    strays = []
    for name in names:
        indices = {prefix: index for prefix in prefixes if (index := _index(name, prefix)) is not None}
        if indices:
            prefix = max(indices, key=len)
            taken[prefix].append((indices[prefix], name))
        else:
            strays.append(name)
    if strays:
        stems = dict.fromkeys(re.sub(r"(_?\[\d+\]|_?\d+)$", "", name) or name for name in strays)
        raise ProgramError(
            f"the circuit's parameters {', '.join(strays)} belong to no prefix; add {', '.join(map(repr, stems))} to "
            "trainable_parameters or input_parameters, or give them values"
        )
    idle = [prefix for prefix, members in taken.items() if not members]
    if idle:
        raise ProgramError(
            f"no parameter of the circuit belongs to the prefixes {', '.join(idle)}; "
            f"it has {', '.join(names) or 'none'}"
        )
    weights, inputs = (
        [name for prefix in group for _, name in sorted(taken[prefix])] for group in (trainable, features)
    )
    return tuple(weights), tuple(inputs)


def _components(
    pcvl: Any, element: Element, values: Mapping[str, float], variables: Mapping[str, Any]
) -> Iterator[tuple[int, Any]]:
    """Perceval components that make up an element, each with its first mode."""
    first, last = min(element.modes), max(element.modes)
    routes = {mode: first + port for port, mode in enumerate(element.modes)}
    inside = any(mode != port for mode, port in routes.items())
    others = [mode for mode in range(first, last + 1) if mode not in routes]
    ports = dict(zip(others, range(first + len(routes), last + 1), strict=True)) | routes
    there = [ports[mode] - first for mode in range(first, last + 1)]
    back = [there.index(port) for port in range(len(there))]
    if inside:
        yield first, pcvl.PERM(there)
    match element:
        case PhaseShifter():
            yield first, pcvl.PS(_value(pcvl, element.angle, values, variables))
        case BeamSplitter():
            convention = {
                BeamSplitterConvention.RX: pcvl.BSConvention.Rx,
                BeamSplitterConvention.RY: pcvl.BSConvention.Ry,
                BeamSplitterConvention.H: pcvl.BSConvention.H,
            }[element.convention]
            yield first, pcvl.BS(_value(pcvl, element.theta, values, variables), convention=convention)
        case Permutation():
            yield first, pcvl.PERM(list(element.targets))
        case FixedUnitary():
            yield first, pcvl.Unitary(pcvl.Matrix(element.block))
    if inside:
        yield first, pcvl.PERM(back)


def _value(pcvl: Any, angle: Angle, values: Mapping[str, float], variables: Mapping[str, Any]) -> Any:
    """An angle as a number, a Perceval parameter or a Perceval expression."""
    terms = [(name, coefficient) for name, coefficient in angle.terms if name not in values]
    constant = angle.constant + sum(coefficient * values[name] for name, coefficient in angle.terms if name in values)
    if not terms:
        return float(constant)
    if constant == 0.0 and [coefficient for _, coefficient in terms] == [1.0]:
        return variables[terms[0][0]]
    text = " + ".join([repr(float(constant)), *(f"({coefficient!r})*{name}" for name, coefficient in terms)])
    try:
        return pcvl.Expression(text, {variables[name] for name, _ in terms})
    except (ValueError, RuntimeError) as error:
        raise ProgramError(
            f"Perceval cannot read the expression {text!r}: rename its parameters to letters, digits and underscores "
            "that mean nothing else in mathematics, or give values"
        ) from error


def _variable(pcvl: Any, name: str) -> Any:
    if re.search(r"[\s,:()\\]", name):
        raise ProgramError(f"Perceval cannot take the parameter name {name!r}; rename it or give it a value")
    return pcvl.P(name)


def _uses_of_several_periods(program: Program) -> set[str]:
    """Parameters that may not be reduced by the period of one of their uses.

    Perceval reduces a parameter by 2 pi in a phase shifter and by 4 pi in a beam splitter; either would change the
    angle elsewhere if the same parameter stands there with another period or coefficient.
    """
    uses: dict[str, set[tuple[type, bool]]] = {}
    for element in program.elements:
        if angle := angle_of(element):
            alone = angle.constant == 0.0 and len(angle.terms) == 1 and angle.terms[0][1] == 1.0
            for name in angle.parameters:
                uses.setdefault(name, set()).add((type(element), alone))
    return {name for name, kinds in uses.items() if len(kinds) > 1}


def _unbind(variable: Any) -> None:
    variable.min = None
    variable.max = None
    variable.set_periodic(False)
