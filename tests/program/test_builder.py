from collections.abc import Callable
from itertools import combinations
from math import pi

import numpy as np
import pytest

from hqdist import Amplitudes, CircuitBuilder, ModeExpectations, PhaseShifter, Probabilities, Program, ProgramError
from hqdist.program import circuit_unitary
from hqdist.program.visibility import unseen_inputs

BALANCED = np.array([[1, 1j], [1j, 1]]) / np.sqrt(2)


def on(modes: int, upper: int, block: np.ndarray) -> np.ndarray:
    """A block on neighbouring modes of a circuit."""
    unitary = np.eye(modes, dtype=complex)
    unitary[upper : upper + len(block), upper : upper + len(block)] = block
    return unitary


def phase(angle: float) -> np.ndarray:
    return np.diag([np.exp(1j * angle), 1])


def mzi(inner: float, outer: float) -> np.ndarray:
    return phase(outer) @ BALANCED @ phase(inner) @ BALANCED


def bell(inner: float, outer: float) -> np.ndarray:
    return BALANCED @ np.diag([np.exp(1j * inner), np.exp(1j * outer)]) @ BALANCED


def random_values(program: Program) -> dict[str, float]:
    rng = np.random.default_rng(7)
    return {name: rng.uniform(0, 2 * pi) for name in program.weights + program.inputs}


def encoded(program: Program) -> dict[int, dict[str, float]]:
    """Coefficients of the features in the phase on each mode."""
    shifters = (element for element in program.elements if isinstance(element, PhaseShifter))
    return {s.mode: dict(s.angle.terms) for s in shifters if set(s.angle.parameters) & set(program.inputs)}


class TestEntanglingLayer:
    @pytest.mark.parametrize(("model", "block"), [("mzi", mzi), ("bell", bell)])
    def test_it_is_a_rectangle_of_two_mode_blocks(self, model: str, block: Callable[..., np.ndarray]) -> None:
        program = CircuitBuilder(3).add_entangling_layer(model=model).program([1, 0, 0])
        assert program.weights == ("el_0_li0", "el_0_lo0", "el_0_li1", "el_0_lo1", "el_0_li2", "el_0_lo2")
        phases = np.random.default_rng(0).uniform(0, 2 * pi, 6)
        first, second, third = (block(*phases[i : i + 2]) for i in (0, 2, 4))
        expected = on(3, 0, third) @ on(3, 1, second) @ on(3, 0, first)
        values = dict(zip(program.weights, phases, strict=True))
        np.testing.assert_allclose(circuit_unitary(program, values), expected, atol=1e-14)

    def test_modes_are_a_range_with_both_ends(self) -> None:
        def touched(modes: list[int] | None) -> set[int]:
            elements = CircuitBuilder(5).add_entangling_layer(modes).program([1] * 5).elements
            return {mode for element in elements for mode in element.modes}

        assert touched(None) == {0, 1, 2, 3, 4}
        assert touched([2]) == {2, 3, 4}
        assert touched([1, 3]) == {1, 2, 3}

    @pytest.mark.parametrize("modes", [[], [4], [0, 2, 3], [3, 1], [1, 1], [-1], [2, 5], [0.0]])
    def test_other_ranges_are_refused(self, modes: list[int]) -> None:
        with pytest.raises(ProgramError, match=r"modes 0\.\.4|whole number"):
            CircuitBuilder(5).add_entangling_layer(modes)

    def test_fixed_phases_follow_the_seed_and_else_the_position(self) -> None:
        def unitary(builder: CircuitBuilder) -> np.ndarray:
            program = builder.program([1, 0, 0])
            assert program.weights == ()
            return circuit_unitary(program, {})

        def layer(**options: int) -> CircuitBuilder:
            return CircuitBuilder(3).add_entangling_layer(trainable=False, **options)

        np.testing.assert_array_equal(unitary(layer()), unitary(layer()))
        np.testing.assert_array_equal(unitary(layer(seed=5)), unitary(layer(seed=5)))
        assert not np.allclose(unitary(layer(seed=5)), unitary(layer(seed=6)))
        twice = layer().add_entangling_layer(trainable=False)
        assert not np.allclose(unitary(twice), unitary(layer()) @ unitary(layer()))

    def test_inner_and_outer_phases_can_be_trained_apart(self) -> None:
        builder = CircuitBuilder(2).add_entangling_layer(trainable_outer=False, name="a")
        builder.add_entangling_layer(trainable=False, trainable_outer=True, name="b")
        assert builder.program([1, 0]).weights == ("a_li0", "b_lo0")

    def test_a_name_used_twice_does_not_share_weights(self) -> None:
        builder = CircuitBuilder(2).add_entangling_layer(name="u").add_entangling_layer(name="u")
        assert builder.program([1, 0]).weights == ("u_li0", "u_lo0", "u_1_li0", "u_1_lo0")

    def test_an_unknown_model_is_refused(self) -> None:
        with pytest.raises(ProgramError, match="'mzi' or 'bell'"):
            CircuitBuilder(2).add_entangling_layer(model="clements")


