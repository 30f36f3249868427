"""The light of every sample, tile by tile: the occupied columns of ``U_K G_K(b) U_{K-1} ... G_1(b) U_0``.

The shared unitaries come ready; each tile multiplies them with its columns and applies its own gates in between. The
backward pass runs the tile forward once more, keeps the columns before each shared unitary, and undoes the gates.
Derivatives by the shared unitaries are summed over fixed runs of tiles and then in order: the same bits come out
whatever the number of threads.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hqdist_exact._circuit import PHASE, SPLIT_H, SPLIT_RX, Circuit
from hqdist_exact._vector import (
    add,
    fill,
    load,
    multiply,
    multiply_add,
    store,
    subtract_product,
    sum_lanes,
)
from hqdist_exact.jit import inline, inner, kernel
from hqdist_exact.parallel import in_parallel

#: Runs of tiles whose derivatives by the shared unitaries are summed apart, at most.
RUNS = 16


def evolve(planes: NDArray[Any], waves: NDArray[Any], circuit: Circuit) -> NDArray[Any]:
    """The occupied columns of every sample's unitary, (tiles, n, m, 2, L).

    Args:
        planes: (2, K + 1, m, m) real and imaginary plane of the shared unitaries.
        waves: (tiles, P, 2, L) cosine and sine of the sample gates' angles.
        circuit: The compiled circuit.
    """
    tiles, lanes = waves.shape[0], waves.shape[-1]
    columns = np.empty((tiles, len(circuit.occupied), circuit.modes, 2, lanes), waves.dtype)
    arguments = (columns.reshape(-1), planes, waves.reshape(-1), circuit.occupied, circuit.sample)
    in_parallel(lambda first, last: _evolve(first, last, *arguments), tiles, lanes * _work(circuit))
    return columns


def pull_back_columns(
    cotangent: NDArray[Any], planes: NDArray[Any], waves: NDArray[Any], circuit: Circuit
) -> tuple[NDArray[np.complex128], NDArray[Any]]:
    """Derivatives by the shared unitaries, (K + 1, m, m), and by the sample gates' angles, (tiles, P, L).

    Args:
        cotangent: (tiles, n, m, 2, L); zero in lanes without a sample.
        planes: As for `evolve`.
        waves: As for `evolve`.
        circuit: The compiled circuit.
    """
    tiles, gates, _, lanes = waves.shape
    runs = min(tiles, RUNS)
    bounds = np.arange(runs + 1) * tiles // max(runs, 1)
    by_unitary = np.zeros((runs, *planes.shape[1:]), np.complex128)
    by_angle = np.empty((tiles, gates, lanes), waves.dtype)
    flat = (cotangent.reshape(-1), planes, waves.reshape(-1), circuit.occupied, circuit.sample)
    arguments = (bounds, *flat, by_unitary, by_angle.reshape(-1))
    work = 3 * _work(circuit) * lanes * tiles // max(runs, 1)
    in_parallel(lambda first, last: _pull_back(first, last, *arguments), runs, work)
    return by_unitary.sum(axis=0), by_angle


def _work(circuit: Circuit) -> int:
    """Multiply-adds for one sample."""
    return len(circuit.sample.groups) * circuit.modes**2 * max(len(circuit.occupied), 1)


@inline
def _split(kind, cos, sin, above_re, above_im, below_re, below_im):
    """A beam splitter with half angle given by its cosine and sine."""
    if kind == SPLIT_RX:
        return (
            subtract_product(sin, below_im, multiply(cos, above_re)),
            multiply_add(sin, below_re, multiply(cos, above_im)),
            subtract_product(sin, above_im, multiply(cos, below_re)),
            multiply_add(sin, above_re, multiply(cos, below_im)),
        )
    if kind == SPLIT_H:
        return (
            multiply_add(sin, below_re, multiply(cos, above_re)),
            multiply_add(sin, below_im, multiply(cos, above_im)),
            subtract_product(cos, below_re, multiply(sin, above_re)),
            subtract_product(cos, below_im, multiply(sin, above_im)),
        )
    return (
        subtract_product(sin, below_re, multiply(cos, above_re)),
        subtract_product(sin, below_im, multiply(cos, above_im)),
        multiply_add(sin, above_re, multiply(cos, below_re)),
        multiply_add(sin, above_im, multiply(cos, below_im)),
    )


@inline
def _load_pair(buffer, upper, lower):
    return load(buffer, upper), load(buffer, upper + 1), load(buffer, lower), load(buffer, lower + 1)


@inline
def _store_pair(buffer, upper, lower, values):
    store(buffer, upper, values[0])
    store(buffer, upper + 1, values[1])
    store(buffer, lower, values[2])
    store(buffer, lower + 1, values[3])


@inner
def _shift(buffer, first, modes, photons, mode, cos, sin):
    """Multiply one mode of all columns by cos + i sin."""
    for k in range(photons):
        row = first + 2 * (k * modes + mode)
        re, im = load(buffer, row), load(buffer, row + 1)
        store(buffer, row, subtract_product(sin, im, multiply(cos, re)))
        store(buffer, row + 1, multiply_add(sin, re, multiply(cos, im)))


@inner
def _apply_gates(buffer, first, modes, photons, group, gates, waves, wave):
    """Apply a tile's own gates of one group to its columns, in place."""
    for p in range(gates.groups[group], gates.groups[group + 1]):
        kind, upper, lower = gates.kinds[p], gates.upper[p], gates.lower[p]
        cos, sin = load(waves, wave + 2 * p), load(waves, wave + 2 * p + 1)
        if kind == PHASE:
            _shift(buffer, first, modes, photons, upper, cos, sin)
        else:
            for k in range(photons):
                above, below = first + 2 * (k * modes + upper), first + 2 * (k * modes + lower)
                pair = _load_pair(buffer, above, below)
                _store_pair(buffer, above, below, _split(kind, cos, sin, *pair))


