"""The compiled loops of SLOS; `_slos` states the recursion and calls them.

Every kernel takes the tiles `first` to `last` of a batch through all layers. Rows are rows of one `scratch`
buffer, divided as `layout` says; a complex number takes two, real and imaginary.
"""

from typing import Any

from hqdist_exact._scratch import VECTOR_BYTES
from hqdist_exact._vector import (
    add,
    fill,
    item,
    load,
    load_behind,
    load_transposed,
    multiply,
    multiply_add,
    store,
    store_transposed,
    subtract_product,
)
from hqdist_exact.jit import inline, inner, kernel


@inline
def _add_conjugate_product(sum_re: Any, sum_im: Any, a_re: Any, a_im: Any, b_re: Any, b_im: Any) -> Any:
    """Sum + conj(a) b."""
    sum_re = multiply_add(a_im, b_im, multiply_add(a_re, b_re, sum_re))
    sum_im = subtract_product(a_im, b_re, multiply_add(a_re, b_im, sum_im))
    return sum_re, sum_im


@inline
def _from_parents(scratch: Any, layers: int, columns: int, recursion: Any, pair: int, terms: int) -> Any:
    """Sum over the pairs of one state: V[k, j] A_{k-1}[s - e_j]."""
    zero = fill(scratch, 0)
    # Four sums, as each step of a sum waits for the one before.
    rr, ii, ri, ir = zero, zero, zero, zero
    for i in range(pair, pair + terms):
        source = item(recursion.sources, i)
        parent, mode = source & 0xFFFFFFFF, source >> 32
        a_re, a_im = load_behind(scratch, layers, parent), load_behind(scratch, layers + 1, parent)
        v_re, v_im = load_behind(scratch, columns, mode), load_behind(scratch, columns + 1, mode)
        rr = multiply_add(v_re, a_re, rr)
        ii = subtract_product(v_im, a_im, ii)
        ri = multiply_add(v_re, a_im, ri)
        ir = multiply_add(v_im, a_re, ir)
    return add(rr, ii), add(ri, ir)


@kernel
def probabilities(
    V: Any,
    first: int,
    last: int,
    scratch: Any,
    layout: Any,
    recursion: Any,
    factor: Any,
    scale: float,
    group: Any,
    out: Any,
    acceptance: Any,
) -> None:
    """Writes (B, R) probabilities and (B, 1) their sums over all states."""
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    columns = layout.columns + 2 * modes * (photons - 1)
    lanes = VECTOR_BYTES // V.itemsize
    for tile in range(first, last):
        sample = tile * lanes
        samples = len(out) - sample
        _fill_layers(V, tile, scratch, layout, recursion)
        for row in range(layout.groups, layout.layers):
            store(scratch, row, fill(scratch, 0))
        total = fill(scratch, 0)
        for w in range(len(recursion.windows) - 1):
            start, size = recursion.windows[w], recursion.windows[w + 1] - recursion.windows[w]
            subtotal = fill(scratch, 0)  # many small numbers added to a large one would lose their last digits
            for run in range(recursion.parts[photons - 1 + w], recursion.parts[photons + w]):
                terms, pair = recursion.runs[run, 2], recursion.runs[run, 3]
                for position in range(recursion.runs[run, 0], recursion.runs[run, 1]):
                    re, im = _from_parents(scratch, layout.layers, columns, recursion, pair, terms)
                    pair += terms
                    state = item(recursion.targets, position)
                    weight = fill(scratch, scale * factor[state])
                    probability = multiply(weight, multiply_add(re, re, multiply(im, im)))
                    subtotal = add(subtotal, probability)
                    if len(group):
                        row = layout.groups + item(group, state)
                        store(scratch, row, add(load(scratch, row), probability))
                    else:
                        store(scratch, layout.window + state - start, probability)
            total = add(total, subtotal)
            if not len(group):
                _write_columns(scratch, layout.window, size, out, start, sample, samples)
        if len(group):
            _write_columns(scratch, layout.groups, out.shape[1], out, recursion.windows[0], sample, samples)
        store(scratch, layout.window, total)
        _write_columns(scratch, layout.window, acceptance.shape[1], acceptance, recursion.windows[0], sample, samples)