class TestRotations:
    def test_fixed_rotations_are_constant_phases(self) -> None:
        for word in ("angle", "value"):
            program = CircuitBuilder(3).add_rotations([0, 2], **{word: 0.4}).program([1, 0, 0])
            expected = np.diag(np.exp([0.4j, 0, 0.4j]))
            np.testing.assert_allclose(circuit_unitary(program, {}), expected, atol=1e-15)

    def test_trainable_rotations_are_named_by_mode(self) -> None:
        builder = CircuitBuilder(3).add_rotations(trainable=True).add_rotations([0, 1], trainable=True, name="r")
        builder.add_rotations(2, trainable=True, name="r").add_rotations(2, trainable=True, name="r")
        names = ("theta_0_0", "theta_0_1", "theta_0_2", "r_0", "r_1", "r", "r_2")
        assert builder.program([1, 0, 0]).weights == names

    def test_rotations_as_input_are_an_encoding(self) -> None:
        def program(encode: Callable[[CircuitBuilder], CircuitBuilder]) -> Program:
            return encode(CircuitBuilder(3).add_entangling_layer()).add_entangling_layer().program([1, 0, 0])

        rotated = program(lambda builder: builder.add_rotations([0, 1], as_input=True, name="x"))
        assert rotated == program(lambda builder: builder.add_angle_encoding([0, 1], name="x"))

    @pytest.mark.parametrize(
        "options",
        [{}, {"trainable": True, "angle": 0.1}, {"angle": 0.1, "value": 0.1}, {"as_input": True, "trainable": True}],
    )
    def test_they_are_exactly_one_of_fixed_trainable_and_input(self, options: dict[str, float]) -> None:
        with pytest.raises(ProgramError, match="exactly one of"):
            CircuitBuilder(2).add_rotations(**options)  # type: ignore[arg-type]

    @pytest.mark.parametrize("modes", [[], [0, 0], [3], -1, 1.5, ["0"]])
    def test_modes_that_are_not_in_the_circuit_are_refused_not_skipped(self, modes: list[int]) -> None:
        with pytest.raises(ProgramError, match=r"list some of 0\.\.2|whole number"):
            CircuitBuilder(3).add_rotations(modes, trainable=True)