@inner
def _multiply(planes, stage, source, first, target, into, photons):
    """Target = U source, for all columns of a tile."""
    modes = planes.shape[2]
    zero = fill(source, 0)
    for k in range(photons):
        column = first + 2 * k * modes
        for i in range(modes):
            rr, ri, ir, ii = zero, zero, zero, zero
            for j in range(modes):
                u_re, u_im = fill(source, planes[0, stage, i, j]), fill(source, planes[1, stage, i, j])
                x_re, x_im = load(source, column + 2 * j), load(source, column + 2 * j + 1)
                rr = multiply_add(u_re, x_re, rr)
                ii = subtract_product(u_im, x_im, ii)
                ri = multiply_add(u_re, x_im, ri)
                ir = multiply_add(u_im, x_re, ir)
            store(target, into + 2 * (k * modes + i), add(rr, ii))
            store(target, into + 2 * (k * modes + i) + 1, add(ri, ir))


@inner
def _multiply_adjoint(planes, stage, source, target, photons):
    """Target = U^H source."""
    modes = planes.shape[2]
    zero = fill(source, 0)
    for k in range(photons):
        column = 2 * k * modes
        for j in range(modes):
            rr, ri, ir, ii = zero, zero, zero, zero
            for i in range(modes):
                u_re, u_im = fill(source, planes[0, stage, i, j]), fill(source, planes[1, stage, i, j])
                g_re, g_im = load(source, column + 2 * i), load(source, column + 2 * i + 1)
                rr = multiply_add(u_re, g_re, rr)
                ii = multiply_add(u_im, g_im, ii)
                ri = multiply_add(u_re, g_im, ri)
                ir = subtract_product(u_im, g_re, ir)
            store(target, column + 2 * j, add(rr, ii))
            store(target, column + 2 * j + 1, add(ri, ir))


@inner
def _enter(planes, occupied, buffer, first):
    """The columns of U_0 that the photons enter, the same in every lane."""
    modes = planes.shape[2]
    for k in range(len(occupied)):
        for j in range(modes):
            row = first + 2 * (k * modes + j)
            store(buffer, row, fill(buffer, planes[0, 0, j, occupied[k]]))
            store(buffer, row + 1, fill(buffer, planes[1, 0, j, occupied[k]]))


@kernel
def _evolve(first, last, columns, planes, waves, occupied, gates):
    lanes = 64 // columns.itemsize
    modes, photons, groups = planes.shape[2], len(occupied), len(gates.groups) - 1
    rows = 2 * modes * photons
    work = np.empty(rows * lanes, columns.dtype)
    for tile in range(first, last):
        at = tile * rows
        _enter(planes, occupied, columns, at)
        for group in range(groups):
            _apply_gates(columns, at, modes, photons, group, gates, waves, tile * 2 * len(gates.kinds))
            work[:] = columns[at * lanes : (at + rows) * lanes]
            _multiply(planes, group + 1, work, 0, columns, at, photons)