@kernel
def probabilities_backward(
    V: Any,
    first: int,
    last: int,
    scratch: Any,
    layout: Any,
    recursion: Any,
    factor: Any,
    scale: float,
    group: Any,
    grad_out: Any,
    grad_V: Any,
) -> None:
    """Writes the gradient of V, from (B, R) that of the probabilities."""
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    columns = layout.columns + 2 * modes * (photons - 1)
    lanes = VECTOR_BYTES // V.itemsize
    for tile in range(first, last):
        sample = tile * lanes
        samples = len(grad_out) - sample
        _fill_layers(V, tile, scratch, layout, recursion)
        if len(group):
            _read_columns(scratch, layout.groups, grad_out.shape[1], grad_out, recursion.windows[0], sample, samples)
        for w in range(len(recursion.windows) - 1):
            start, size = recursion.windows[w], recursion.windows[w + 1] - recursion.windows[w]
            if not len(group):
                _read_columns(scratch, layout.window, size, grad_out, start, sample, samples)
            for run in range(recursion.parts[photons - 1 + w], recursion.parts[photons + w]):
                terms, pair = recursion.runs[run, 2], recursion.runs[run, 3]
                for position in range(recursion.runs[run, 0], recursion.runs[run, 1]):
                    re, im = _from_parents(scratch, layout.layers, columns, recursion, pair, terms)
                    pair += terms
                    state = item(recursion.targets, position)
                    row = layout.groups + item(group, state) if len(group) else layout.window + state - start
                    weight = multiply(fill(scratch, 2 * scale * factor[state]), load(scratch, row))
                    store(scratch, layout.above + 2 * state, multiply(weight, re))
                    store(scratch, layout.above + 2 * state + 1, multiply(weight, im))
        _back_through_layers(scratch, layout, recursion, grad_V, tile)


@kernel
def amplitudes(
    V: Any,
    first: int,
    last: int,
    scratch: Any,
    layout: Any,
    recursion: Any,
    root: Any,
    scale: float,
    real: Any,
    imaginary: Any,
) -> None:
    """Writes (B, D) real and imaginary parts of the amplitudes."""
    photons = len(recursion.layers) - 2
    lanes = VECTOR_BYTES // V.itemsize
    for tile in range(first, last):
        sample = tile * lanes
        samples = len(real) - sample
        _fill_layers(V, tile, scratch, layout, recursion)
        for w in range(len(recursion.windows) - 1):
            start, size = recursion.windows[w], recursion.windows[w + 1] - recursion.windows[w]
            _advance(scratch, layout, recursion, photons, photons - 1 + w, layout.window - 2 * start)
            for plane, out in enumerate((real, imaginary)):
                for i in range(size):
                    weight = fill(scratch, scale * root[start + i])
                    part = load(scratch, layout.window + 2 * i + plane)
                    store(scratch, layout.parts + i, multiply(weight, part))
                _write_columns(scratch, layout.parts, size, out, start, sample, samples)


@kernel
def amplitudes_backward(
    V: Any,
    first: int,
    last: int,
    scratch: Any,
    layout: Any,
    recursion: Any,
    root: Any,
    scale: float,
    grad_re: Any,
    grad_im: Any,
    grad_V: Any,
) -> None:
    """Writes the gradient of V, from (B, D) those of the amplitudes' parts."""
    lanes = VECTOR_BYTES // V.itemsize
    for tile in range(first, last):
        sample = tile * lanes
        samples = len(grad_re) - sample
        _fill_layers(V, tile, scratch, layout, recursion)
        for w in range(len(recursion.windows) - 1):
            start, size = recursion.windows[w], recursion.windows[w + 1] - recursion.windows[w]
            for plane, gradient in enumerate((grad_re, grad_im)):
                _read_columns(scratch, layout.parts, size, gradient, start, sample, samples)
                for i in range(size):
                    weight = fill(scratch, scale * root[start + i])
                    part = multiply(weight, load(scratch, layout.parts + i))
                    store(scratch, layout.above + 2 * (start + i) + plane, part)
        _back_through_layers(scratch, layout, recursion, grad_V, tile)


