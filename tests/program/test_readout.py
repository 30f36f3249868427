from itertools import combinations

import numpy as np
import pytest

from hqdist import (
    Amplitudes,
    ComputationSpace,
    LexGrouping,
    MeasurementStrategy,
    ModeExpectations,
    ModGrouping,
    NumberCorrelators,
    Probabilities,
    Program,
    ProgramError,
)
from hqdist.program import observable

STATES = ComputationSpace.FOCK.states(3, 2)  # (2,0,0) (1,1,0) (1,0,1) (0,2,0) (0,1,1) (0,0,2)


def test_probabilities_are_read_as_they_are() -> None:
    np.testing.assert_array_equal(observable(Probabilities(), STATES), np.eye(6))


def test_lexicographic_groups_are_runs_of_states() -> None:
    assert LexGrouping(2).assign(6).tolist() == [0, 0, 0, 1, 1, 1]
    assert LexGrouping(3).assign(8).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert LexGrouping(5).assign(6).tolist() == [0, 0, 1, 2, 3, 4]


def test_modular_groups_take_turns() -> None:
    assert ModGrouping(4).assign(6).tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize("grouping", [LexGrouping(3), ModGrouping(4)])
def test_every_state_is_in_one_group_so_that_groups_sum_to_one(grouping: LexGrouping | ModGrouping) -> None:
    table = observable(Probabilities(grouping=grouping), STATES)
    assert table.shape == (grouping.size, 6)
    np.testing.assert_array_equal(table.sum(axis=0), np.ones(6))
    assert np.all(table.sum(axis=1) > 0)


def test_mode_expectations_count_photons() -> None:
    table = observable(ModeExpectations(), STATES)
    np.testing.assert_array_equal(table, STATES.T)
    np.testing.assert_array_equal(table.sum(axis=0), np.full(6, 2))


def test_correlators_multiply_counts_of_pairs_in_lexicographic_order() -> None:
    table = observable(NumberCorrelators(), STATES)
    expected = [STATES[:, i] * STATES[:, j] for i, j in combinations(range(3), 2)]
    np.testing.assert_array_equal(table, expected)
    assert observable(NumberCorrelators(), ComputationSpace.FOCK.states(1, 2)).shape == (0, 1)


def test_amplitudes_are_no_average() -> None:
    with pytest.raises(ProgramError, match="not an average"):
        observable(Amplitudes(), STATES)


@pytest.mark.parametrize("space", ComputationSpace)
def test_sizes_are_the_numbers_of_values(space: ComputationSpace) -> None:
    states = space.states(4, 2)
    for readout in (
        Probabilities(space),
        Probabilities(space, LexGrouping(2)),
        Probabilities(space, ModGrouping(3)),
        ModeExpectations(space),
        NumberCorrelators(space),
    ):
        assert readout.size(4, 2) == len(observable(readout, states))
    assert Amplitudes(space).size(4, 2) == len(states)


def test_groups_that_no_state_reaches_are_refused() -> None:
    for grouping in (LexGrouping, ModGrouping):
        with pytest.raises(ProgramError, match="at most 6"):
            Probabilities(grouping=grouping(7)).size(3, 2)
        with pytest.raises(ProgramError, match="at least 1"):
            Probabilities(grouping=grouping(0))


@pytest.mark.parametrize("size", [1.5, 2.0, True, "a", None, 2**31])
@pytest.mark.parametrize("grouping", [LexGrouping, ModGrouping])
def test_the_size_of_a_grouping_is_a_whole_number(grouping: type[LexGrouping | ModGrouping], size: object) -> None:
    with pytest.raises(ProgramError, match="the size of a grouping is a whole number"):
        grouping(size)  # type: ignore[arg-type]


def test_a_grouping_is_one_of_two() -> None:
    with pytest.raises(ProgramError, match="LexGrouping or ModGrouping, got 5"):
        Probabilities(grouping=5)  # type: ignore[arg-type]


def test_a_grouping_is_checked_without_listing_the_states() -> None:
    """Twenty photons in forty modes have 2.8e15 Fock states."""
    program = Program(40, (1,) * 20 + (0,) * 20, (), readout=Probabilities(grouping=LexGrouping(10)))
    assert program.outputs == 10


def test_an_unknown_space_is_a_program_error() -> None:
    with pytest.raises(ProgramError, match="fock, unbunched, dual_rail"):
        Probabilities("fok")  # type: ignore[arg-type]


def test_merlin_names_give_the_same_readouts() -> None:
    assert MeasurementStrategy.probs() == Probabilities()
    assert MeasurementStrategy.probs(ComputationSpace.UNBUNCHED, LexGrouping(2)) == Probabilities(
        ComputationSpace.UNBUNCHED, LexGrouping(2)
    )
    assert MeasurementStrategy.mode_expectations() == ModeExpectations()
    assert MeasurementStrategy.amplitudes() == Amplitudes()