class TestAngleEncoding:
    def encode(self, modes: int = 4, **options: object) -> Program:
        builder = CircuitBuilder(modes).add_entangling_layer()
        builder.add_angle_encoding(**options)  # type: ignore[arg-type]
        return builder.add_entangling_layer().program([1] + [0] * (modes - 1))

    def test_each_mode_takes_a_feature_times_the_scale_in_radians(self) -> None:
        program = self.encode(modes=4, scale=0.5)
        assert program.inputs == ("px1", "px2", "px3", "px4")
        assert encoded(program) == {mode: {f"px{mode + 1}": 0.5} for mode in range(4)}

    def test_chosen_modes_take_features_in_their_order(self) -> None:
        builder = CircuitBuilder(4).add_entangling_layer().add_angle_encoding([3, 1], name="x").add_entangling_layer()
        assert encoded(builder.program([1, 0, 0, 0])) == {3: {"x1": 1.0}, 1: {"x2": 1.0}}

    def test_features_are_columns_in_the_order_of_declaration(self) -> None:
        builder = CircuitBuilder(3).add_entangling_layer()
        for name in ("x", "y", "x"):
            builder.add_angle_encoding([0], name=name).add_entangling_layer()
        assert builder.program([1, 0, 0]).inputs == ("x1", "y1", "x2")

    def test_subsets_are_sums_that_take_modes_in_turn(self) -> None:
        builder = CircuitBuilder(4).add_entangling_layer()
        builder.add_angle_encoding([0, 2], name="x", scale=2.0, subset_combinations=True).add_entangling_layer()
        # x1 and then x1 + x2 on mode 0, x2 on mode 2
        assert encoded(builder.program([1, 0, 0, 0])) == {0: {"x1": 4.0, "x2": 2.0}, 2: {"x2": 2.0}}

    @pytest.mark.parametrize("max_order", [1, 2, 3, None, 9])
    def test_subsets_of_all_sizes_up_to_the_largest_are_encoded(self, max_order: int | None) -> None:
        builder = CircuitBuilder(5).add_entangling_layer()
        builder.add_angle_encoding([0, 1, 3], subset_combinations=True, max_order=max_order).add_entangling_layer()
        expected: dict[int, dict[str, float]] = {0: {}, 1: {}, 3: {}}
        names = ("px1", "px2", "px3")
        subsets = [s for order in range(1, min(max_order or 3, 3) + 1) for s in combinations(names, order)]
        for index, subset in enumerate(subsets):
            phases = expected[(0, 1, 3)[index % 3]]
            for name in subset:
                phases[name] = phases.get(name, 0.0) + 1.0
        assert encoded(builder.program([1, 0, 0, 0, 0])) == expected

    def test_more_features_than_modes_in_one_encoding_are_refused_with_a_way_out(self) -> None:
        with pytest.raises(ProgramError, match="one feature each; for more, add an entangling layer"):
            CircuitBuilder(4).add_angle_encoding(range(7))
        with pytest.raises(ProgramError, match="one feature each"):
            CircuitBuilder(4).add_angle_encoding([0, 0])

    def test_more_features_than_modes_in_several_encodings_all_count(
        self, input_jacobian: Callable[..., np.ndarray]
    ) -> None:
        builder = CircuitBuilder(4).add_entangling_layer()
        builder.add_angle_encoding().add_entangling_layer().add_angle_encoding([0, 1, 2]).add_entangling_layer()
        jacobian = input_jacobian(builder.program([1, 0, 1, 0]))
        assert jacobian.shape == (10, 7)
        assert np.abs(jacobian).max(axis=0).min() > 1e-2

    @pytest.mark.parametrize(
        "options",
        [
            {"scale": 0.0},
            {"scale": float("nan")},
            {"max_order": 2},
            {"subset_combinations": True, "max_order": 0},
        ],
    )
    def test_numbers_out_of_range_are_refused(self, options: dict[str, float]) -> None:
        with pytest.raises(ProgramError):
            self.encode(**options)


class TestUnseenFeatures:
    """A feature without any effect on what is detected is an error, wherever it hides."""

    def test_before_the_first_beam_splitter(self) -> None:
        builder = CircuitBuilder(3).add_angle_encoding([0]).add_entangling_layer()
        with pytest.raises(ProgramError, match="px1 have no effect on any output"):
            builder.program([1, 1, 0])

    def test_after_the_last_beam_splitter(self) -> None:
        builder = CircuitBuilder(3).add_entangling_layer().add_angle_encoding([0])
        with pytest.raises(ProgramError, match="px1"):
            builder.program([1, 1, 0])

    def test_in_modes_that_light_does_not_reach(self) -> None:
        builder = CircuitBuilder(4).add_superpositions((2, 3)).add_angle_encoding([2]).add_superpositions((2, 3))
        with pytest.raises(ProgramError, match="px1"):
            builder.program([1, 1, 0, 0])
        assert builder.program([0, 0, 1, 0]).inputs == ("px1",)

    @pytest.mark.parametrize(
        ("modes", "max_order", "unseen"),
        [(2, 2, "px2"), (3, 2, "px2"), (4, 2, "px4"), (4, None, "px2, px4")],
    )
    def test_in_subsets_that_add_the_same_phase_to_every_mode(
        self, modes: int, max_order: int | None, unseen: str
    ) -> None:
        """MerLin 0.4.2 gives these features a gradient of zero."""
        builder = CircuitBuilder(modes).add_entangling_layer()
        builder.add_angle_encoding(subset_combinations=True, max_order=max_order).add_entangling_layer()
        with pytest.raises(ProgramError, match=f"the features {unseen} have no effect"):
            builder.program([1, 1] + [0] * (modes - 2))

    def test_amplitudes_do_see_them(self) -> None:
        builder = CircuitBuilder(2).add_angle_encoding([0]).add_entangling_layer()
        assert builder.program([1, 0], Amplitudes()).inputs == ("px1",)

    def test_the_test_agrees_with_derivatives_of_probabilities(self, input_jacobian: Callable[..., np.ndarray]) -> None:
        builder = CircuitBuilder(3).add_angle_encoding([0]).add_superpositions([(0, 1)], theta=0.7)
        builder.add_angle_encoding([1, 2]).add_superpositions([(0, 1)], theta=1.1).add_angle_encoding([0])
        program = builder.program([1, 1, 1], Amplitudes())
        seen = Program(3, (1, 1, 1), program.elements, inputs=program.inputs)
        zero = np.abs(input_jacobian(seen)).max(axis=0) < 1e-8
        assert unseen_inputs(seen) == tuple(np.array(seen.inputs)[zero]) == ("px1", "px3", "px4")