@inner
def _fill_layers(V: Any, tile: int, scratch: Any, layout: Any, recursion: Any) -> None:
    """Copies a tile of V and computes the layers 0 to n - 1."""
    rows = layout.window - layout.columns
    for row in range(rows):
        store(scratch, layout.columns + row, load(V, tile * rows + row))
    store(scratch, layout.layers, fill(scratch, 1))
    store(scratch, layout.layers + 1, fill(scratch, 0))
    for k in range(1, len(recursion.layers) - 2):
        _advance(scratch, layout, recursion, k, k - 1, layout.layers)


@inner
def _advance(scratch: Any, layout: Any, recursion: Any, photon: int, part: int, into: int) -> None:
    """Computes the states of one part of the layer of `photon` photons: the whole layer, or a window."""
    modes = recursion.by_mode.shape[1] - 1
    columns = layout.columns + 2 * modes * (photon - 1)
    for run in range(recursion.parts[part], recursion.parts[part + 1]):
        terms, pair = recursion.runs[run, 2], recursion.runs[run, 3]
        for position in range(recursion.runs[run, 0], recursion.runs[run, 1]):
            re, im = _from_parents(scratch, layout.layers, columns, recursion, pair, terms)
            pair += terms
            target = into + 2 * item(recursion.targets, position)
            store(scratch, target, re)
            store(scratch, target + 1, im)


@inner
def _back_through_layers(scratch: Any, layout: Any, recursion: Any, grad_V: Any, tile: int) -> None:
    """Takes the gradient of layer n, in `above`, down to the vacuum and writes that of V on the way."""
    above, below = layout.above, layout.below
    photons, modes = len(recursion.layers) - 2, recursion.by_mode.shape[1] - 1
    gradient = 2 * tile * photons * modes
    for k in range(photons - 1, -1, -1):
        size = recursion.layers[k + 1] - recursion.layers[k]
        for row in range(below, below + 2 * size):
            store(scratch, row, fill(scratch, 0))
        complete = recursion.by_mode[k, modes] - recursion.by_mode[k, 0] == modes * size
        in_fours = modes - modes % 4 if complete else 0
        for mode in range(0, in_fours, 4):
            _four_modes(scratch, layout, recursion, k, mode, above, below, grad_V, gradient)
        for mode in range(in_fours, modes):
            _one_mode(scratch, layout, recursion, k, mode, above, below, grad_V, gradient)
        above, below = below, above


@inner
def _one_mode(
    scratch: Any,
    layout: Any,
    recursion: Any,
    k: int,
    mode: int,
    above: int,
    below: int,
    grad_V: Any,
    gradient: int,
) -> None:
    """Goes through the pairs of a mode: adds to the layer of k photons, writes the gradient of V[k, mode]."""
    row = 2 * (k * (recursion.by_mode.shape[1] - 1) + mode)
    v_re, v_im = load(scratch, layout.columns + row), load(scratch, layout.columns + row + 1)
    d_re, d_im = fill(scratch, 0), fill(scratch, 0)
    layer = layout.layers + 2 * recursion.layers[k]
    for i in range(recursion.by_mode[k, mode], recursion.by_mode[k, mode + 1]):
        child, origin = above + 2 * item(recursion.children, i), 2 * item(recursion.origins, i)
        g_re, g_im = load(scratch, child), load(scratch, child + 1)
        a_re, a_im = load(scratch, layer + origin), load(scratch, layer + origin + 1)
        b_re, b_im = load(scratch, below + origin), load(scratch, below + origin + 1)
        b_re, b_im = _add_conjugate_product(b_re, b_im, v_re, v_im, g_re, g_im)
        d_re, d_im = _add_conjugate_product(d_re, d_im, a_re, a_im, g_re, g_im)
        store(scratch, below + origin, b_re)
        store(scratch, below + origin + 1, b_im)
    store(grad_V, gradient + row, d_re)
    store(grad_V, gradient + row + 1, d_im)


