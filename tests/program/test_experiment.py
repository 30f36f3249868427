from collections.abc import Callable
from math import pi

import numpy as np
import pytest

from hqdist import (
    Angle,
    CircuitType,
    ComputationSpace,
    Experiment,
    ModeExpectations,
    PhaseShifter,
    Probabilities,
    Program,
    ProgramError,
    StatePattern,
)


def encoding(program: Program) -> list[tuple[int, dict[str, float]]]:
    """Mode and coefficients, in units of pi, of each phase that takes a feature."""
    return [
        (element.mode, {name: pytest.approx(c / pi) for name, c in element.angle.terms})
        for element in program.elements
        if isinstance(element, PhaseShifter) and set(element.angle.parameters) & set(program.inputs)
    ]


# The experiments of the hybrid-model guide, with its numbers of features.
GUIDE = [
    (Experiment(CircuitType.SERIES, n_modes=6, n_photons=3, use_bandwidth_tuning=True), 4, 2, 56),
    (Experiment(CircuitType.PARALLEL_COLUMNS, n_modes=5, n_photons=2, use_bandwidth_tuning=True), 3, 4, 15),
    (Experiment(CircuitType.SERIES, n_modes=4, n_photons=2), 64, 23, 10),
    (Experiment(CircuitType.SERIES, n_modes=5, n_photons=2), 64, 17, 15),
    (Experiment(CircuitType.PARALLEL, n_modes=4, n_photons=2), 10, 11, 10),
]


@pytest.mark.parametrize(("experiment", "features", "interferometers", "outputs"), GUIDE)
def test_the_experiments_of_the_guide(
    experiment: Experiment, features: int, interferometers: int, outputs: int
) -> None:
    program = experiment.program(features)
    assert program.inputs == tuple(f"x{feature}" for feature in range(features))
    assert len(program.weights) == interferometers * experiment.n_modes**2
    assert program.outputs == outputs
    assert program.photons == experiment.n_photons


def test_weights_are_ordered_as_light_meets_them() -> None:
    weights = Experiment(CircuitType.SERIES, 3, 1).program(2).weights
    assert weights == tuple(f"phi{layer}_{index}" for layer in range(2) for index in range(9))


class TestSeries:
    def test_one_feature_enters_with_rising_frequency(self) -> None:
        program = Experiment(CircuitType.SERIES, 4, 2).program(1)
        assert encoding(program) == [(0, {"x0": 1}), (1, {"x0": 2}), (2, {"x0": 3})]

    def test_spare_slots_take_means_of_pairs_and_then_of_all(self) -> None:
        program = Experiment(CircuitType.SERIES, 9, 2).program(3)
        third = 1 / 3
        assert encoding(program) == [
            (0, {"x0": 1}),
            (1, {"x1": 1}),
            (2, {"x2": 1}),
            (3, {"x0": 0.5, "x1": 0.5}),
            (4, {"x0": 0.5, "x2": 0.5}),
            (5, {"x1": 0.5, "x2": 0.5}),
            (6, {"x0": third, "x1": third, "x2": third}),
        ]

    def test_means_that_find_no_slot_are_left_out(self) -> None:
        program = Experiment(CircuitType.SERIES, 5, 2).program(3)
        assert [mode for mode, _ in encoding(program)] == [0, 1, 2, 3]
        assert encoding(program)[3] == (3, {"x0": 0.5, "x1": 0.5})

    def test_the_mean_of_two_features_is_not_encoded_twice(self) -> None:
        assert len(encoding(Experiment(CircuitType.SERIES, 9, 2).program(2))) == 3

    def test_as_many_features_as_slots_need_one_block(self) -> None:
        program = Experiment(CircuitType.SERIES, 4, 2).program(3)
        assert encoding(program) == [(0, {"x0": 1}), (1, {"x1": 1}), (2, {"x2": 1})]
        assert len(program.weights) == 2 * 16

    def test_more_features_than_slots_repeat_the_block(self) -> None:
        program = Experiment(CircuitType.SERIES, 4, 2).program(7)
        assert encoding(program) == [
            *((mode, {f"x{mode}": 1}) for mode in range(3)),
            *((mode, {f"x{mode + 3}": 1}) for mode in range(3)),
            *((mode, {"x6": mode + 1}) for mode in range(3)),
        ]
        assert len(program.weights) == 4 * 16