class TestSuperpositions:
    def test_given_targets_take_the_angles_that_are_given(self) -> None:
        program = CircuitBuilder(2).add_superpositions((0, 1), theta=0.3, phi=0.2).program([1, 0])
        cos, sin = np.cos(0.15), np.sin(0.15)
        expected = phase(0.2) @ np.array([[cos, 1j * sin], [1j * sin, cos]])
        np.testing.assert_allclose(circuit_unitary(program, {}), expected, atol=1e-15)

    def test_defaults_are_those_that_merlin_comes_to(self) -> None:
        neighbours = CircuitBuilder(3).add_superpositions().program([1, 0, 0])
        expected = on(3, 1, BALANCED) @ on(3, 0, BALANCED)
        np.testing.assert_allclose(circuit_unitary(neighbours, {}), expected, atol=1e-15)
        pair = CircuitBuilder(2).add_superpositions([(0, 1)]).program([1, 0])
        assert abs(circuit_unitary(pair, {})[0, 0]) == pytest.approx(np.cos(pi / 8))

    def test_an_angle_given_for_neighbours_is_used(self) -> None:
        program = CircuitBuilder(2).add_superpositions(theta=0.3).program([1, 0])
        assert circuit_unitary(program, {})[0, 0] == pytest.approx(np.cos(0.15))

    def test_trainable_ones_pass_the_pairs_depth_times(self) -> None:
        program = CircuitBuilder(3).add_superpositions(trainable=True, depth=2).program([1, 0, 0])
        assert program.weights == tuple(f"eb0_{angle}_{index}" for index in range(4) for angle in ("theta", "phi"))
        values = random_values(program)
        expected = np.eye(3, dtype=complex)
        for index in range(4):
            half = values[f"eb0_theta_{index}"] / 2
            splitter = np.array([[np.cos(half), 1j * np.sin(half)], [1j * np.sin(half), np.cos(half)]])
            expected = on(3, index % 2, phase(values[f"eb0_phi_{index}"]) @ splitter) @ expected
        np.testing.assert_allclose(circuit_unitary(program, values), expected, atol=1e-14)

    def test_theta_and_phi_can_be_trained_apart(self) -> None:
        builder = CircuitBuilder(2).add_superpositions(trainable_theta=True, phi=0.2, name="a")
        builder.add_superpositions((0, 1), trainable_phi=True, theta=0.2, name="b")
        assert builder.program([1, 0]).weights == ("a_theta_0", "b_phi_0")

    def test_any_two_modes_can_be_coupled(self) -> None:
        program = CircuitBuilder(4).add_superpositions([(3, 0), (1, 2)], theta=pi).program([1, 1, 0, 0])
        np.testing.assert_allclose(np.abs(circuit_unitary(program, {})), np.eye(4)[::-1], atol=1e-15)

    def test_a_list_of_modes_is_coupled_in_a_chain(self) -> None:
        program = CircuitBuilder(4).add_superpositions(modes=[0, 2, 3]).program([1, 0, 0, 0])
        assert [element.modes for element in program.elements] == [(0, 2), (2, 3)]

    @pytest.mark.parametrize(
        "options",
        [
            {"targets": (0, 0)},
            {"targets": [(0, 1, 2)]},
            {"targets": [(0, 3)]},
            {"targets": []},
            {"targets": 1},
            {"targets": (0, 1), "modes": [0, 1]},
            {"modes": [1]},
            {"depth": 0},
            {"trainable": True, "theta": 0.1},
            {"trainable_phi": True, "phi": 0.1},
        ],
    )
    def test_arguments_that_make_no_sense_are_refused(self, options: dict[str, object]) -> None:
        with pytest.raises(ProgramError):
            CircuitBuilder(3).add_superpositions(**options)  # type: ignore[arg-type]


