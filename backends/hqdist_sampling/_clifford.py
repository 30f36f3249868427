"""Boson sampling without the distribution: the algorithm of Clifford and Clifford (arXiv:1706.01260, algorithm B).

Photons leave one after the other. Given where k - 1 of them have left, and a random order of the columns, the k-th
leaves at mode i with a probability in proportion to

    |sum_l U[i, l] per(B_l)|^2,

where B holds the rows of the modes taken so far and the first k columns, and B_l is B without column l. The permanents
of all k minors come from one Gray-code walk by Glynn's formula (2010): with v_j = sum_i d_i B[i, j] over signs d,

    per(B_l) = 2^(2 - k) sum_d (prod_i d_i) prod_{j != l} v_j.

A sample of n photons costs O(n 2^n + m n^2), and memory for nothing but itself.
"""

import numpy as np
from hqdist_exact.jit import inner, kernel
from hqdist_exact.parallel import in_parallel
from numpy.typing import NDArray


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
    work = most * (2 ** max(0, most - 1)) + columns.shape[1] * most * most

    def run(first: int, last: int) -> None:
        _sample(real, imaginary, photons, random, found, first, last)

    in_parallel(run, samples, work)
    return found


@kernel
def _sample(real, imaginary, photons, random, found, first, last):  # type: ignore[no-untyped-def]
    modes, most = real.shape[1], photons.shape[1]
    order = np.empty(most, np.int64)
    taken = np.empty(most, np.int64)
    minor_re, minor_im = np.empty(most), np.empty(most)
    work = np.empty((6, most + 1))
    signs = np.empty(most)
    weights = np.empty(modes)
    for sample in range(first, last):
        count = 0
        while count < most and photons[sample, count] >= 0:
            order[count] = photons[sample, count]
            count += 1
        for place in range(count - 1, 0, -1):  # Fisher-Yates
            other = int(random[sample, place] * (place + 1))
            order[place], order[other] = order[other], order[place]
        for k in range(count):
            _minors(real, imaginary, order, taken, k, minor_re, minor_im, work, signs)
            total = 0.0
            for mode in range(modes):
                re, im = 0.0, 0.0
                for column in range(k + 1):
                    a, b = real[order[column], mode], imaginary[order[column], mode]
                    re += a * minor_re[column] - b * minor_im[column]
                    im += a * minor_im[column] + b * minor_re[column]
                total += re * re + im * im
                weights[mode] = total
            threshold = random[sample, most + k] * total
            mode = 0
            while mode < modes - 1 and weights[mode] <= threshold:
                mode += 1
            taken[k] = mode
            found[sample, mode] += 1


@inner
def _minors(real, imaginary, order, taken, rows, minor_re, minor_im, work, signs):  # type: ignore[no-untyped-def]
    """Permanents of the minors of a (rows, rows + 1) matrix, each without one column, up to a factor of all."""
    columns = rows + 1
    v_re, v_im, left_re, left_im = work[0], work[1], work[2], work[3]
    for column in range(columns):
        minor_re[column], minor_im[column] = 0.0, 0.0
        v_re[column], v_im[column] = 0.0, 0.0
        for row in range(rows):
            v_re[column] += real[order[column], taken[row]]
            v_im[column] += imaginary[order[column], taken[row]]
    for row in range(rows):
        signs[row] = 1.0
    if rows == 0:
        minor_re[0] = 1.0
        return
    sign = 1.0
    for step in range(1, 2 ** (rows - 1) + 1):
        # products of all v before a column, then of all after it
        left_re[0], left_im[0] = sign, 0.0
        for column in range(columns - 1):
            a, b, c, d = left_re[column], left_im[column], v_re[column], v_im[column]
            left_re[column + 1], left_im[column + 1] = a * c - b * d, a * d + b * c
        right_re, right_im = 1.0, 0.0
        for column in range(columns - 1, -1, -1):
            a, b = left_re[column], left_im[column]
            minor_re[column] += a * right_re - b * right_im
            minor_im[column] += a * right_im + b * right_re
            c, d = v_re[column], v_im[column]
            right_re, right_im = right_re * c - right_im * d, right_re * d + right_im * c
        if step == 2 ** (rows - 1):
            break
        row, rest = 1, step  # the bit that the Gray code flips; the first row keeps its sign
        while rest % 2 == 0:
            rest //= 2
            row += 1
        signs[row] = -signs[row]
        sign = -sign
        change = 2.0 * signs[row]
        for column in range(columns):
            v_re[column] += change * real[order[column], taken[row]]
            v_im[column] += change * imaginary[order[column], taken[row]]
