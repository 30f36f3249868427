"""Readouts are computed from detections, and only from those that count."""

from math import sqrt

import numpy as np
import pytest
import torch

import hqdist as hq
from hqdist.execution import Counts, read_counts

PATTERNS = np.array([[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0], [1, 1, 1, 0]], np.int8)
COUNTS = Counts(PATTERNS, np.array([30, 20, 10, 35, 5]), 100)
LIKE = torch.empty(0, dtype=torch.float64)


def program(readout: hq.program.Readout) -> hq.Program:
    return hq.Program(modes=4, input_state=(1, 1, 0, 0), elements=(), readout=readout)


def test_probabilities_are_shares_of_the_patterns_with_all_photons():
    values, errors, acceptance = read_counts(program(hq.Probabilities()), [COUNTS], LIKE)
    assert acceptance.tolist() == [0.6]
    states = [tuple(state) for state in program(hq.Probabilities()).states.tolist()]
    found = {state: value for state, value in zip(states, values[0].tolist(), strict=True) if value}
    assert found == pytest.approx({(1, 1, 0, 0): 1 / 2, (0, 2, 0, 0): 1 / 3, (1, 0, 0, 1): 1 / 6})
    assert errors[0, states.index((0, 2, 0, 0))].item() == pytest.approx(sqrt(1 / 3 * 2 / 3 / 60))


@pytest.mark.parametrize(
    ("space", "accepted", "first"),
    [(hq.ComputationSpace.UNBUNCHED, 0.4, 3 / 4), (hq.ComputationSpace.DUAL_RAIL, 0.1, 0.0)],
)
def test_post_selection_renormalises_and_says_what_was_left(space, accepted, first):
    values, _, acceptance = read_counts(program(hq.Probabilities(space)), [COUNTS], LIKE)
    assert acceptance.tolist() == pytest.approx([accepted])
    assert values[0, 0].item() == pytest.approx(first)
    assert values.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("grouping", [hq.LexGrouping(3), hq.ModGrouping(3)])
@pytest.mark.parametrize("space", [hq.ComputationSpace.FOCK, hq.ComputationSpace.UNBUNCHED])
def test_groups_are_sums_of_probabilities(grouping, space):
    single, _, _ = read_counts(program(hq.Probabilities(space)), [COUNTS], LIKE)
    grouped, _, _ = read_counts(program(hq.Probabilities(space, grouping)), [COUNTS], LIKE)
    outputs = torch.from_numpy(grouping.assign(single.shape[1]).astype(np.int64))
    torch.testing.assert_close(grouped, torch.zeros_like(grouped).index_add(1, outputs, single))


def test_expectations_and_correlators_are_averages_with_their_spread():
    values, errors, _ = read_counts(program(hq.ModeExpectations()), [COUNTS], LIKE)
    assert values[0].tolist() == pytest.approx([40 / 60, 70 / 60, 0, 10 / 60])
    numbers = np.repeat([1, 2, 0], [30, 20, 10])
    assert errors[0, 1].item() == pytest.approx(numbers.std() / sqrt(60))
    values, _, _ = read_counts(program(hq.NumberCorrelators()), [COUNTS], LIKE)
    assert values[0].tolist() == pytest.approx([1 / 2, 0, 1 / 6, 0, 0, 0])


def test_a_pattern_may_come_more_than_once():
    twice = Counts(np.concatenate([PATTERNS, PATTERNS]), np.tile(COUNTS.weights, 2), 200)
    for readout in (hq.Probabilities(), hq.ModeExpectations()):
        once, errors, accepted = read_counts(program(readout), [COUNTS], LIKE)
        values, smaller, acceptance = read_counts(program(readout), [twice], LIKE)
        torch.testing.assert_close(values, once)
        torch.testing.assert_close(smaller, errors / sqrt(2))
        torch.testing.assert_close(acceptance, accepted)


def test_probabilities_of_patterns_serve_as_well_as_counts():
    likely = Counts(PATTERNS, COUNTS.weights / 100, 1.0)
    for values, expected in zip(
        read_counts(program(hq.Probabilities()), [likely], LIKE)[::2],
        read_counts(program(hq.Probabilities()), [COUNTS], LIKE)[::2],
        strict=True,
    ):
        torch.testing.assert_close(values, expected)


def test_a_row_of_which_nothing_counts_is_an_error_that_says_what_was_spent():
    lost = Counts(PATTERNS[3:], np.array([90, 10]), 100)
    with pytest.raises(hq.PostSelectionError, match="row 1: none of 100 shots has 2 detections"):
        read_counts(program(hq.Probabilities()), [COUNTS, lost], LIKE)


@pytest.mark.parametrize("space", list(hq.ComputationSpace))
def test_so_is_a_row_in_which_no_pattern_belongs_to_the_space(space):
    lost = Counts(PATTERNS[3:], np.array([90, 10]), 100)
    with pytest.raises(hq.PostSelectionError, match="row 0: none of 100 shots"):
        read_counts(program(hq.Probabilities(space)), [lost], LIKE)
