"""The compiled loops of noisy simulation: a tile of samples goes through all steps of a tape, one sample per lane.

Rows are rows of one `scratch` buffer, as the tape divides it; a complex number takes two, real and imaginary. The layer
tables are those of SLOS, whose offsets are in bytes of complex numbers: half of that for real ones.
"""

from typing import Any

from hqdist_exact._kernels import _add_conjugate_product, _from_parents, _read_columns, _write_columns
from hqdist_exact._noise_plan import Kind
from hqdist_exact._scratch import VECTOR_BYTES
from hqdist_exact._vector import add, fill, item, load, load_behind, multiply, multiply_add, store
from hqdist_exact.jit import inline, inner, kernel

GROW, COUNT, ADD, RAISE, CLICK = (int(kind) for kind in Kind)


@kernel
def patterns(
    V: Any,
    first: int,
    last: int,
    scratch: Any,
    tape: Any,
    light: Any,
    counts: Any,
    detection: Any,
    group: Any,
    out: Any,
    total: Any,
) -> None:
    """Writes (B, R) probabilities of patterns, or of groups of them, and (B, 1) their sums."""
    lanes = VECTOR_BYTES // V.itemsize
    dimension = len(detection.first) - 1
    for tile in range(first, last):
        sample = tile * lanes
        samples = len(out) - sample
        _run(V, tile, scratch, tape, light, counts, detection)
        for row in range(tape.groups, tape.groups + out.shape[1]):
            if len(group):
                store(scratch, row, fill(scratch, 0))
        whole = fill(scratch, 0)
        for state in range(dimension):
            probability = fill(scratch, 0)
            for term in range(detection.first[state], detection.first[state + 1]):
                share = fill(scratch, detection.shares[term])
                probability = multiply_add(share, load(scratch, item(tape.results, term)), probability)
            whole = add(whole, probability)
            if len(group):
                row = tape.groups + item(group, state)
                store(scratch, row, add(load(scratch, row), probability))
            else:
                store(scratch, tape.patterns + state, probability)
        outputs = tape.groups if len(group) else tape.patterns
        _write_columns(scratch, outputs, out.shape[1], out, counts.windows[0], sample, samples)
        store(scratch, tape.patterns, whole)
        _write_columns(scratch, tape.patterns, total.shape[1], total, counts.windows[0], sample, samples)


@kernel
def patterns_backward(
    V: Any,
    first: int,
    last: int,
    scratch: Any,
    tape: Any,
    light: Any,
    counts: Any,
    detection: Any,
    group: Any,
    grad_out: Any,
    grad_V: Any,
) -> None:
    """Writes the gradient of V, from (B, R) that of the probabilities."""
    lanes = VECTOR_BYTES // V.itemsize
    dimension = len(detection.first) - 1
    for tile in range(first, last):
        sample = tile * lanes
        samples = len(grad_out) - sample
        _run(V, tile, scratch, tape, light, counts, detection)
        for row in range(tape.gradients, tape.rows):
            store(scratch, row, fill(scratch, 0))
        outputs = tape.groups if len(group) else tape.patterns
        _read_columns(scratch, outputs, grad_out.shape[1], grad_out, counts.windows[0], sample, samples)
        for state in range(dimension):
            pulled = load(scratch, tape.groups + item(group, state) if len(group) else tape.patterns + state)
            for term in range(detection.first[state], detection.first[state + 1]):
                row = tape.gradients + item(tape.results, term)
                store(scratch, row, multiply_add(fill(scratch, detection.shares[term]), pulled, load(scratch, row)))
        _back(scratch, tape, light, counts, detection)
        rows = tape.singles
        for row in range(rows):
            store(grad_V, tile * rows + row, load(scratch, tape.gradients + row))


@inner
def _run(V: Any, tile: int, scratch: Any, tape: Any, light: Any, counts: Any, detection: Any) -> None:
    """Copies a tile of V and takes every step."""
    modes = light.by_mode.shape[1] - 1
    rows = tape.singles
    for row in range(rows):
        store(scratch, row, load(V, tile * rows + row))
    for g in range(len(tape.columns)):
        for mode in range(modes):
            row = 2 * (tape.columns[g] * modes + mode)
            re, im = load(scratch, row), load(scratch, row + 1)
            store(scratch, tape.singles + g * modes + mode, multiply_add(re, re, multiply(im, im)))
    vacuum = tape.vacuum
    store(scratch, vacuum, fill(scratch, 1))
    store(scratch, vacuum + 1, fill(scratch, 0))
    for k in range(len(tape.steps)):
        kind, source, target = tape.steps[k, 0], tape.steps[k, 1], tape.steps[k, 2]
        layer, g, size, new = tape.steps[k, 3], tape.steps[k, 4], tape.steps[k, 5], tape.steps[k, 6]
        weight = fill(scratch, tape.weights[k])
        if kind == GROW:
            _grow(scratch, source, target, layer, 2 * modes * tape.columns[g], light)
        elif kind == ADD:
            _add(scratch, source, target, size, weight, new)
        elif kind == RAISE:
            _raise(scratch, source, target, layer, tape.singles + g * modes, counts, weight)
        elif kind == CLICK:
            _click(scratch, source, target, tape.singles + g * modes, counts, weight)
        else:
            _count(scratch, source, target, layer, light, detection, tape.clicks, size)


