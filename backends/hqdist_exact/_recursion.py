"""The multiply-adds of SLOS, listed in the order in which the kernels meet them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hqdist_exact._scratch import COMPLEX_BYTES, SMALLEST_WINDOW, WINDOW


class Recursion(NamedTuple):
    """What the kernels read; arrays only, as Numba takes them.

    Layers 0 to n - 1 lie one after another in one buffer of amplitudes, in an order of their own: by number
    of occupied modes, so that consecutive states (a *run*) take equally many multiply-adds and the processor
    predicts every branch. Layer n keeps the order of the basis; it is computed in windows, sorted inside in
    the same way. A *part* is what is computed together: a layer, or a window of the last.
    """

    layers: NDArray[np.int64]
    """(n + 2,) first state of each layer in the buffer, then the number of states in all."""
    windows: NDArray[np.int64]
    """(W + 1,) first output state of each window, then D."""
    parts: NDArray[np.int64]
    """(n + W,) first run of each of the layers 1 to n - 1, of each window, then the number of runs."""
    runs: NDArray[np.int64]
    """(runs, 4) first and last-plus-one position, terms per state, first pair."""
    targets: NDArray[np.int32]
    """(states in all,) state computed at a position: in the buffer, or for layer n in the basis."""
    sources: NDArray[np.int64]
    """(pairs,) what a pair multiplies, sorted by the state that receives the photon. In bytes: the low half
    is where in the buffer the parent lies, the high half where in a photon's columns the mode. One load gets
    both, as loads are what limits the kernels."""
    by_mode: NDArray[np.int64]
    """(n, m + 1) first of the pairs of layer k + 1 and mode j in the two arrays that follow."""
    children: NDArray[np.int32]
    """(pairs,) receiving state, counted in its own layer; sorted by layer, mode, parent."""
    origins: NDArray[np.int32]
    """(pairs,) its parent, counted in its own layer."""


class Layer(NamedTuple):
    """States of k photons, as ascending lists of the modes of their photons, in lexicographic order.

    That is the descending lexicographic order of the occupations.
    """

    photons: NDArray[np.int32]
    """(D_k, k) mode of each photon."""
    without: NDArray[np.int32]
    """(D_k, k) the state of the layer before that remains without one photon."""


def layers_of(modes: int, photons: int, space: str) -> list[Layer]:
    """Lists the states of 0 to n photons from which an allowed output can be reached."""
    return list(_grow(modes, photons, space))


def _grow(modes: int, photons: int, space: str) -> Iterator[Layer]:
    """Appends one photon at a time, behind the last, to all states of a layer.

    The children of a state are consecutive, so the place of a state follows from that of the state without
    its last photon; those without another photon follow from the previous layer's in the same way.
    """
    layer = Layer(np.empty((1, 0), np.int32), np.empty((1, 0), np.int32))
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
        layer = Layer(np.column_stack([layer.photons[prefix], mode]).astype(np.int32), without)
        first_child, lowest_mode = first, lowest
        yield layer


def recursion_of(layers: list[Layer], modes: int) -> Recursion:
    """Orders the states and lists the pairs of a recursion."""
    last = len(layers) - 1
    starts = np.cumsum([0, *(len(layer.photons) for layer in layers)])
    windows = _windows(len(layers[-1].photons))
    parts, runs, pairs = [0], 0, 0
    place = np.zeros(1, np.int64)
    columns: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("runs", "targets", "sources", "by_mode", "children", "origins")
    }
    columns["targets"].append(place)
    for k in range(1, last + 1):
        occupied = np.ones(layers[k].photons.shape, bool)
        occupied[:, 1:] = layers[k].photons[:, 1:] != layers[k].photons[:, :-1]
        states = np.arange(len(occupied))
        bounds = windows if k == last else np.array([0, len(states)])
        part = np.searchsorted(bounds, states, side="right") - 1
        order = np.lexsort((occupied.sum(axis=1), part))
        terms, part, pick = occupied.sum(axis=1)[order], part[order], occupied[order]
        parent, mode = place[layers[k].without[order][pick]], layers[k].photons[order][pick]
        target = order if k == last else states

        begin = np.flatnonzero(np.diff(part * (last + 1) + terms, prepend=-1))
        end, first_pair = np.append(begin[1:], len(states)), pairs + np.cumsum(terms) - terms
        columns["runs"].append(np.stack([starts[k] + begin, starts[k] + end, terms[begin], first_pair[begin]], axis=1))
        parts.extend(runs + np.searchsorted(part[begin], np.arange(1, len(bounds))))
        runs += len(begin)

        columns["targets"].append(target if k == last else starts[k] + target)
        columns["sources"].append(COMPLEX_BYTES * (starts[k - 1] + parent | mode.astype(np.int64) << 32))
        sort = np.argsort(mode * np.int64(len(layers[k - 1].photons)) + parent)
        columns["by_mode"].append(pairs + np.searchsorted(mode[sort], np.arange(modes + 1)))
        columns["children"].append(np.repeat(target, terms)[sort])
        columns["origins"].append(parent[sort])
        pairs += len(parent)
        place = np.empty(len(states), np.int64)
        place[order] = states

    def joined(name: str, dtype: type, shape: tuple[int, ...] = (-1,)) -> NDArray[Any]:
        return np.concatenate(
            [np.empty(0, dtype), *map(np.ravel, columns[name])], dtype=dtype, casting="same_kind"
        ).reshape(shape)

    return Recursion(
        layers=starts.astype(np.int64),
        windows=windows.astype(np.int64),
        parts=np.array(parts, np.int64),
        runs=joined("runs", np.int64, (runs, 4)),
        targets=joined("targets", np.int32),
        sources=joined("sources", np.int64),
        by_mode=joined("by_mode", np.int64, (last, modes + 1)),
        children=joined("children", np.int32),
        origins=joined("origins", np.int32),
    )


def _windows(states: int) -> NDArray[np.int64]:
    """Bounds of the windows that so many output states are computed in."""
    firsts = np.arange(0, states, WINDOW)
    if len(firsts) > 1 and states - firsts[-1] < SMALLEST_WINDOW:
        firsts = firsts[:-1]
    return np.append(firsts, states)