@inner
def _undo_gates(x, pulled, modes, photons, group, gates, waves, wave, by_angle, angle):
    """Undo a group's gates on the columns x and their cotangent, and write the derivative by each angle."""
    zero = fill(x, 0)
    for p in range(gates.groups[group + 1] - 1, gates.groups[group] - 1, -1):
        kind, upper, lower = gates.kinds[p], gates.upper[p], gates.lower[p]
        cos, sin = load(waves, wave + 2 * p), load(waves, wave + 2 * p + 1)
        minus_sin = subtract_product(fill(x, 1), sin, zero)
        slope = zero
        if kind == PHASE:
            for k in range(photons):
                row = 2 * (k * modes + upper)
                slope = multiply_add(load(pulled, row + 1), load(x, row), slope)
                slope = subtract_product(load(pulled, row), load(x, row + 1), slope)
            _shift(x, 0, modes, photons, upper, cos, minus_sin)
            _shift(pulled, 0, modes, photons, upper, cos, minus_sin)
        else:
            back = sin if kind == SPLIT_H else minus_sin
            for k in range(photons):
                above, below = 2 * (k * modes + upper), 2 * (k * modes + lower)
                before = _split(kind, cos, back, *_load_pair(x, above, below))
                _store_pair(x, above, below, before)
                turned = _split(kind, minus_sin, cos, *before)
                pair = _load_pair(pulled, above, below)
                for i in range(4):
                    slope = multiply_add(pair[i], turned[i], slope)
                _store_pair(pulled, above, below, _split(kind, cos, back, *pair))
        store(by_angle, angle + p, slope)


@inner
def _gather(pulled, x, photons, modes, sums, first):
    """Add pulled x^H, lane by lane, to the derivative by one shared unitary."""
    for i in range(modes):
        for j in range(modes):
            row = first + 2 * (i * modes + j)
            re, im = load(sums, row), load(sums, row + 1)
            for k in range(photons):
                g, c = 2 * (k * modes + i), 2 * (k * modes + j)
                g_re, g_im, x_re, x_im = load(pulled, g), load(pulled, g + 1), load(x, c), load(x, c + 1)
                re = multiply_add(g_im, x_im, multiply_add(g_re, x_re, re))
                im = subtract_product(g_re, x_im, multiply_add(g_im, x_re, im))
            store(sums, row, re)
            store(sums, row + 1, im)


@kernel
def _pull_back(first, last, bounds, cotangent, planes, waves, occupied, gates, by_unitary, by_angle):
    lanes = 64 // cotangent.itemsize
    modes, photons, groups = planes.shape[2], len(occupied), len(gates.groups) - 1
    rows, size = 2 * modes * photons, 2 * modes * modes
    kept = np.empty((groups + 1) * rows * lanes, cotangent.dtype)
    x = np.empty(rows * lanes, cotangent.dtype)
    pulled, work = np.empty_like(x), np.empty_like(x)
    sums = np.empty((groups + 1) * size * lanes, cotangent.dtype)
    for run in range(first, last):
        sums[:] = 0
        for tile in range(bounds[run], bounds[run + 1]):
            wave = tile * 2 * len(gates.kinds)
            _enter(planes, occupied, kept, 0)
            for group in range(groups):
                _apply_gates(kept, group * rows, modes, photons, group, gates, waves, wave)
                _multiply(planes, group + 1, kept, group * rows, kept, (group + 1) * rows, photons)
            pulled[:] = cotangent[tile * rows * lanes : (tile + 1) * rows * lanes]
            for group in range(groups - 1, -1, -1):
                x[:] = kept[group * rows * lanes : (group + 1) * rows * lanes]
                _gather(pulled, x, photons, modes, sums, (group + 1) * size)
                _multiply_adjoint(planes, group + 1, pulled, work, photons)
                pulled[:] = work
                angle = tile * len(gates.kinds)
                _undo_gates(x, pulled, modes, photons, group, gates, waves, wave, by_angle, angle)
            for k in range(photons):
                for j in range(modes):
                    row, entry = 2 * (k * modes + j), 2 * (j * modes + occupied[k])
                    store(sums, entry, add(load(sums, entry), load(pulled, row)))
                    store(sums, entry + 1, add(load(sums, entry + 1), load(pulled, row + 1)))
        for stage in range(groups + 1):
            for i in range(modes):
                for j in range(modes):
                    row = stage * size + 2 * (i * modes + j)
                    by_unitary[run, stage, i, j] = complex(sum_lanes(sums, row), sum_lanes(sums, row + 1))
