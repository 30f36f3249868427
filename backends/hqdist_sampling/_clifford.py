"""Boson sampling without the distribution: the algorithm of Clifford and Clifford (arXiv:1706.01260, algorithm B).

Photons leave one after the other. Given where k - 1 of them have left, and a random order of the columns, the k-th
leaves at mode i with a probability in proportion to

    |sum_l U[i, l] per(B_l)|^2,

where B holds the rows of the modes taken so far and the first k columns, and B_l is B without column l. The permanents
of all k minors come from one Gray-code walk by Glynn's formula (2010): with v_j = sum_i d_i B[i, j] over signs d,

    per(B_l) = 2^(2 - k) sum_d (prod_i d_i) prod_{j != l} v_j.

A sample of n photons costs O(n 2^n + m n^2), and memory for nothing but itself. Several samples with about as many
photons are drawn side by side, in the lanes of a processor's vectors; what a sample is does not depend on the others.
"""

import numpy as np
from hqdist_exact.jit import inline, kernel
from hqdist_exact.parallel import in_parallel
from numpy.typing import NDArray

#: Samples that are drawn side by side.
_LANES = 8

#: Parts in which samples are given to threads.
_PARTS = 64


def sample_bosons(
    columns: NDArray[np.complex128], photons: NDArray[np.int64], random: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Where indistinguishable photons leave, one sample for each row.

    Args:
        columns: (sources, m), for each source the amplitudes of a photon of its own at every mode.
        photons: (S, P) the source of each photon; -1 where there is none, after all others.
        random: (S, 2 P) uniform numbers in [0, 1).

    Returns:
        (S, m) photons in each mode.
    """
    samples, most = photons.shape
    found = np.zeros((samples, columns.shape[1]), np.int8)
    real, imaginary = np.ascontiguousarray(columns.real), np.ascontiguousarray(columns.imag)
    counts = (photons >= 0).sum(axis=1)
    like_to_like = np.argsort(counts, kind="stable")
    parts = min(_PARTS, -(-samples // _LANES))

    def run(first: int, last: int) -> None:
        _sample(real, imaginary, photons, random, counts, like_to_like, found, first, last, parts)

    work = most * 2 ** max(0, most - 1) + columns.shape[1] * most * most
    in_parallel(run, parts, work * samples // max(1, parts))
    return found


@kernel
def _sample(real, imaginary, photons, random, counts, samples, found, first, last, parts):  # type: ignore[no-untyped-def]
    """Draw every parts-th group of samples from the first to before the last part."""
    modes, most = real.shape[1], photons.shape[1]
    order = np.zeros((most, _LANES), np.int64)
    taken = np.zeros((most, _LANES), np.int64)
    rows = np.zeros((most, most + 1, 2, _LANES))  # of the matrix B, real and imaginary
    sums, left, minors = (
        np.zeros((most + 1, 2, _LANES)),
        np.zeros((most + 1, 2, _LANES)),
        np.zeros((most + 1, 2, _LANES)),
    )
    right = np.zeros((2, _LANES))
    signs = np.zeros(most + 1)
    re, im = np.zeros(modes), np.zeros(modes)
    for part in range(first, last):
        for start in range(part * _LANES, len(samples), parts * _LANES):
            lanes = min(_LANES, len(samples) - start)
            for lane in range(lanes):
                sample = samples[start + lane]
                for place in range(counts[sample]):
                    order[place, lane] = photons[sample, place]
                for place in range(counts[sample] - 1, 0, -1):  # Fisher-Yates
                    other = int(random[sample, place] * (place + 1))
                    order[place, lane], order[other, lane] = order[other, lane], order[place, lane]
            for k in range(counts[samples[start + lanes - 1]]):
                for lane in range(lanes):
                    for row in range(k):
                        rows[row, k, 0, lane] = real[order[k, lane], taken[row, lane]]
                        rows[row, k, 1, lane] = imaginary[order[k, lane], taken[row, lane]]
                    if k > 0:
                        for column in range(k):
                            rows[k - 1, column, 0, lane] = real[order[column, lane], taken[k - 1, lane]]
                            rows[k - 1, column, 1, lane] = imaginary[order[column, lane], taken[k - 1, lane]]
                _minors(rows, k, sums, left, right, minors, signs)
                for lane in range(lanes):
                    sample = samples[start + lane]
                    if k < counts[sample]:
                        mode = _mode(real, imaginary, order, minors, lane, k, random[sample, most + k], re, im)
                        taken[k, lane] = mode
                        found[sample, mode] += 1


@inline
def _mode(real, imaginary, order, minors, lane, k, chance, re, im):  # type: ignore[no-untyped-def]
    """Where the next photon of a sample leaves."""
    modes = real.shape[1]
    re[:], im[:] = 0.0, 0.0
    for column in range(k + 1):
        a, b, source = minors[column, 0, lane], minors[column, 1, lane], order[column, lane]
        for mode in range(modes):
            re[mode] += real[source, mode] * a - imaginary[source, mode] * b
            im[mode] += real[source, mode] * b + imaginary[source, mode] * a
    total = 0.0
    for mode in range(modes):
        total += re[mode] * re[mode] + im[mode] * im[mode]
        re[mode] = total
    mode, threshold = 0, chance * total
    while mode < modes - 1 and re[mode] <= threshold:
        mode += 1
    return mode


@inline
def _minors(rows, k, sums, left, right, minors, signs):  # type: ignore[no-untyped-def]
    """Permanents of the minors of (k, k + 1) matrices, each without one column, up to a factor of all."""
    columns = k + 1
    minors[:columns] = 0.0
    if k == 0:
        minors[0, 0] = 1.0
        return
    sums[:columns] = 0.0
    for row in range(k):
        signs[row] = 1.0
        _add(sums, rows, row, columns, 1.0)
    sign, last = 1.0, 2 ** (k - 1)
    for step in range(1, last + 1):
        _add_products(sums, left, right, minors, columns, sign)
        if step == last:
            break
        row, rest = 1, step  # the sign that the Gray code flips; the first row keeps its own
        while rest % 2 == 0:
            rest //= 2
            row += 1
        signs[row] = -signs[row]
        sign = -sign
        _add(sums, rows, row, columns, 2.0 * signs[row])


@inline
def _add(sums, rows, row, columns, factor):  # type: ignore[no-untyped-def]
    for column in range(columns):
        into, summand = sums[column], rows[row, column]
        for lane in range(_LANES):
            into[0, lane] += factor * summand[0, lane]
            into[1, lane] += factor * summand[1, lane]


@inline
def _add_products(sums, left, right, minors, columns, sign):  # type: ignore[no-untyped-def]
    """Add to each column's minor the product of all sums but its own: of those before it, and of those after it."""
    left[0, 0], left[0, 1] = sign, 0.0
    right[0], right[1] = 1.0, 0.0
    for column in range(columns - 1):
        before, after, factor = left[column], left[column + 1], sums[column]
        for lane in range(_LANES):
            after[0, lane] = before[0, lane] * factor[0, lane] - before[1, lane] * factor[1, lane]
            after[1, lane] = before[0, lane] * factor[1, lane] + before[1, lane] * factor[0, lane]
    for back in range(columns):
        column = columns - 1 - back
        before, factor, minor = left[column], sums[column], minors[column]
        for lane in range(_LANES):
            a, b, c, d = before[0, lane], before[1, lane], right[0, lane], right[1, lane]
            minor[0, lane] += a * c - b * d
            minor[1, lane] += a * d + b * c
            e, f = factor[0, lane], factor[1, lane]
            right[0, lane] = c * e - d * f
            right[1, lane] = c * f + d * e
