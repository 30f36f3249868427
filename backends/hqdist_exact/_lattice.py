"""Which photons interfere with which: the plan by which distributions of noisy sources are put together.

Every source gives c photons in the mode that all share, and p in modes of their own, with the probability
`Noise.survivors`. Which sources give how many common photons is a *choice*. The distribution of all photons is

    sum over choices S of  prod_j w(S_j, p_j)  |amplitude of S|^2 * q_j1 * q_j2 * ...

with * the convolution that adds photons, and q_j the distribution of one photon from source j. The sources are decided
one after another, from the last: H_j(S, N) is the distribution of N photons when the first j sources give the common
photons S, and whatever private ones later, and the others are decided. Then

    H_n(S, |S|) = |amplitude of S|^2,   H_j(S, N) = X_0 + q_j * (X_1 + q_j * X_2),
    X_p = sum_c w(c, p) H_{j+1}(S + c, N - p),

which takes at most two convolutions for each choice of each level: 2^n - 1 in all for n sources of single photons,
where term by term there would be n 2^(n-1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Choice = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Term:
    """A part of X_p: ``X_p[:, into] += weight * H[photons][:, origin]``.

    Attributes:
        private: p.
        photons: Which of the distributions of the level before.
        weight: w(c, p).
        into: (k,) choices that get it.
        origin: (k,) choices of the level before.
    """

    private: int
    photons: int
    weight: float
    into: NDArray[np.int64]
    origin: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Step:
    """How one H_j(., N) comes about.

    Attributes:
        photons: N.
        choices: How many choices S there are.
        terms: Its parts, those with the most private photons first.
    """

    photons: int
    choices: int
    terms: tuple[Term, ...]


@dataclass(frozen=True, eq=False)
class Amplitudes:
    """How the amplitudes of all choices of a common photons come from those of a - 1.

    Attributes:
        parents: (k,) the choice without its last photon.
        sources: (k,) the source of that photon.
        factors: (k,) product of t! over the t photons that enter each mode together.
        leaves: (l,) those choices that a distribution is put together from.
    """

    parents: NDArray[np.int64]
    sources: NDArray[np.int64]
    factors: NDArray[np.float64]
    leaves: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The plan.

    Attributes:
        amplitudes: For 1, 2, ... common photons.
        levels: For the last source, the one before it, ..., the first: what is put together.
    """

    amplitudes: tuple[Amplitudes, ...]
    levels: tuple[tuple[Step, ...], ...]


@lru_cache(maxsize=64)
def lattice(
    entered: tuple[int, ...], survivors: tuple[tuple[tuple[int, int], float], ...], least: int, most: int
) -> Lattice:
    """The plan for the distributions of `least` to `most` photons.

    Args:
        entered: (n,) the mode that each source feeds.
        survivors: What one source gives, as `Noise.survivors` says.
        least: Fewest photons of interest.
        most: Most photons of interest.
    """
    weights = dict(survivors)
    sources = len(entered)
    leaves = [
        choice for choice in _choices(sources, weights, most) if _completes(choice, sum(choice), weights, least, most)
    ]
    before = {a: [choice for choice in leaves if sum(choice) == a] for a in {sum(choice) for choice in leaves}}
    amplitudes = _amplitudes(entered, before)
    levels = []
    for source in range(sources - 1, -1, -1):
        steps, after = _level(source, before, weights, least, most)
        levels.append(steps)
        before = after
    return Lattice(amplitudes, tuple(levels))


def _choices(sources: int, weights: Mapping[tuple[int, int], float], most: int) -> list[Choice]:
    counts = sorted({c for c, _ in weights})
    return [choice for choice in product(counts, repeat=sources) if sum(choice) <= most]


def _completes(choice: Choice, photons: int, weights: Mapping[tuple[int, int], float], least: int, most: int) -> bool:
    """Whether the private photons of the sources still to come can bring the number of photons into range."""
    private = [[p for c, p in weights if c == count] for count in choice]
    return photons + sum(map(min, private)) <= most and photons + sum(map(max, private)) >= least


def _level(
    source: int,
    before: Mapping[int, list[Choice]],
    weights: Mapping[tuple[int, int], float],
    least: int,
    most: int,
) -> tuple[tuple[Step, ...], dict[int, list[Choice]]]:
    places = {photons: {choice: i for i, choice in enumerate(choices)} for photons, choices in before.items()}
    found: dict[int, dict[Choice, None]] = {}
    for photons, choices in before.items():
        for choice in choices:
            for c, p in weights:
                shorter = choice[:source]
                if choice[source] == c and _completes(shorter, photons + p, weights, least, most):
                    found.setdefault(photons + p, {})[shorter] = None
    steps = []
    for photons, shorter_choices in sorted(found.items()):
        terms = []
        for (c, p), weight in sorted(weights.items(), key=lambda item: -item[0][1]):
            have = places.get(photons - p, {})
            pairs = [(i, have[(*s, c)]) for i, s in enumerate(shorter_choices) if (*s, c) in have]
            if pairs:
                into, origin = np.array(pairs, np.int64).T
                terms.append(Term(p, photons - p, weight, into, origin))
        steps.append(Step(photons, len(shorter_choices), tuple(terms)))
    return tuple(steps), {photons: list(choices) for photons, choices in found.items()}


def _amplitudes(entered: tuple[int, ...], leaves: Mapping[int, list[Choice]]) -> tuple[Amplitudes, ...]:
    largest = max(leaves, default=0)
    # every choice on the way to a leaf: a leaf without its last photons
    needed: list[dict[Choice, None]] = [{} for _ in range(largest + 1)]
    for photons in range(largest, 0, -1):
        for choice in (*leaves.get(photons, ()), *needed[photons]):
            needed[photons][choice] = None
            needed[photons - 1][_without_last(choice)[0]] = None
    layers, places = [], dict.fromkeys(needed[0], 0)
    for photons in range(1, largest + 1):
        steps = [_without_last(choice) for choice in needed[photons]]
        own = {choice: i for i, choice in enumerate(needed[photons])}
        layers.append(
            Amplitudes(
                parents=np.array([places[parent] for parent, _ in steps], np.int64),
                sources=np.array([source for _, source in steps], np.int64),
                factors=np.array([_factor(entered, choice) for choice in own], np.float64),
                leaves=np.array([own[choice] for choice in leaves.get(photons, ())], np.int64),
            )
        )
        places = own
    return tuple(layers)


def _without_last(choice: Choice) -> tuple[Choice, int]:
    source = max(j for j, count in enumerate(choice) if count)
    return (*choice[:source], choice[source] - 1, *choice[source + 1 :]), source


def _factor(entered: tuple[int, ...], choice: Choice) -> float:
    together = np.bincount(np.repeat(entered, choice))
    return float(np.prod([np.prod(np.arange(1, count + 1)) for count in together]))
