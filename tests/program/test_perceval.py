import sys
import warnings
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from hqdist import (
    Angle,
    BeamSplitter,
    BeamSplitterConvention,
    CircuitType,
    Experiment,
    FixedUnitary,
    MissingDependencyError,
    ModeExpectations,
    Permutation,
    PhaseShifter,
    Program,
    ProgramError,
    from_perceval,
    parameter,
    to_perceval,
)
from hqdist.program import circuit_unitary
from hqdist.program.perceval import circuit_modes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Perceval's own imports
    pcvl = pytest.importorskip("perceval")

P = pcvl.P


def read(circuit: Any, trainable: tuple[str, ...] = (), inputs: tuple[str, ...] = ()) -> Program:
    state = [1] + [0] * (circuit.m - 1)
    return from_perceval(circuit, input_state=state, trainable_parameters=trainable, input_parameters=inputs)


def random_values(names: tuple[str, ...]) -> dict[str, float]:
    rng = np.random.default_rng(3)
    return {name: rng.uniform(0.0, 6.0) for name in names}


def perceval_unitary(circuit: Any, values: dict[str, float]) -> np.ndarray:
    for variable in circuit.get_parameters():
        variable.set_value(values[variable.name])
    unitary = np.array(circuit.compute_unitary(), dtype=complex)
    circuit.reset_parameters()
    return unitary


def assert_same(circuit: Any, trainable: tuple[str, ...] = (), inputs: tuple[str, ...] = ()) -> Program:
    program = read(circuit, trainable, inputs)
    values = random_values(program.weights + program.inputs)
    np.testing.assert_allclose(circuit_unitary(program, values), perceval_unitary(circuit, values), atol=1e-12)
    return program


def assert_round_trip(program: Program) -> None:
    circuit = to_perceval(program)
    values = random_values(program.weights + program.inputs)
    expected = circuit_unitary(program, values)
    np.testing.assert_allclose(perceval_unitary(circuit, values), expected, atol=1e-12)
    back = from_perceval(
        circuit,
        input_state=program.input_state,
        trainable_parameters=program.weights,
        input_parameters=program.inputs,
        readout=program.readout,
    )
    assert (back.weights, back.inputs) == (program.weights, program.inputs)
    np.testing.assert_allclose(circuit_unitary(back, values), expected, atol=1e-12)
    numbers = to_perceval(program, values)
    assert not numbers.get_parameters()
    np.testing.assert_allclose(np.array(numbers.compute_unitary()), expected, atol=1e-12)


