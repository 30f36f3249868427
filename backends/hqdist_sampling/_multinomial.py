"""Counts from a distribution: how often each of many states is seen in so many shots."""

import numpy as np
from hqdist_exact.jit import kernel
from numpy.typing import NDArray

#: Shots for each state above which a binomial number for each state is drawn faster than a point for each shot.
_MANY = 6


def multinomial(rng: np.random.Generator, shots: int, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """How often each state is seen, (D,): a sample of the multinomial distribution, exact up to rounding.

    Args:
        rng: Where randomness comes from.
        shots: How many in all.
        probabilities: (D,), not negative, up to a common factor; at least one is above zero.
    """
    if shots > _MANY * len(probabilities):
        return rng.multinomial(shots, probabilities / probabilities.sum())
    # Sums of exponential numbers, divided by the last, are uniform points in ascending order (Devroye 1986, V.3): each
    # is a shot, and the states cut the line in pieces as long as their probabilities.
    counts = np.zeros(len(probabilities), np.int64)
    _count(rng.standard_exponential(shots + 1), probabilities, counts)
    return counts


def multinomial_work(shots: int, states: int) -> int:
    """About how many multiply-adds take as long as `multinomial`."""
    return 50 * states if shots > _MANY * states else 20 * shots + 5 * states


@kernel
def _count(gaps, probabilities, counts):  # type: ignore[no-untyped-def]
    length, total, last = 0.0, 0.0, 0
    for gap in gaps:
        length += gap
    for state in range(len(probabilities)):
        total += probabilities[state]
        if probabilities[state] > 0.0:
            last = state  # rounding must not put the last points beyond it
    scale = length / total
    point, state, end = 0.0, 0, probabilities[0] * scale
    for shot in range(len(gaps) - 1):
        point += gaps[shot]
        while point >= end and state < last:
            state += 1
            end += probabilities[state] * scale
        counts[state] += 1
