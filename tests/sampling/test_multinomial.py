"""Counts from a distribution, by either way to draw them, are multinomial."""

import numpy as np
import pytest
from hqdist_sampling._multinomial import multinomial
from scipy.stats import chi2

SHOTS = {"a binomial for each state": 5_000, "a point for each shot": 200}


def skewed(states: int = 100) -> np.ndarray:
    """Probabilities over several orders of magnitude, a third of them zero, the first and the last among them."""
    probabilities = np.random.default_rng(0).random(states) ** 6
    probabilities[::3] = 0.0
    probabilities[-7:] = 0.0
    return probabilities


@pytest.mark.parametrize("shots", SHOTS.values(), ids=SHOTS)
def test_every_shot_is_counted_in_a_possible_state(shots):
    probabilities, rng = skewed(), np.random.default_rng(1)
    for _ in range(200):
        counts = multinomial(rng, shots, probabilities)
        assert counts.sum() == shots
        assert not counts[probabilities == 0].any()


@pytest.mark.parametrize("shots", SHOTS.values(), ids=SHOTS)
def test_counts_have_the_moments_of_a_multinomial(shots):
    probabilities, rng, draws = skewed(12), np.random.default_rng(2), 4_000
    p = probabilities[probabilities > 0] / probabilities.sum()
    shots = shots * len(probabilities) // 100
    counts = np.array([multinomial(rng, shots, probabilities) for _ in range(draws)])[:, probabilities > 0]
    mean, covariance = shots * p, shots * (np.diag(p) - np.outer(p, p))
    assert (np.abs(counts.mean(axis=0) - mean) <= 5 * np.sqrt(covariance.diagonal() / draws)).all()
    scale = np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()) + mean.max())
    assert (np.abs(np.cov(counts.T) - covariance) <= 6 * scale / np.sqrt(draws)).all()


@pytest.mark.parametrize("shots", SHOTS.values(), ids=SHOTS)
def test_counts_over_many_draws_fit_the_distribution(shots):
    probabilities, rng = skewed(), np.random.default_rng(3)
    observed = sum(multinomial(rng, shots, probabilities) for _ in range(200))
    expected = 200 * shots * probabilities / probabilities.sum()
    rare = expected < 5
    observed, expected = (np.append(n[~rare], n[rare].sum()) for n in (observed, expected))
    assert chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1) > 1e-3


@pytest.mark.parametrize("states", [1, 5])
def test_no_shots_and_one_state_are_nothing_special(states):
    rng, certain = np.random.default_rng(4), np.eye(states)[0]
    assert multinomial(rng, 0, certain).tolist() == [0] * states
    assert multinomial(rng, 7, certain).tolist() == [7] + [0] * (states - 1)