@inline
def _part(recursion: Any, layer: int) -> Any:
    """First and last-plus-one run of a layer, and what its targets are counted from."""
    photons = len(recursion.layers) - 2
    if layer < photons:
        return recursion.parts[layer - 1], recursion.parts[layer], recursion.layers[layer]
    return recursion.parts[photons - 1], recursion.parts[len(recursion.parts) - 1], recursion.windows[0]


@inner
def _grow(scratch: Any, source: int, target: int, layer: int, columns: int, light: Any) -> None:
    begin, end, origin = _part(light, layer)
    base, into = source - 2 * light.layers[layer - 1], target - 2 * origin
    for run in range(begin, end):
        terms, pair = light.runs[run, 2], light.runs[run, 3]
        for position in range(light.runs[run, 0], light.runs[run, 1]):
            re, im = _from_parents(scratch, base, columns, light, pair, terms)
            pair += terms
            row = into + 2 * item(light.targets, position)
            store(scratch, row, re)
            store(scratch, row + 1, im)


@inner
def _count(
    scratch: Any, source: int, target: int, layer: int, light: Any, detection: Any, clicks: bool, size: int
) -> None:
    start = light.layers[layer]
    if clicks:
        for row in range(target, target + size):
            store(scratch, row, fill(scratch, 0))
    for state in range(light.layers[layer + 1] - start):
        re, im = load(scratch, source + 2 * state), load(scratch, source + 2 * state + 1)
        factor = fill(scratch, detection.factors[start + state])
        probability = multiply(factor, multiply_add(re, re, multiply(im, im)))
        if clicks:
            place = item(detection.clicked, start + state)
            if place >= 0:
                store(scratch, target + place, add(load(scratch, target + place), probability))
        else:
            store(scratch, target + state, probability)


@inner
def _add(scratch: Any, source: int, target: int, size: int, weight: Any, new: int) -> None:
    if new:
        for row in range(size):
            store(scratch, target + row, multiply(weight, load(scratch, source + row)))
    else:
        for row in range(size):
            there = load(scratch, target + row)
            store(scratch, target + row, multiply_add(weight, load(scratch, source + row), there))


@inner
def _raise(scratch: Any, source: int, target: int, layer: int, single: int, counts: Any, weight: Any) -> None:
    begin, end, origin = _part(counts, layer)
    base, into = source - counts.layers[layer - 1], target - origin
    for run in range(begin, end):
        terms, pair = counts.runs[run, 2], counts.runs[run, 3]
        for position in range(counts.runs[run, 0], counts.runs[run, 1]):
            total = fill(scratch, 0)
            for i in range(pair, pair + terms):
                offsets = item(counts.sources, i)
                there = load_behind(scratch, base, (offsets & 0xFFFFFFFF) >> 1)
                total = multiply_add(load_behind(scratch, single, offsets >> 33), there, total)
            pair += terms
            store(scratch, into + item(counts.targets, position), multiply(weight, total))


@inner
def _click(scratch: Any, source: int, target: int, single: int, counts: Any, weight: Any) -> None:
    store(scratch, target, fill(scratch, 0))
    for layer in range(1, len(counts.layers) - 1):
        begin, end, origin = _part(counts, layer)
        own = counts.layers[layer] - origin
        for run in range(begin, end):
            terms, pair = counts.runs[run, 2], counts.runs[run, 3]
            for position in range(counts.runs[run, 0], counts.runs[run, 1]):
                place = own + item(counts.targets, position)
                here, total = load(scratch, source + place), fill(scratch, 0)
                for i in range(pair, pair + terms):
                    offsets = item(counts.sources, i)
                    there = load_behind(scratch, source, (offsets & 0xFFFFFFFF) >> 1)
                    total = multiply_add(load_behind(scratch, single, offsets >> 33), add(here, there), total)
                pair += terms
                store(scratch, target + place, multiply(weight, total))


