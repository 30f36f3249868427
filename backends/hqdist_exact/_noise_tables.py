"""The tables of noisy simulation: which photon adds to which state, what detectors make of it, and where it is kept."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hqdist.execution import Detectors, Noise
from hqdist.program import ComputationSpace
from hqdist_exact._noise_plan import Plan, planned, together
from hqdist_exact._recursion import Recursion
from hqdist_exact._tables import slos_footprint, slos_tables


class Detection(NamedTuple):
    """What the detectors tell of the photons that arrive; arrays only, as Numba takes them."""

    factors: NDArray[np.float64]
    """(states of all layers,) product of the factorials of the occupations, in the order of the amplitudes' layers."""
    clicked: NDArray[np.int64]
    """(states of all layers,) the set of detectors that a state reaches, as a place among all sets; -1 for too many."""
    first: NDArray[np.int64]
    """(D + 1,) first of the terms of each pattern."""
    terms: NDArray[np.int64]
    """(terms,) the row that a term reads, counted from the first of `rows`."""
    shares: NDArray[np.float64]
    """(terms,) what it is multiplied by."""


@dataclass(frozen=True, eq=False)
class NoiseTables:
    """All that does not depend on the circuit.

    Attributes:
        plan: What is done.
        columns: (G,) of each group, the first of the photons that enter its mode.
        light: The recursion of common photons.
        counts: The recursion of what is detected; the same where photons are counted.
        detection: What detectors tell.
        results: Nodes that the patterns are read from, in order.
        sizes: Rows of each node.
        dimension: Number of patterns D.
        chance: The probability of as many detections as photons were asked for, whatever the circuit, where photons
            are counted; of so many photons at least where detectors click. The patterns' probabilities are divided by
            it, so that they are of order 1 whatever is lost.
    """

    plan: Plan
    columns: NDArray[np.int64]
    light: Recursion
    counts: Recursion
    detection: Detection
    results: tuple[int, ...]
    sizes: tuple[int, ...]
    dimension: int
    chance: float


def pattern_space(noise: Noise, space: ComputationSpace) -> ComputationSpace:
    """The patterns that detectors can tell: those of the space, but without bunching if they only click."""
    if noise.detectors is Detectors.THRESHOLD and space is ComputationSpace.FOCK:
        return ComputationSpace.UNBUNCHED
    return space


def clicks_at_once(noise: Noise) -> bool:
    """Whether it matters that detectors click: n photons that make n clicks are unbunched anyway."""
    return noise.detectors is Detectors.THRESHOLD and (noise.g2 > 0 or noise.dark_counts > 0)


def plan_of(entered: tuple[int, ...], noise: Noise, modes: int) -> tuple[Plan, float]:
    """The plan for photons that enter these modes, and the probability that it is divided by (`NoiseTables.chance`)."""
    photons = len(entered)
    clicks = clicks_at_once(noise)
    chance = _chance(noise, photons, modes, at_least=clicks)
    if not chance > 0:
        return planned([{}], 0, 0, clicks), 0.0
    unit = chance ** (1 / photons)
    one = {pair: weight / unit for pair, weight in noise.survivors().items()}
    counts = np.unique(entered, return_counts=True)[1].tolist()
    groups = [together(one, count) for count in counts]
    fewest = max(photons - modes, 0) if noise.dark_counts else photons
    return planned(groups, fewest, photons, clicks), chance


def _chance(noise: Noise, photons: int, modes: int, *, at_least: bool) -> float:
    """The probability of n counts, or more, as they are distributed whatever the circuit."""
    source, dark = np.zeros(3), np.array([1 - noise.dark_counts, noise.dark_counts])
    for (c, p), weight in noise.survivors().items():
        source[c + p] += weight
    total = np.ones(1)
    for counted in (*[source] * photons, *[dark] * (modes if noise.dark_counts else 0)):
        total = np.convolve(total, counted)
    return float(total[photons:].sum() if at_least else total[photons])


@lru_cache(maxsize=32)
def noise_tables(entered: tuple[int, ...], modes: int, space: ComputationSpace, noise: Noise) -> NoiseTables:
    """The tables for photons that enter some modes, in ascending order, and are read in a space of patterns.

    Args:
        entered: (n,) the mode of each source.
        modes: Number of modes m.
        space: As `pattern_space` gives it.
        noise: Source, loss and detectors count.
    """
    photons, clicks = len(entered), clicks_at_once(noise)
    plan, chance = plan_of(entered, noise, modes)
    patterns = slos_tables(modes, photons, space.value)
    counts = patterns.recursion
    if clicks:
        common = max((layer for layer, is_light in zip(plan.layers, plan.complex_valued, strict=True) if is_light))
        light = slos_tables(modes, common, ComputationSpace.FOCK.value).recursion
    else:
        light = counts
    occupations = _occupations(light, modes)
    results, detection = _detection(plan, light, counts, occupations, noise, modes, photons)
    return NoiseTables(
        plan=plan,
        columns=np.unique(entered, return_index=True)[1].astype(np.int64),
        light=light,
        counts=counts,
        detection=detection,
        results=results,
        sizes=_sizes(plan, np.diff(light.layers).tolist(), np.diff(counts.layers).tolist()),
        dimension=patterns.size,
        chance=chance,
    )