def test_parallel_encodes_on_the_first_mode_a_feature_at_a_time() -> None:
    program = Experiment(CircuitType.PARALLEL, 4, 2).program(2)
    assert encoding(program) == [(0, {"x0": 1}), (0, {"x1": 1})]
    assert len(program.weights) == 3 * 16


def test_parallel_repeats_a_single_feature() -> None:
    assert encoding(Experiment(CircuitType.PARALLEL, 4, 2).program(1)) == [(0, {"x0": 1})] * 3


def test_parallel_columns_encode_each_feature_on_every_mode_with_rising_frequency() -> None:
    program = Experiment(CircuitType.PARALLEL_COLUMNS, 3, 2).program(2)
    assert encoding(program) == [(mode, {feature: mode + 1}) for feature in ("x0", "x1") for mode in range(3)]
    assert len(program.weights) == 3 * 9


@pytest.mark.parametrize("features", [1, 2, 3, 7])
@pytest.mark.parametrize("circuit_type", CircuitType)
def test_no_feature_is_ever_dropped(
    circuit_type: CircuitType, features: int, input_jacobian: Callable[..., np.ndarray]
) -> None:
    program = Experiment(circuit_type, n_modes=4, n_photons=2).program(features)
    jacobian = input_jacobian(program)
    assert jacobian.shape == (10, features)
    assert np.abs(jacobian).max(axis=0).min() > 1e-2


@pytest.mark.parametrize("circuit_type", CircuitType)
def test_two_modes_are_enough(circuit_type: CircuitType, input_jacobian: Callable[..., np.ndarray]) -> None:
    jacobian = input_jacobian(Experiment(circuit_type, n_modes=2, n_photons=1).program(3))
    assert np.abs(jacobian).max(axis=0).min() > 1e-2


def test_the_readout_can_be_chosen() -> None:
    experiment = Experiment(n_modes=4, n_photons=2, computation_space=ComputationSpace.UNBUNCHED)
    assert experiment.program(2).readout == Probabilities(ComputationSpace.UNBUNCHED)
    assert experiment.program(2, ModeExpectations()).outputs == 4


def test_choices_can_be_given_by_value() -> None:
    assert Experiment("parallel", state_pattern="spaced", computation_space="unbunched") == Experiment(  # type: ignore[arg-type]
        CircuitType.PARALLEL, state_pattern=StatePattern.SPACED, computation_space=ComputationSpace.UNBUNCHED
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"circuit_type": "serial"}, "choose one of series, parallel, parallel_columns"),
        ({"state_pattern": "random"}, "choose one of periodic"),
        ({"computation_space": "qubit"}, "choose one of fock"),
        ({"n_modes": 1}, "at least 2"),
        ({"n_modes": "6"}, "n_modes is a whole number"),
        ({"n_modes": 6.0}, "n_modes is a whole number"),
        ({"n_photons": True}, "n_photons is a whole number"),
        ({"n_modes": 10**9, "n_photons": 10**9}, "at most 4096"),
        ({"n_photons": 0}, "at least 1"),
        ({"n_modes": 4, "n_photons": 5}, "use at most 4 photons"),
        ({"n_modes": 5, "n_photons": 2, "computation_space": "dual_rail"}, "need 4 modes"),
    ],
)
def test_an_impossible_experiment_says_why(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        Experiment(**arguments)  # type: ignore[arg-type]


def test_a_program_needs_a_feature() -> None:
    with pytest.raises(ProgramError, match="at least 1"):
        Experiment().program(0)


def test_angles_are_affine_in_features_only() -> None:
    program = Experiment(n_modes=4, n_photons=2).program(3)
    for element in program.elements:
        if isinstance(element, PhaseShifter):
            assert isinstance(element.angle, Angle)
            assert element.angle.constant == 0.0