@inner
def _four_modes(
    scratch: Any,
    layout: Any,
    recursion: Any,
    k: int,
    mode: int,
    above: int,
    below: int,
    grad_V: Any,
    gradient: int,
) -> None:
    """The same for four modes that every state of k photons can receive a photon in.

    Eight numbers of V and their gradients stay in registers, and the layer is read and written once for all.
    """
    row = 2 * (k * (recursion.by_mode.shape[1] - 1) + mode)
    column = layout.columns + row
    p_re, p_im, q_re, q_im = (
        load(scratch, column),
        load(scratch, column + 1),
        load(scratch, column + 2),
        load(scratch, column + 3),
    )
    r_re, r_im, s_re, s_im = (
        load(scratch, column + 4),
        load(scratch, column + 5),
        load(scratch, column + 6),
        load(scratch, column + 7),
    )
    zero = fill(scratch, 0)
    dp_re, dp_im, dq_re, dq_im, dr_re, dr_im, ds_re, ds_im = zero, zero, zero, zero, zero, zero, zero, zero
    layer = layout.layers + 2 * recursion.layers[k]
    size = recursion.layers[k + 1] - recursion.layers[k]
    pair = recursion.by_mode[k, mode]
    for origin in range(size):
        a_re, a_im = load(scratch, layer + 2 * origin), load(scratch, layer + 2 * origin + 1)
        b_re, b_im = load(scratch, below + 2 * origin), load(scratch, below + 2 * origin + 1)
        child = above + 2 * item(recursion.children, pair + origin)
        g_re, g_im = load(scratch, child), load(scratch, child + 1)
        b_re, b_im = _add_conjugate_product(b_re, b_im, p_re, p_im, g_re, g_im)
        dp_re, dp_im = _add_conjugate_product(dp_re, dp_im, a_re, a_im, g_re, g_im)
        child = above + 2 * item(recursion.children, pair + size + origin)
        g_re, g_im = load(scratch, child), load(scratch, child + 1)
        b_re, b_im = _add_conjugate_product(b_re, b_im, q_re, q_im, g_re, g_im)
        dq_re, dq_im = _add_conjugate_product(dq_re, dq_im, a_re, a_im, g_re, g_im)
        child = above + 2 * item(recursion.children, pair + 2 * size + origin)
        g_re, g_im = load(scratch, child), load(scratch, child + 1)
        b_re, b_im = _add_conjugate_product(b_re, b_im, r_re, r_im, g_re, g_im)
        dr_re, dr_im = _add_conjugate_product(dr_re, dr_im, a_re, a_im, g_re, g_im)
        child = above + 2 * item(recursion.children, pair + 3 * size + origin)
        g_re, g_im = load(scratch, child), load(scratch, child + 1)
        b_re, b_im = _add_conjugate_product(b_re, b_im, s_re, s_im, g_re, g_im)
        ds_re, ds_im = _add_conjugate_product(ds_re, ds_im, a_re, a_im, g_re, g_im)
        store(scratch, below + 2 * origin, b_re)
        store(scratch, below + 2 * origin + 1, b_im)
    row += gradient
    store(grad_V, row, dp_re)
    store(grad_V, row + 1, dp_im)
    store(grad_V, row + 2, dq_re)
    store(grad_V, row + 3, dq_im)
    store(grad_V, row + 4, dr_re)
    store(grad_V, row + 5, dr_im)
    store(grad_V, row + 6, ds_re)
    store(grad_V, row + 7, ds_im)


@inner
def _write_columns(scratch: Any, first: int, rows: int, out: Any, column: int, sample: int, samples: int) -> None:
    """Writes rows to columns of a matrix of samples, in square blocks of which the last two may overlap."""
    lanes = VECTOR_BYTES // out.itemsize
    if rows < lanes:
        for row in range(rows):
            for lane in range(lanes):
                if lane < samples:
                    out[sample + lane, column + row] = scratch[(first + row) * lanes + lane]
        return
    for begin in range(0, rows, lanes):
        row = begin if begin + lanes <= rows else rows - lanes
        store_transposed(scratch, first + row, out, column + row, sample, samples)


@inner
def _read_columns(scratch: Any, first: int, rows: int, source: Any, column: int, sample: int, samples: int) -> None:
    """The inverse of `_write_columns`; lanes without a sample become zero."""
    lanes = VECTOR_BYTES // source.itemsize
    if rows < lanes:
        for row in range(rows):
            store(scratch, first + row, fill(scratch, 0))
            for lane in range(lanes):
                if lane < samples:
                    scratch[(first + row) * lanes + lane] = source[sample + lane, column + row]
        return
    for begin in range(0, rows, lanes):
        row = begin if begin + lanes <= rows else rows - lanes
        load_transposed(scratch, first + row, source, column + row, sample, samples)
