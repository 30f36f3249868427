"""Index tables of SLOS, the recursion that adds one photon at a time to all Fock states at once.

Heurtel et al., "Strong simulation of linear optical processes" (arXiv 2206.10549). Layer k holds every state of k
photons; layer n is the output. A *pair* (s, j) with s_j > 0 is one multiply-add: state s of layer k receives
V[k, j] times the amplitude of its parent s - e_j of layer k - 1. In the restricted spaces a layer has only the
states from which an allowed output can be reached.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW = 256
"""Output states that are computed together before they are written, about."""

SMALLEST_WINDOW = 16
"""A shorter remainder joins the window before it, so that whole blocks can be transposed."""

_PAIR_BYTES = 4 + 2 + 4 + 4
_BUILD_BYTES_PER_PAIR = 64
_LARGEST_INDEX = 2**31 - 1


class Recursion(NamedTuple):
    """What the kernels read; arrays only, as Numba takes them.

    Layers 0 to n - 1 lie one after another in one buffer of amplitudes, in an order of their own: by number of
    occupied modes, so that consecutive states (a *run*) take equally many multiply-adds and the processor predicts
    every branch. Layer n keeps the order of the basis and is cut into windows, sorted inside in the same way.
    """

    layers: NDArray[np.int64]
    """(n + 2,) first state of each layer in the buffer."""
    windows: NDArray[np.int64]
    """(W + 1,) first output state of each window, then D."""
    groups: NDArray[np.int64]
    """(n + W,) first run of each of the layers 1 to n - 1, then of each window, then the number of runs."""
    runs: NDArray[np.int64]
    """(runs, 4) first and last-plus-one position, terms per state, first pair. Positions count states as computed:
    in the buffer for layers below n, in `outputs` for layer n."""
    outputs: NDArray[np.int32]
    """(D,) output state computed at each position of layer n."""
    parents: NDArray[np.int32]
    """(pairs,) state in the buffer of amplitudes, grouped by the receiving state."""
    modes: NDArray[np.int16]
    """(pairs,) mode that gains a photon."""
    by_mode: NDArray[np.int64]
    """(n, m + 1) first of the pairs of layer k + 1 and mode j in the two arrays that follow."""
    children: NDArray[np.int32]
    """(pairs,) receiving state, counted in its own layer; sorted by layer, mode, parent."""
    origins: NDArray[np.int32]
    """(pairs,) its parent, counted in its own layer."""


@dataclass(frozen=True, eq=False)
class SlosTables:
    """Basis and recursion of `photons` photons in `modes` modes, restricted to a computation space."""

    modes: int
    photons: int
    space: str
    states: NDArray[np.int8]
    """(D, m) occupations, in descending lexicographic order."""
    factor: NDArray[np.float64]
    """(D,) product of the factorials of the occupations."""
    root_factor: NDArray[np.float64]
    """(D,) its square root."""
    recursion: Recursion

    @property
    def size(self) -> int:
        """Number D of output states."""
        return len(self.states)

    @property
    def multiply_adds(self) -> int:
        """Complex multiply-adds per sample in the forward recursion; n D in the whole Fock space."""
        return len(self.recursion.parents)


@dataclass(frozen=True)
class SlosFootprint:
    """Memory that a size needs, in bytes. Python integers: nothing overflows, however large the size."""

    states: int
    """Number D of output states."""
    multiply_adds: int
    """Complex multiply-adds per sample in the forward recursion."""
    tables: int
    """Bytes of the tables once built."""
    building: int
    """Bytes, about, while they are being built."""
    scratch: int
    """Bytes per thread of a backward pass, without grouping, which adds 64 per group; forward needs less."""


@lru_cache(maxsize=256)
def slos_footprint(modes: int, photons: int, space: str) -> SlosFootprint:
    """Tells what a size needs before anything is built."""
    _check(modes, photons, space)
    sizes = [_layer_size(modes, photons, space, k) for k in range(photons + 1)]
    pairs = sum(sizes[k] * _children_per_state(modes, photons, space, k) for k in range(photons))
    tables = pairs * _PAIR_BYTES + sizes[-1] * (modes + 20) + photons * modes * 8
    gradients = max(sizes[::-2]) + max(sizes[-2::-2], default=0)
    rows = 2 * (sum(sizes[:-1]) + gradients + WINDOW + SMALLEST_WINDOW)
    return SlosFootprint(
        states=sizes[-1],
        multiply_adds=pairs,
        tables=tables,
        building=tables + pairs * _BUILD_BYTES_PER_PAIR,
        scratch=64 * (rows + 2 * photons * modes),
    )


@lru_cache(maxsize=64)
def slos_tables(modes: int, photons: int, space: str) -> SlosTables:
    """Builds the tables, or returns those built before; they are immutable and shared between threads.

    Args:
        modes: number of modes m.
        photons: number of photons n.
        space: "fock", "unbunched" (no mode holds two photons) or "dual_rail" (m = 2n, one photon in each pair of
            modes 2k and 2k + 1).

    Raises:
        ValueError: the space is unknown or empty, or too large to be indexed; see `slos_footprint`.
    """
    footprint = slos_footprint(modes, photons, space)
    if max(footprint.states, footprint.multiply_adds) > _LARGEST_INDEX or photons > 127 or modes > 32767:
        raise ValueError(
            f"{photons} photons in {modes} modes ({space}) have {footprint.states} states and take "
            f"{footprint.multiply_adds} multiply-adds; tables reach {_LARGEST_INDEX}, 127 photons and 32767 modes"
        )
    layers = list(slos_layers(modes, photons, space))
    states = np.zeros((footprint.states, modes), np.int8)
    for photon in range(photons):
        states[np.arange(len(states)), layers[-1].photons[:, photon]] += 1
    factorials = np.array([math.factorial(k) for k in range(photons + 1)], np.float64)
    factor = factorials[states].prod(axis=1)
    tables = SlosTables(modes, photons, space, states, factor, np.sqrt(factor), _recursion(layers, modes))
    for array in (tables.states, tables.factor, tables.root_factor, *tables.recursion):
        array.flags.writeable = False
    return tables


class _Layer(NamedTuple):
    """States of k photons, each as the ascending list of the modes of its photons, in lexicographic order."""

    photons: NDArray[np.int32]
    """(D_k, k) mode of each photon."""
    without: NDArray[np.int32]
    """(D_k, k) the state of the layer before that remains without one photon."""


def slos_layers(modes: int, photons: int, space: str) -> Iterator[_Layer]:
    """Appends one photon at a time, behind the last, to all states of a layer.

    The children of a state are consecutive, so the place of a state follows from that of the state without its last
    photon; the places of the states without another photon follow from the previous layer's in the same way.
    """
    layer = _Layer(np.empty((1, 0), np.int32), np.empty((1, 0), np.int32))
    yield layer
    first_child = lowest_mode = np.zeros(0, np.int32)
    for k in range(photons):
        last = layer.photons[:, -1] if k else np.full(1, -1, np.int32)
        lowest = {"fock": np.maximum(last, 0), "unbunched": last + 1, "dual_rail": 2 * (last // 2 + 1)}[space]
        count = modes - lowest
        first = np.cumsum(count) - count
        prefix = np.repeat(np.arange(len(last)), count)
        mode = lowest[prefix] + np.arange(len(prefix)) - first[prefix]
        without = np.empty((len(prefix), k + 1), np.int32)
        without[:, k] = prefix
        for i in range(k):
            shorter = layer.without[prefix, i]
            without[:, i] = first_child[shorter] + mode - lowest_mode[shorter]
        layer = _Layer(np.column_stack([layer.photons[prefix], mode]).astype(np.int32), without)
        first_child, lowest_mode = first, lowest
        yield layer


def _recursion(layers: list[_Layer], modes: int) -> Recursion:
    """Orders the states and lists the pairs in the order in which the kernels meet them."""
    photons = len(layers) - 1
    sizes = [len(layer.photons) for layer in layers]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    windows = np.arange(0, sizes[-1], WINDOW)
    if len(windows) > 1 and sizes[-1] - windows[-1] < SMALLEST_WINDOW:
        windows = windows[:-1]
    windows = np.append(windows, sizes[-1])

    groups, runs, outputs = [0], [np.empty((0, 4), np.int64)], np.zeros(sizes[-1], np.int64)
    parents, mode_gains, by_mode, children, origins = [], [], [], [], []
    pairs = 0
    place = np.zeros(1, np.int64)
    for k in range(1, photons + 1):
        layer = layers[k]
        first_of_mode = np.ones(layer.photons.shape, bool)
        first_of_mode[:, 1:] = layer.photons[:, 1:] != layer.photons[:, :-1]
        terms = first_of_mode.sum(axis=1)
        window = np.zeros(sizes[k], np.int64)
        if k == photons:
            window[windows[1:-1]] = 1
            window = np.cumsum(window)
        order = np.lexsort((terms, window))
        taken = first_of_mode[order]
        parent, mode = place[layer.without[order][taken]], layer.photons[order][taken]

        key = window[order] * (photons + 1) + terms[order]
        begin = np.flatnonzero(np.diff(key, prepend=-1))
        end = np.append(begin[1:], sizes[k])
        first_pair = pairs + np.cumsum(terms[order]) - terms[order]
        shift = starts[k] if k < photons else 0
        found = len(begin) + groups[-1]
        groups.extend(groups[-1] + np.searchsorted(window[order][begin], np.arange(1, window[-1] + 1)))
        groups.append(found)
        runs.append(np.column_stack([shift + begin, shift + end, terms[order][begin], first_pair[begin]]))

        if k < photons:
            place = np.empty(sizes[k], np.int64)
            place[order] = np.arange(sizes[k])
            child = np.repeat(np.arange(sizes[k]), terms[order])
        else:
            outputs = order
            child = np.repeat(order, terms[order])
        sort = np.argsort(mode.astype(np.int64) * sizes[k - 1] + parent)
        parents.append(starts[k - 1] + parent)
        mode_gains.append(mode)
        children.append(child[sort])
        origins.append(parent[sort])
        by_mode.append(pairs + np.searchsorted(mode[sort], np.arange(modes + 1)))
        pairs += len(parent)

    return Recursion(
        layers=starts.astype(np.int64),
        windows=windows.astype(np.int64),
        groups=np.array(groups, np.int64),
        runs=np.concatenate(runs).astype(np.int64),
        outputs=outputs.astype(np.int32),
        parents=_joined(parents, np.int32),
        modes=_joined(mode_gains, np.int16),
        by_mode=np.array(by_mode, np.int64).reshape(photons, modes + 1),
        children=_joined(children, np.int32),
        origins=_joined(origins, np.int32),
    )


def _joined(parts: list[NDArray[Any]], dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)


def _layer_size(modes: int, photons: int, space: str, k: int) -> int:
    """Number of states of k photons from which an output can be reached."""
    if space == "fock":
        return math.comb(k + modes - 1, k)
    if space == "unbunched":
        return math.comb(modes, k)
    return math.comb(photons, k) << k


def _children_per_state(modes: int, photons: int, space: str, k: int) -> int:
    """Number of modes that can take another photon in a state of k photons."""
    return {"fock": modes, "unbunched": modes - k, "dual_rail": 2 * (photons - k)}[space]


def _check(modes: int, photons: int, space: str) -> None:
    if modes < 1 or photons < 0:
        raise ValueError(f"at least one mode and no negative number of photons, not {modes} and {photons}")
    if space not in ("fock", "unbunched", "dual_rail"):
        raise ValueError(f"space must be 'fock', 'unbunched' or 'dual_rail', not {space!r}")
    if space == "unbunched" and photons > modes:
        raise ValueError(f"{photons} photons do not fit in {modes} modes without bunching")
    if space == "dual_rail" and modes != 2 * photons:
        raise ValueError(f"dual rail takes two modes per photon, not {modes} modes for {photons} photons")