class TestReadingComponents:
    @pytest.mark.parametrize("name", ["Rx", "Ry", "H"])
    def test_beam_splitters_with_all_their_phases(self, name: str) -> None:
        splitter = getattr(pcvl.BS, name)
        assert_same(splitter(theta=0.7, phi_tl=0.1, phi_bl=0.2, phi_tr=0.3, phi_br=0.4))
        free = splitter(theta=P("t1"), phi_tl=P("t2"), phi_bl=P("t3"), phi_tr=P("t4"), phi_br=P("t5"))
        assert assert_same(pcvl.Circuit(3).add(1, free), ("t",)).weights == ("t1", "t2", "t3", "t4", "t5")

    def test_phases_of_a_beam_splitter_are_phase_shifters_around_it(self) -> None:
        program = read(pcvl.BS(theta=0.7, phi_tl=0.1, phi_br=0.4))
        assert program.elements == (
            PhaseShifter(0, 0.1),
            BeamSplitter((0, 1), 0.7),
            PhaseShifter(1, 0.4),
        )

    def test_inverted_beam_splitters(self) -> None:
        for splitter in (pcvl.BS.Rx, pcvl.BS.Ry, pcvl.BS.H):
            for vertical, horizontal in ((True, False), (False, True)):
                component = splitter(theta=0.7, phi_tl=0.1, phi_tr=0.3)
                component.inverse(v=vertical, h=horizontal)
                assert_same(component)

    def test_permutations_and_unitaries(self) -> None:
        for order in permutations(range(3)):
            assert_same(pcvl.Circuit(4).add(1, pcvl.PERM(list(order))))
        assert_same(pcvl.Circuit(4) // (1, pcvl.Unitary.random(3)) // (0, pcvl.Unitary.fourier(2)))

    def test_nested_circuits(self) -> None:
        inner = pcvl.Circuit(2) // pcvl.BS.H(P("a1")) // (1, pcvl.PS(P("x1")))
        middle = pcvl.Circuit(3).add(1, inner).add(0, pcvl.BS())
        assert_same(pcvl.Circuit(5).add(2, middle).add(0, pcvl.PS(0.3)).add(3, pcvl.Barrier(2)), ("a",), ("x",))

    def test_a_generic_interferometer(self) -> None:
        mesh = pcvl.GenericInterferometer(
            4,
            lambda i: pcvl.BS() // pcvl.PS(P(f"inner{i}")) // pcvl.BS() // pcvl.PS(P(f"outer_{i}")),
            phase_shifter_fun_gen=lambda i: pcvl.PS(P(f"last[{i}]")),
        )
        program = assert_same(mesh, ("inner", "outer", "last"))
        assert len(program.weights) == 16

    def test_fixed_parameters_are_constants(self) -> None:
        circuit = pcvl.Circuit(1).add(0, pcvl.PS(P("a", value=0.3))).add(0, pcvl.PS(P("b", value=0.1) * 2))
        assert read(circuit).elements == (PhaseShifter(0, 0.3), PhaseShifter(0, 0.2))

    def test_a_parameter_with_a_value_that_is_not_fixed_stays_a_parameter(self) -> None:
        variable = P("a")
        variable.set_value(0.3)
        assert read(pcvl.PS(variable), ("a",)).weights == ("a",)

    def test_affine_expressions(self) -> None:
        a, b, c = P("a"), P("b"), P("c", value=0.25)
        for expression, angle in [
            (a + b, parameter("a") + parameter("b")),
            (2 * a - b / 4, 2 * parameter("a") - 0.25 * parameter("b")),
            (-a, -parameter("a")),
            (1 - a, -parameter("a") + 1),
            ((a + b) * (a - b) - a**2 + b**2 + a + b, parameter("a") + parameter("b")),
            (c * a + c, Angle(0.25, (("a", 0.25),))),
            (pcvl.Expression("pi*a + sqrt(2)", {a}), Angle(np.sqrt(2), (("a", np.pi),))),
        ]:
            names = tuple(angle.parameters)
            program = read(pcvl.PS(expression), names)
            (shifter,) = program.elements
            assert isinstance(shifter, PhaseShifter)
            assert shifter.angle.parameters == names
            np.testing.assert_allclose(
                [shifter.angle.constant, *(x for _, x in shifter.angle.terms)],
                [angle.constant, *(x for _, x in angle.terms)],
                rtol=1e-15,
            )

    def test_the_readout_and_state_are_as_given(self) -> None:
        program = from_perceval(pcvl.BS(), input_state=[1, 1], readout=ModeExpectations())
        assert program.input_state == (1, 1)
        assert program.readout == ModeExpectations()
        assert circuit_modes(pcvl.Circuit(7)) == 7


class TestWhatCannotBeRead:
    @pytest.mark.parametrize("expression", [lambda a: a * a, lambda a: 1 / 3 * a**2, lambda a: pcvl.E("sin(a)", {a})])
    def test_an_expression_that_is_not_affine(self, expression: Any) -> None:
        with pytest.raises(ProgramError, match=r"PS\(phi=.*not affine in a"):
            read(pcvl.PS(expression(P("a"))), ("a",))

    def test_polarised_components(self) -> None:
        for component, name in ((pcvl.HWP(0.2), "WP"), (pcvl.PBS(), "PBS"), (pcvl.PR(0.1), "PR")):
            with pytest.raises(ProgramError, match=f"^{name}.*polarisation"):
                read(pcvl.Circuit(2).add(0, component))

    def test_random_phase_errors(self) -> None:
        with pytest.raises(ProgramError, match="noise of the backend"):
            read(pcvl.PS(0.2, max_error=0.1))

    def test_components_that_are_not_unitary(self) -> None:
        lossy = pcvl.Experiment(2).add(0, pcvl.BS()).add(1, pcvl.LC(0.1))
        with pytest.raises(ProgramError, match=r"LC.*not unitary"):
            from_perceval(lossy, input_state=[1, 0])
        forward = pcvl.Experiment(4)
        forward.add(0, pcvl.BS()).add(0, pcvl.Detector.pnr()).add(1, pcvl.Detector.pnr())
        forward.add(0, pcvl.FFCircuitProvider(2, 0, pcvl.BS()))
        with pytest.raises(ProgramError, match="not unitary"):
            from_perceval(forward, input_state=[1, 0, 0, 0])
        with pytest.raises(ProgramError, match="LC"):
            from_perceval(pcvl.LC(0.1), input_state=[1])

    def test_things_that_are_no_circuit(self) -> None:
        with pytest.raises(ProgramError, match=r"got Experiment; pass its unitary_circuit\(\)"):
            from_perceval(pcvl.Experiment(pcvl.BS()), input_state=[1, 0])
        with pytest.raises(ProgramError, match="got str"):
            circuit_modes("BS")

    def test_an_input_state_of_another_size(self) -> None:
        with pytest.raises(ProgramError, match="3 entries"):
            from_perceval(pcvl.BS(), input_state=[1, 0, 0])


def phases(*names: str) -> Any:
    circuit = pcvl.Circuit(1)
    for name in names:
        circuit.add(0, pcvl.PS(P(name)))
    return circuit


class TestPrefixes:
    def test_parameters_are_ordered_by_prefix_and_then_by_number(self) -> None:
        program = read(phases("x10", "b1", "x2", "a3", "x", "a[1]", "a_2", "c"), ("b", "a"), ("x", "c"))
        assert program.weights == ("b1", "a[1]", "a_2", "a3")
        assert program.inputs == ("x", "x2", "x10", "c")

    def test_a_prefix_with_a_number_does_not_take_longer_numbers(self) -> None:
        program = read(phases("x10", "x1", "x1_0", "x2"), ("x1",), ("x",))
        assert program.weights == ("x1", "x1_0")
        assert program.inputs == ("x2", "x10")
        with pytest.raises(ProgramError, match="parameters x10 belong to no prefix"):
            read(phases("x1", "x10"), ("x1",))

    def test_a_prefix_takes_nothing_but_an_index_after_it(self) -> None:
        with pytest.raises(ProgramError, match="parameters theta_li0 belong to no prefix; add 'theta_li'"):
            read(phases("theta_li0", "theta1"), ("theta",))

    def test_the_longest_prefix_wins(self) -> None:
        program = read(phases("phi_1", "phi_2", "phi3"), ("phi_",), ("phi",))
        assert program.weights == ("phi_1", "phi_2")
        assert program.inputs == ("phi3",)

    def test_a_prefix_for_no_parameter_is_refused(self) -> None:
        with pytest.raises(ProgramError, match="prefixes theta; it has x1"):
            read(phases("x1"), ("theta",), ("x",))

    @pytest.mark.parametrize(("trainable", "inputs"), [(("x",), ("x",)), (("x", "x"), ())])
    def test_a_prefix_is_listed_once(self, trainable: tuple[str, ...], inputs: tuple[str, ...]) -> None:
        with pytest.raises(ProgramError, match="listed more than once"):
            read(phases("x1"), trainable, inputs)

    @pytest.mark.parametrize("prefixes", ["x", [""], [1]])
    def test_prefixes_are_a_list_of_names(self, prefixes: Any) -> None:
        with pytest.raises(ProgramError, match="list of names"):
            read(phases("x1"), prefixes)


class TestWriting:
    def test_a_single_parameter_stays_one_and_other_angles_are_expressions(self) -> None:
        program = Program(
            2,
            (1, 0),
            (PhaseShifter(0, parameter("a")), PhaseShifter(1, 0.5 * parameter("a") + parameter("b") - 1)),
            ("a", "b"),
        )
        (_, first), (_, second) = to_perceval(program)
        assert type(first.param("phi")) is P
        assert isinstance(second.param("phi"), pcvl.Expression)
        assert_round_trip(program)

    @pytest.mark.parametrize("convention", BeamSplitterConvention)
    @pytest.mark.parametrize("pair", list(permutations(range(4), 2)))
    def test_beam_splitters_on_any_modes_in_any_order(
        self, convention: BeamSplitterConvention, pair: tuple[int, int]
    ) -> None:
        angle = parameter("t")
        assert_round_trip(Program(4, (1, 0, 0, 0), (BeamSplitter(pair, angle, convention),), ("t",)))

    def test_unitaries_and_permutations_on_any_modes_in_any_order(self) -> None:
        rng = np.random.default_rng(4)
        matrix = np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))[0]
        for modes in permutations(range(5), 3):
            program = Program(5, (1, 0, 0, 0, 0), (FixedUnitary(modes, matrix), Permutation(modes, (1, 2, 0))))
            assert_round_trip(program)

    def test_angles_of_any_size(self) -> None:
        elements = (BeamSplitter((0, 1), -37.5, BeamSplitterConvention.RY), PhaseShifter(0, 1e3))
        assert_round_trip(Program(2, (1, 0), elements))

    def test_constants_keep_their_precision(self) -> None:
        angle = (1 / 3) * parameter("a") + np.pi * 1e-3
        assert_round_trip(Program(2, (1, 0), (BeamSplitter((0, 1), angle),), ("a",)))

    def test_a_parameter_shared_by_angles_of_different_periods_is_not_reduced(self) -> None:
        """Perceval alone would fold 7 to 7 - 2 pi for the phase and change the beam splitter with it."""
        shared = parameter("a")
        program = Program(
            2,
            (1, 0),
            (BeamSplitter((0, 1), shared), PhaseShifter(0, shared), PhaseShifter(1, 0.5 * parameter("b"))),
            ("a", "b"),
        )
        values = {"a": 7.0, "b": -9.0}
        expected = circuit_unitary(program, values)
        np.testing.assert_allclose(perceval_unitary(to_perceval(program), values), expected, atol=1e-12)

    @pytest.mark.parametrize("circuit_type", CircuitType)
    def test_every_ansatz_makes_the_round_trip(self, circuit_type: CircuitType) -> None:
        assert_round_trip(Experiment(circuit_type, n_modes=3, n_photons=2).program(2))

    def test_some_values_may_be_given(self) -> None:
        program = Program(1, (1,), (PhaseShifter(0, 2 * parameter("a") + parameter("b")),), ("a",), ("b",))
        circuit = to_perceval(program, {"a": 0.25})
        assert [variable.name for variable in circuit.get_parameters()] == ["b"]
        assert perceval_unitary(circuit, {"b": 0.5})[0, 0] == pytest.approx(np.exp(1j))

    def test_values_for_unknown_parameters_are_refused(self) -> None:
        with pytest.raises(ProgramError, match="values are given for b"):
            to_perceval(Program(1, (1,), ()), {"b": 0.1})

    def test_names_that_perceval_cannot_take_are_refused_unless_they_have_values(self) -> None:
        for name, angle in (
            ("a b", parameter("a b")),
            ("lambda", 2 * parameter("lambda")),
            ("pi", 2 * parameter("pi")),
        ):
            program = Program(1, (1,), (PhaseShifter(0, angle),), (name,))
            with pytest.raises(ProgramError, match="value"):
                to_perceval(program)
            assert not to_perceval(program, {name: 0.1}).get_parameters()


def test_without_perceval_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "perceval", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "hqdist\[perceval\]"'):
        to_perceval(Program(1, (1,), ()))
    with pytest.raises(MissingDependencyError):
        from_perceval(object(), input_state=[1])