@inner
def _back(scratch: Any, tape: Any, light: Any, counts: Any, detection: Any) -> None:
    """Takes every step backwards: from derivatives by targets to those by sources, columns and singles."""
    modes, up = light.by_mode.shape[1] - 1, tape.gradients
    for k in range(len(tape.steps) - 1, -1, -1):
        kind, source, target = tape.steps[k, 0], tape.steps[k, 1], tape.steps[k, 2]
        layer, g, size = tape.steps[k, 3], tape.steps[k, 4], tape.steps[k, 5]
        weight = fill(scratch, tape.weights[k])
        if kind == GROW:
            _grow_back(scratch, source, target, layer, 2 * modes * tape.columns[g], light, up)
        elif kind == ADD:
            for row in range(size):
                there = load(scratch, up + source + row)
                store(scratch, up + source + row, multiply_add(weight, load(scratch, up + target + row), there))
        elif kind == RAISE:
            _raise_back(scratch, source, target, layer, tape.singles + g * modes, counts, weight, up)
        elif kind == CLICK:
            for clicked in range(1, len(counts.layers) - 1):
                _click_back(scratch, source, target, clicked, tape.singles + g * modes, counts, weight, up)
        else:
            _count_back(scratch, source, target, layer, light, detection, tape.clicks, up)
    for g in range(len(tape.columns)):
        for mode in range(modes):
            row = 2 * (tape.columns[g] * modes + mode)
            pulled = load(scratch, up + tape.singles + g * modes + mode)
            twice = add(pulled, pulled)
            for plane in range(2):
                there = load(scratch, up + row + plane)
                store(scratch, up + row + plane, multiply_add(twice, load(scratch, row + plane), there))


@inner
def _grow_back(scratch: Any, source: int, target: int, layer: int, columns: int, light: Any, up: int) -> None:
    modes = light.by_mode.shape[1] - 1
    for mode in range(modes):
        row = columns + 2 * mode
        v_re, v_im = load(scratch, row), load(scratch, row + 1)
        d_re, d_im = load(scratch, up + row), load(scratch, up + row + 1)
        for i in range(light.by_mode[layer - 1, mode], light.by_mode[layer - 1, mode + 1]):
            child = up + target + 2 * item(light.children, i)
            origin = source + 2 * item(light.origins, i)
            g_re, g_im = load(scratch, child), load(scratch, child + 1)
            b_re, b_im = load(scratch, up + origin), load(scratch, up + origin + 1)
            b_re, b_im = _add_conjugate_product(b_re, b_im, v_re, v_im, g_re, g_im)
            d_re, d_im = _add_conjugate_product(
                d_re, d_im, load(scratch, origin), load(scratch, origin + 1), g_re, g_im
            )
            store(scratch, up + origin, b_re)
            store(scratch, up + origin + 1, b_im)
        store(scratch, up + row, d_re)
        store(scratch, up + row + 1, d_im)


@inner
def _count_back(
    scratch: Any, source: int, target: int, layer: int, light: Any, detection: Any, clicks: bool, up: int
) -> None:
    start = light.layers[layer]
    for state in range(light.layers[layer + 1] - start):
        place = item(detection.clicked, start + state) if clicks else state
        if place >= 0:
            slope = multiply(fill(scratch, 2 * detection.factors[start + state]), load(scratch, up + target + place))
            for row in range(source + 2 * state, source + 2 * state + 2):
                store(scratch, up + row, multiply_add(slope, load(scratch, row), load(scratch, up + row)))


@inner
def _raise_back(
    scratch: Any, source: int, target: int, layer: int, single: int, counts: Any, weight: Any, up: int
) -> None:
    for mode in range(counts.by_mode.shape[1] - 1):
        q, slope = multiply(weight, load(scratch, single + mode)), fill(scratch, 0)
        for i in range(counts.by_mode[layer - 1, mode], counts.by_mode[layer - 1, mode + 1]):
            pulled = load(scratch, up + target + item(counts.children, i))
            origin = source + item(counts.origins, i)
            store(scratch, up + origin, multiply_add(q, pulled, load(scratch, up + origin)))
            slope = multiply_add(load(scratch, origin), pulled, slope)
        row = up + single + mode
        store(scratch, row, multiply_add(weight, slope, load(scratch, row)))


@inner
def _click_back(
    scratch: Any, source: int, target: int, layer: int, single: int, counts: Any, weight: Any, up: int
) -> None:
    below, above = source + counts.layers[layer - 1], source + counts.layers[layer]
    into = up + target + counts.layers[layer]
    for mode in range(counts.by_mode.shape[1] - 1):
        q, slope = multiply(weight, load(scratch, single + mode)), fill(scratch, 0)
        for i in range(counts.by_mode[layer - 1, mode], counts.by_mode[layer - 1, mode + 1]):
            child = item(counts.children, i)
            pulled, origin = load(scratch, into + child), below + item(counts.origins, i)
            turned = multiply(q, pulled)
            store(scratch, up + origin, add(turned, load(scratch, up + origin)))
            store(scratch, up + above + child, add(turned, load(scratch, up + above + child)))
            slope = multiply_add(add(load(scratch, origin), load(scratch, above + child)), pulled, slope)
        row = up + single + mode
        store(scratch, row, multiply_add(weight, slope, load(scratch, row)))