@lru_cache(maxsize=64)
def footprint(entered: tuple[int, ...], modes: int, space: ComputationSpace, noise: Noise) -> tuple[int, int, int]:
    """What the tables and the work take, before any table is built.

    Returns:
        Bytes of the tables and their making, rows that a thread needs for a backward pass, and patterns D.
    """
    photons, clicks = len(entered), clicks_at_once(noise)
    plan, _ = plan_of(entered, noise, modes)
    common = max((n for n, light in zip(plan.layers, plan.complex_valued, strict=True) if light), default=0)
    counts = slos_footprint(modes, photons, space.value)
    needed = counts.building
    if clicks:
        light = slos_footprint(modes, common, ComputationSpace.FOCK.value)
        needed += light.building + light.multiply_adds * (3 * modes + 200)
    if noise.dark_counts:
        needed += 100 * counts.states * 2 ** min(photons, modes)
    by_count = [_layer_size(modes, photons, space, k) for k in range(photons + 1)]
    by_light = [math.comb(k + modes - 1, k) for k in range(common + 1)] if clicks else by_count
    sizes = _sizes(plan, by_light, by_count)
    results = tuple(node for node, _ in plan.results.values())
    rows = 2 * _placed(plan, sizes, results, 3 * photons * modes + counts.states, keep=True)[1]
    return needed + 200 * len(plan.steps), rows, counts.states


def _layer_size(modes: int, photons: int, space: ComputationSpace, k: int) -> int:
    if space is ComputationSpace.FOCK:
        return math.comb(k + modes - 1, k)
    if space is ComputationSpace.UNBUNCHED:
        return math.comb(modes, k)
    return math.comb(photons, k) << k


def _sizes(plan: Plan, light: list[int], counts: list[int]) -> tuple[int, ...]:
    return tuple(
        2 * light[layer] if is_light else sum(counts) if layer < 0 else counts[layer]
        for layer, is_light in zip(plan.layers, plan.complex_valued, strict=True)
    )


def _occupations(recursion: Recursion, modes: int) -> list[NDArray[np.int8]]:
    """The states of every layer, (D_k, m), in the order in which the recursion keeps them."""
    layers = [np.zeros((1, modes), np.int8)]
    for k in range(len(recursion.layers) - 2):
        child, parent, mode = pairs(recursion, k + 1)
        children, first = np.unique(child, return_index=True)  # any of the ways to a state tells what it is
        states = layers[k][parent[first]].copy()
        states[children, mode[first]] += 1
        layers.append(states)
    return layers