def test_probabilities_are_those_of_merlin(probabilities: Callable[..., np.ndarray]) -> None:
    """Weights and result of a MerLin 0.4.2 layer with this builder, whose columns are x1, x2, x3, y1."""
    builder = CircuitBuilder(3).add_entangling_layer()
    builder.add_angle_encoding([0, 1], name="x", scale=2.0, subset_combinations=True)
    builder.add_superpositions([(1, 2)], trainable=True, name="s").add_rotations(trainable=True)
    builder.add_angle_encoding([2], name="y", scale=0.5).add_angle_encoding([1], name="x", scale=3.0)
    program = builder.add_entangling_layer().program([1, 1, 0])
    first = [4.841182052869948, -0.9218340946894809, -6.844868716444874]
    first += [1.7857795247756085, -3.4071274236132982, -4.393817019441658]
    superposition = [-2.6913226088169133, 3.4576499778204917]
    rotations = [-3.3652343505619196, 0.3854773115418257, -1.7791388195460116]
    second = [1.2671514933608083, 2.6327373712602418, -2.259614324558123]
    second += [-1.267141054799931, -1.874385272063566, 0.5718844841539056]
    weights = dict(zip(program.weights, [*first, *superposition, *rotations, *second], strict=True))
    inputs = {"x1": 0.3, "x2": 0.5, "x3": 0.7, "y1": 0.2}
    expected = [0.2908867590231675, 0.013577284999322058, 0.19352645412622713]
    expected += [0.3317729481894549, 0.14596894836929863, 0.024267605292529297]
    np.testing.assert_allclose(probabilities(program, weights | inputs), expected, atol=1e-7)


def test_a_builder_knows_its_modes_and_chains() -> None:
    builder = CircuitBuilder(5)
    assert builder.modes == 5
    assert builder.add_entangling_layer().add_rotations(angle=0.1).add_superpositions() is builder


def test_a_program_is_the_same_whenever_it_is_made_and_the_builder_goes_on() -> None:
    builder = CircuitBuilder(3).add_entangling_layer(trainable=False).add_angle_encoding([0]).add_entangling_layer()
    first = builder.program([1, 0, 1])
    assert builder.program((1, 0, 1)).digest == first.digest
    builder.add_rotations(trainable=True)
    assert len(builder.program([1, 0, 1]).weights) == len(first.weights) + 3


def test_the_readout_is_all_fock_probabilities_unless_chosen() -> None:
    builder = CircuitBuilder(3).add_entangling_layer()
    assert builder.program([1, 1, 0]).readout == Probabilities()
    assert builder.program([1, 1, 0], ModeExpectations()).outputs == 3


def test_weights_and_features_do_not_share_a_name() -> None:
    builder = CircuitBuilder(2).add_rotations(0, trainable=True, name="x1")
    with pytest.raises(ProgramError, match="'x1' already; choose another name"):
        builder.add_angle_encoding([0], name="x")


@pytest.mark.parametrize("modes", [0, -1, 2.0, "3"])
def test_a_circuit_has_a_whole_number_of_modes(modes: object) -> None:
    with pytest.raises(ProgramError):
        CircuitBuilder(modes)  # type: ignore[arg-type]


def test_empty_names_are_refused() -> None:
    for add in (CircuitBuilder(2).add_entangling_layer, CircuitBuilder(2).add_angle_encoding):
        with pytest.raises(ProgramError, match="cannot be empty"):
            add(name="")


@pytest.mark.parametrize("arguments", [{"modes": 5}, {"modes": "01"}, {"seed": "a"}, {"seed": -1}, {"seed": 1.5}])
def test_arguments_of_the_wrong_kind_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ProgramError, match=r"modes is a list|a seed is a whole number"):
        CircuitBuilder(2).add_entangling_layer(**arguments)  # type: ignore[arg-type]
