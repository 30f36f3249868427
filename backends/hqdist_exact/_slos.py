"""SLOS on the CPU: amplitudes and probabilities of all outputs of an interferometer, and their derivatives.

With V[k, j] the amplitude of photon k to reach mode j, e_j one photon in mode j and A_0 = 1 for the vacuum,

    A_k[s] = sum_j V[k, j] A_{k-1}[s - e_j],      amplitude(s) = A_n[s] sqrt(prod s! / prod t!),

and, for a real loss l with G_k = dl/dRe A_k + i dl/dIm A_k,

    G_{k-1}[s] = sum_j conj(V[k, j]) G_k[s + e_j],      dV[k, j] = sum_s conj(A_{k-1}[s]) G_k[s + e_j].

A tile of L samples (16 of float32, 8 of float64: 64 bytes) goes through all layers on one thread, one sample per
SIMD lane, so its layers stay in that core's cache. A backward pass starts from V again and recomputes the layers:
memory does not grow with the batch. Tiles share nothing and a lane never mixes with another, so a sample's result
depends neither on the batch around it nor on the number of threads.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hqdist_exact._tables import SMALLEST_WINDOW, WINDOW, SlosTables
from hqdist_exact._threads import run_tiles
from hqdist_exact._vector import (
    LANES,
    add,
    fill,
    load,
    load_transposed,
    multiply,
    multiply_add,
    store,
    store_transposed,
    subtract_product,
)

Floats = NDArray[np.float32] | NDArray[np.float64]

_LONGEST_WINDOW = WINDOW + SMALLEST_WINDOW
_VECTOR_BYTES = 64
_UNGROUPED = np.empty(0, np.int32)


def tiles_of(samples: int, dtype: np.dtype[Any]) -> int:
    """Number of tiles that hold so many samples."""
    return -(-samples // LANES[dtype])


def probabilities(
    V: Floats, tables: SlosTables, input_factor: float, group: NDArray[np.int32] | None, R: int, B: int
) -> tuple[Floats, Floats]:
    """Probabilities |amplitude|^2 of the output states, or of groups of them.

    Args:
        V: (tiles, n, m, 2, L) columns of the unitary, one per photon: real and imaginary plane, samples last. Lanes
            beyond the last sample hold any finite numbers.
        tables: the basis and its recursion.
        input_factor: product of the factorials of the input state's occupations.
        group: (D,) the group, 0 to R - 1, of each state; None for one group per state.
        R: number of groups; D without grouping.
        B: number of samples.

    Returns:
        (B, R) probabilities, not renormalised, and (B,) their sum over the basis: 1 in the whole Fock space, the
        probability of acceptance in a restricted one.
    """
    out, acceptance = np.empty((B, R), V.dtype), np.empty(B, V.dtype)
    if tables.photons == 0:
        out.fill(1)
        acceptance.fill(1)
        return out, acceptance
    arguments = (tables.recursion, tables.factor, 1 / input_factor, _UNGROUPED if group is None else group)
    run_tiles(_probabilities, V, (*arguments, out, acceptance), tables.multiply_adds)
    return out, acceptance


def probabilities_backward(
    V: Floats, tables: SlosTables, input_factor: float, group: NDArray[np.int32] | None, grad_out: Floats
) -> Floats:
    """Gradient of a loss with respect to V, from that with respect to the probabilities.

    Args:
        V: (tiles, n, m, 2, L) as in `probabilities`.
        tables: the basis and its recursion.
        input_factor: product of the factorials of the input state's occupations.
        group: (D,) the group of each state, or None.
        grad_out: (B, R) dl/dp. A derivative with respect to the acceptance, which is the sum of a row, is added to
            every entry of the row.

    Returns:
        (tiles, n, m, 2, L) with dl/dRe V and dl/dIm V in the two planes; zero in lanes beyond the last sample.
    """
    grad_V = np.empty_like(V)
    if tables.photons:
        arguments = (
            tables.recursion,
            tables.factor,
            1 / input_factor,
            _UNGROUPED if group is None else group,
        )
        grad_out = np.ascontiguousarray(grad_out)
        run_tiles(_probabilities_backward, V, (*arguments, grad_out, grad_V.reshape(-1)), 4 * tables.multiply_adds)
    return grad_V


def amplitudes(V: Floats, tables: SlosTables, input_factor: float, B: int) -> tuple[Floats, Floats]:
    """Amplitudes perm(U[s, t]) / sqrt(prod s! prod t!), in real and imaginary part.

    Args:
        V: (tiles, n, m, 2, L) as in `probabilities`.
        tables: the basis and its recursion.
        input_factor: product of the factorials of the input state's occupations.
        B: number of samples.

    Returns:
        Two arrays (B, D).
    """
    real, imaginary = np.empty((B, tables.size), V.dtype), np.empty((B, tables.size), V.dtype)
    if tables.photons == 0:
        real.fill(1)
        imaginary.fill(0)
        return real, imaginary
    arguments = (tables.recursion, tables.root_factor, input_factor**-0.5, real, imaginary)
    run_tiles(_amplitudes, V, arguments, tables.multiply_adds)
    return real, imaginary


def amplitudes_backward(V: Floats, tables: SlosTables, input_factor: float, grad_re: Floats, grad_im: Floats) -> Floats:
    """Gradient of a loss with respect to V, from that with respect to the amplitudes.

    Args:
        V: (tiles, n, m, 2, L) as in `probabilities`.
        tables: the basis and its recursion.
        input_factor: product of the factorials of the input state's occupations.
        grad_re: (B, D) derivative with respect to the real part of each amplitude.
        grad_im: (B, D) the same for the imaginary part.

    Returns:
        (tiles, n, m, 2, L) as in `probabilities_backward`.
    """
    grad_V = np.empty_like(V)
    if tables.photons:
        gradients = (np.ascontiguousarray(grad_re), np.ascontiguousarray(grad_im), grad_V.reshape(-1))
        arguments = (tables.recursion, tables.root_factor, input_factor**-0.5, *gradients)
        run_tiles(_amplitudes_backward, V, arguments, 3 * tables.multiply_adds)
    return grad_V


@njit(nogil=True)
def _aligned(rows: int, like: Any) -> Any:
    """A buffer of vectors that starts on a cache line: a load that straddles two costs double."""
    lanes = _VECTOR_BYTES // like.itemsize
    buffer = np.empty((rows + 1) * lanes, like.dtype)
    skip = (-buffer.ctypes.data % _VECTOR_BYTES) // like.itemsize
    return buffer[skip : skip + rows * lanes]


@njit(nogil=True)
def _largest_layer(layers, photons):  # type: ignore[no-untyped-def]
    """States in the largest of the layers of `photons`, `photons - 2`, ... photons, which share a buffer."""
    largest = 0
    for k in range(photons, -1, -2):
        largest = max(largest, layers[k + 1] - layers[k])
    return largest


@njit(nogil=True, forceinline=True)
def _from_parents(layers, columns, photon, parents, modes, pair, terms):  # type: ignore[no-untyped-def]
    """Sum over the pairs of one state: V[k, j] A_{k-1}[s - e_j]."""
    zero = fill(layers, 0)
    rr, ri, ir, ii = zero, zero, zero, zero
    for i in range(pair, pair + terms):
        parent = 2 * parents[i]
        mode = photon + 2 * modes[i]
        a_re, a_im = load(layers, parent), load(layers, parent + 1)
        v_re, v_im = load(columns, mode), load(columns, mode + 1)
        rr = multiply_add(v_re, a_re, rr)
        ii = subtract_product(v_im, a_im, ii)
        ri = multiply_add(v_re, a_im, ri)
        ir = multiply_add(v_im, a_re, ir)
    return add(rr, ii), add(ri, ir)


@njit(nogil=True)
def _fill_layers(layers, columns, recursion):  # type: ignore[no-untyped-def]
    """Computes the layers 0 to n - 1 of a tile."""
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    store(layers, 0, fill(layers, 1))
    store(layers, 1, fill(layers, 0))
    for k in range(photons - 1):
        photon = 2 * modes * k
        for r in range(recursion.groups[k], recursion.groups[k + 1]):
            begin, end, terms, pair = recursion.runs[r]
            for state in range(begin, end):
                re, im = _from_parents(layers, columns, photon, recursion.parents, recursion.modes, pair, terms)
                store(layers, 2 * state, re)
                store(layers, 2 * state + 1, im)
                pair += terms


@njit(nogil=True)
def _copy_rows(source, first, target, rows):  # type: ignore[no-untyped-def]
    for row in range(rows):
        store(target, row, load(source, first + row))


@njit(nogil=True)
def _write_columns(buffer, rows, out, column, sample, samples):  # type: ignore[no-untyped-def]
    """Writes the rows of a buffer to columns of a matrix of samples, in square blocks; the last two may overlap."""
    lanes = _VECTOR_BYTES // out.itemsize
    if rows < lanes:
        for row in range(rows):
            for lane in range(samples):
                out[sample + lane, column + row] = buffer[row * lanes + lane]
        return
    for row in range(0, rows - lanes, lanes):
        store_transposed(buffer, row, out, column + row, sample, samples)
    store_transposed(buffer, rows - lanes, out, column + rows - lanes, sample, samples)


@njit(nogil=True)
def _read_columns(buffer, rows, source, column, sample, samples):  # type: ignore[no-untyped-def]
    """The inverse of `_write_columns`; lanes without a sample become zero."""
    lanes = _VECTOR_BYTES // source.itemsize
    if rows < lanes:
        for row in range(rows):
            for lane in range(lanes):
                buffer[row * lanes + lane] = source[sample + lane, column + row] if lane < samples else 0
        return
    for row in range(0, rows - lanes, lanes):
        load_transposed(buffer, row, source, column + row, sample, samples)
    load_transposed(buffer, rows - lanes, source, column + rows - lanes, sample, samples)


@njit(nogil=True)
def _probabilities(V, first, last, recursion, factor, scale, group, out, acceptance):  # type: ignore[no-untyped-def]
    lanes = _VECTOR_BYTES // V.itemsize
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    samples_in_all, groups = out.shape
    columns = _aligned(2 * photons * modes, V)
    layers = _aligned(2 * recursion.layers[photons], V)
    window = _aligned(_LONGEST_WINDOW, V)
    sums = _aligned(groups if len(group) else 1, V)
    zero = fill(V, 0)
    for tile in range(first, last):
        sample = tile * lanes
        samples = min(lanes, samples_in_all - sample)
        _copy_rows(V, tile * 2 * photons * modes, columns, 2 * photons * modes)
        _fill_layers(layers, columns, recursion)
        for row in range(groups if len(group) else 0):
            store(sums, row, zero)
        total = zero
        for w in range(len(recursion.windows) - 1):
            start, stop = recursion.windows[w], recursion.windows[w + 1]
            for r in range(recursion.groups[photons - 1 + w], recursion.groups[photons + w]):
                begin, end, terms, pair = recursion.runs[r]
                photon = 2 * modes * (photons - 1)
                for position in range(begin, end):
                    re, im = _from_parents(layers, columns, photon, recursion.parents, recursion.modes, pair, terms)
                    state = recursion.outputs[position]
                    square = multiply_add(re, re, multiply(im, im))
                    store(window, state - start, multiply(fill(V, scale * factor[state]), square))
                    pair += terms
            for row in range(stop - start):
                total = add(total, load(window, row))
            if len(group):
                for row in range(stop - start):
                    target = group[start + row]
                    store(sums, target, add(load(sums, target), load(window, row)))
            else:
                _write_columns(window, stop - start, out, start, sample, samples)
        if len(group):
            _write_columns(sums, groups, out, 0, sample, samples)
        store(window, 0, total)
        acceptance[sample : sample + samples] = window[:samples]


@njit(nogil=True)
def _amplitudes(V, first, last, recursion, root, scale, real, imaginary):  # type: ignore[no-untyped-def]
    lanes = _VECTOR_BYTES // V.itemsize
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    columns = _aligned(2 * photons * modes, V)
    layers = _aligned(2 * recursion.layers[photons], V)
    window_re, window_im = _aligned(_LONGEST_WINDOW, V), _aligned(_LONGEST_WINDOW, V)
    for tile in range(first, last):
        sample = tile * lanes
        samples = min(lanes, len(real) - sample)
        _copy_rows(V, tile * 2 * photons * modes, columns, 2 * photons * modes)
        _fill_layers(layers, columns, recursion)
        for w in range(len(recursion.windows) - 1):
            start, stop = recursion.windows[w], recursion.windows[w + 1]
            for r in range(recursion.groups[photons - 1 + w], recursion.groups[photons + w]):
                begin, end, terms, pair = recursion.runs[r]
                photon = 2 * modes * (photons - 1)
                for position in range(begin, end):
                    re, im = _from_parents(layers, columns, photon, recursion.parents, recursion.modes, pair, terms)
                    state = recursion.outputs[position]
                    weight = fill(V, scale * root[state])
                    store(window_re, state - start, multiply(weight, re))
                    store(window_im, state - start, multiply(weight, im))
                    pair += terms
            _write_columns(window_re, stop - start, real, start, sample, samples)
            _write_columns(window_im, stop - start, imaginary, start, sample, samples)


@njit(nogil=True, forceinline=True)
def _from_children(above, below, layers, layer, v_re, v_im, d_re, d_im, child, origin):  # type: ignore[no-untyped-def]
    """Sum over the pairs of one mode: conj(V) G_k[s + e_j] goes to G_{k-1}[s], conj(A_{k-1}[s]) G_k[s + e_j] to dV."""
    g_re, g_im = load(above, 2 * child), load(above, 2 * child + 1)
    a_re, a_im = load(layers, layer + 2 * origin), load(layers, layer + 2 * origin + 1)
    b_re, b_im = load(below, 2 * origin), load(below, 2 * origin + 1)
    b_re = multiply_add(v_im, g_im, multiply_add(v_re, g_re, b_re))
    b_im = subtract_product(v_im, g_re, multiply_add(v_re, g_im, b_im))
    store(below, 2 * origin, b_re)
    store(below, 2 * origin + 1, b_im)
    d_re = multiply_add(a_im, g_im, multiply_add(a_re, g_re, d_re))
    d_im = subtract_product(a_im, g_re, multiply_add(a_re, g_im, d_im))
    return d_re, d_im


@njit(nogil=True)
def _back_through_layers(above, below, layers, columns, grad_V, tile, recursion):  # type: ignore[no-untyped-def]
    """Takes the gradient of layer n, in `above`, down to the vacuum and writes that of V."""
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    zero = fill(layers, 0)
    for k in range(photons - 1, -1, -1):
        layer = recursion.layers[k]
        for row in range(2 * (recursion.layers[k + 1] - layer)):
            store(below, row, zero)
        for mode in range(modes):
            v = 2 * (k * modes + mode)
            v_re, v_im = load(columns, v), load(columns, v + 1)
            d_re, d_im = zero, zero
            for i in range(recursion.by_mode[k, mode], recursion.by_mode[k, mode + 1]):
                child, origin = recursion.children[i], recursion.origins[i]
                d_re, d_im = _from_children(above, below, layers, 2 * layer, v_re, v_im, d_re, d_im, child, origin)
            store(grad_V, tile * 2 * photons * modes + v, d_re)
            store(grad_V, tile * 2 * photons * modes + v + 1, d_im)
        above, below = below, above


@njit(nogil=True)
def _probabilities_backward(V, first, last, recursion, factor, scale, group, grad_out, grad_V):  # type: ignore[no-untyped-def]
    lanes = _VECTOR_BYTES // V.itemsize
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    samples_in_all, groups = grad_out.shape
    columns = _aligned(2 * photons * modes, V)
    layers = _aligned(2 * recursion.layers[photons], V)
    window = _aligned(_LONGEST_WINDOW, V)
    sums = _aligned(groups if len(group) else 1, V)
    above = _aligned(2 * _largest_layer(recursion.layers, photons), V)
    below = _aligned(2 * _largest_layer(recursion.layers, photons - 1), V)
    for tile in range(first, last):
        sample = tile * lanes
        samples = min(lanes, samples_in_all - sample)
        _copy_rows(V, tile * 2 * photons * modes, columns, 2 * photons * modes)
        _fill_layers(layers, columns, recursion)
        if len(group):
            _read_columns(sums, groups, grad_out, 0, sample, samples)
        for w in range(len(recursion.windows) - 1):
            start, stop = recursion.windows[w], recursion.windows[w + 1]
            if len(group):
                for row in range(stop - start):
                    store(window, row, load(sums, group[start + row]))
            else:
                _read_columns(window, stop - start, grad_out, start, sample, samples)
            for r in range(recursion.groups[photons - 1 + w], recursion.groups[photons + w]):
                begin, end, terms, pair = recursion.runs[r]
                photon = 2 * modes * (photons - 1)
                for position in range(begin, end):
                    re, im = _from_parents(layers, columns, photon, recursion.parents, recursion.modes, pair, terms)
                    state = recursion.outputs[position]
                    weight = multiply(fill(V, 2 * scale * factor[state]), load(window, state - start))
                    store(above, 2 * state, multiply(weight, re))
                    store(above, 2 * state + 1, multiply(weight, im))
                    pair += terms
        _back_through_layers(above, below, layers, columns, grad_V, tile, recursion)


@njit(nogil=True)
def _amplitudes_backward(V, first, last, recursion, root, scale, grad_re, grad_im, grad_V):  # type: ignore[no-untyped-def]
    lanes = _VECTOR_BYTES // V.itemsize
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    columns = _aligned(2 * photons * modes, V)
    layers = _aligned(2 * recursion.layers[photons], V)
    window_re, window_im = _aligned(_LONGEST_WINDOW, V), _aligned(_LONGEST_WINDOW, V)
    above = _aligned(2 * _largest_layer(recursion.layers, photons), V)
    below = _aligned(2 * _largest_layer(recursion.layers, photons - 1), V)
    for tile in range(first, last):
        sample = tile * lanes
        samples = min(lanes, len(grad_re) - sample)
        _copy_rows(V, tile * 2 * photons * modes, columns, 2 * photons * modes)
        _fill_layers(layers, columns, recursion)
        for w in range(len(recursion.windows) - 1):
            start, stop = recursion.windows[w], recursion.windows[w + 1]
            _read_columns(window_re, stop - start, grad_re, start, sample, samples)
            _read_columns(window_im, stop - start, grad_im, start, sample, samples)
            for row in range(stop - start):
                weight = fill(V, scale * root[start + row])
                store(above, 2 * (start + row), multiply(weight, load(window_re, row)))
                store(above, 2 * (start + row) + 1, multiply(weight, load(window_im, row)))
        _back_through_layers(above, below, layers, columns, grad_V, tile, recursion)