def pairs(recursion: Recursion, layer: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Child, parent and mode of every pair of a layer."""
    bounds = recursion.by_mode[layer - 1]
    child, parent = (
        array[bounds[0] : bounds[-1]].astype(np.int64) for array in (recursion.children, recursion.origins)
    )
    return child, parent, np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))


def _detection(
    plan: Plan,
    light: Recursion,
    counts: Recursion,
    occupations: list[NDArray[np.int8]],
    noise: Noise,
    modes: int,
    photons: int,
) -> tuple[tuple[int, ...], Detection]:
    factorials = np.cumprod([1.0, *range(1, len(occupations))])
    factors = np.concatenate([factorials[states].prod(axis=1) for states in occupations])
    clicked = np.full(len(factors), -1, np.int64)
    if -1 in plan.layers:
        clicked = _clicked(occupations, counts, modes, photons)
    results, starts = [], {}
    first_row = 0
    for layer, (node, weight) in sorted(plan.results.items()):
        rows = counts.layers if layer < 0 else {layer: 0}
        for k in range(photons + 1) if layer < 0 else (layer,):
            starts[k] = first_row + int(rows[k]), weight
        first_row += int(counts.layers[-1] if layer < 0 else counts.layers[layer + 1] - counts.layers[layer])
        results.append(node)
    first, terms, shares = _dark_terms(counts, starts, noise, modes, photons)
    return tuple(results), Detection(factors, clicked, first, terms, shares)


def _clicked(occupations: list[NDArray[np.int8]], counts: Recursion, modes: int, photons: int) -> NDArray[np.int64]:
    """The place of the set of occupied modes of every state, among all sets in the order of `counts`; or -1."""
    sets = np.concatenate(_occupations(counts, modes))
    places = {state.tobytes(): place for place, state in enumerate(sets)}
    occupied = (np.concatenate(occupations) > 0).astype(np.int8)
    return np.array([places.get(state.tobytes(), -1) for state in occupied], np.int64)


def _dark_terms(
    counts: Recursion, starts: dict[int, tuple[int, float]], noise: Noise, modes: int, photons: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """What each pattern comes from: itself, or patterns that lack the detections that were dark counts."""
    dark = noise.dark_counts
    dimension = int(counts.layers[-1] - counts.layers[-2])
    target = state = np.arange(dimension)
    last = np.full(dimension, -1)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    for extra in range(photons + 1):
        share = dark**extra * (1 - dark) ** (modes - (photons if clicks_at_once(noise) else extra))
        start, weight = starts.get(photons - extra, (0, 0.0))
        if share * weight:
            found.append((target, start + state, np.full(len(target), share * weight)))
        if not dark or extra == min(photons, modes):
            break
        # take one more photon away, of a mode behind the last: each set of dark detectors once
        child, parent, mode = pairs(counts, photons - extra)
        order = np.argsort(child, kind="stable")
        bounds = np.searchsorted(child[order], np.arange(child.max(initial=-1) + 2))
        many = bounds[state + 1] - bounds[state]
        entry = np.repeat(np.arange(len(state)), many)
        pair = order[np.arange(len(entry)) - np.repeat(np.cumsum(many) - many, many) + bounds[state][entry]]
        ahead = mode[pair] > last[entry]
        target, state, last = target[entry][ahead], parent[pair][ahead], mode[pair][ahead]
    if not found:
        return np.zeros(dimension + 1, np.int64), np.empty(0, np.int64), np.empty(0)
    targets, terms, shares = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(targets, kind="stable")
    first = np.searchsorted(targets[order], np.arange(dimension + 1)).astype(np.int64)
    return first, terms[order].astype(np.int64), shares[order]


class Tape(NamedTuple):
    """The steps of a plan with rows instead of nodes; arrays only, as Numba takes them."""

    steps: NDArray[np.int64]
    """(K, 7) kind, row of the source, row of the target, layer, group, rows of the target, whether it is new."""
    weights: NDArray[np.float64]
    """(K,) what a step multiplies by."""
    columns: NDArray[np.int64]
    """(G,) the photon whose column a group reads."""
    results: NDArray[np.int64]
    """(terms,) the row that each term of the patterns reads."""
    clicks: bool
    """Whether squares of amplitudes are counted by the detectors that click."""
    singles: int
    """First of G m rows: where one photon of each group leaves."""
    patterns: int
    """First of D rows of patterns."""
    groups: int
    """First row of the groups of outputs."""
    vacuum: int
    """Row of the vacuum's amplitude."""
    gradients: int
    """Rows from a number to its derivative; 0 without derivatives."""
    rows: int
    """Rows in all."""


def tape_of(tables: NoiseTables, photons: int, modes: int, groups: int, *, gradients: bool) -> Tape:
    """Lays the nodes out in a buffer: for derivatives all of them, else in the place of those that are done with."""
    plan, sizes = tables.plan, tables.sizes
    singles = 2 * photons * modes
    patterns = singles + len(tables.columns) * modes
    start = patterns + tables.dimension + groups
    rows, end = _placed(plan, sizes, tables.results, start, keep=gradients)
    new: set[int] = set()
    steps = []
    for step in plan.steps:
        fresh = step.target not in new
        new.add(step.target)
        place = (rows[step.source], rows[step.target], step.layer, step.group, sizes[step.target])
        steps.append((int(step.kind), *place, int(fresh)))
    bounds = np.cumsum([0, *(sizes[node] for node in tables.results)])
    which = np.searchsorted(bounds, tables.detection.terms, side="right") - 1
    first = np.array([rows[node] for node in tables.results], np.int64)
    results = first[which] + tables.detection.terms - bounds[which] if len(first) else tables.detection.terms
    return Tape(
        steps=np.array(steps, np.int64).reshape(-1, 7),
        weights=np.array([step.weight for step in plan.steps], np.float64),
        columns=tables.columns,
        results=results.astype(np.int64),
        clicks=-1 in plan.layers,
        singles=singles,
        patterns=patterns,
        groups=patterns + tables.dimension,
        vacuum=rows[0],
        gradients=end if gradients else 0,
        rows=2 * end if gradients else end,
    )


def _placed(
    plan: Plan, sizes: tuple[int, ...], results: tuple[int, ...], start: int, *, keep: bool
) -> tuple[dict[int, int], int]:
    """The first row of each node, and the end of all."""
    rows, end = {0: start}, start + sizes[0]
    last = {0: len(plan.steps)}
    for index, step in enumerate(plan.steps):
        last[step.source] = last[step.target] = index
    for node in results:
        last[node] = len(plan.steps)
    free: dict[int, list[int]] = {}
    for index, step in enumerate(plan.steps):
        size = sizes[step.target]
        if step.target not in rows:
            if free.get(size):
                rows[step.target] = free[size].pop()
            else:
                rows[step.target] = end
                end += size
        if not keep:
            for node in {step.source, step.target}:
                if last[node] == index:
                    free.setdefault(sizes[node], []).append(rows[node])
    return rows, end
