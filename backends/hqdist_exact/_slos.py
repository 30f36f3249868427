"""SLOS on the CPU: amplitudes and probabilities of all outputs of an interferometer, and derivatives.

With V[k, j] the amplitude of photon k to reach mode j, e_j one photon in mode j and A_0 = 1 for the vacuum,

    A_k[s] = sum_j V[k, j] A_{k-1}[s - e_j],      amplitude(s) = A_n[s] sqrt(prod s! / prod t!),

and, for a real loss l with G_k = dl/dRe A_k + i dl/dIm A_k,

    G_{k-1}[s] = sum_j conj(V[k, j]) G_k[s + e_j],      dV[k, j] = sum_s conj(A_{k-1}[s]) G_k[s + e_j].

A tile of L samples (16 of float32, 8 of float64: 64 bytes) goes through all layers on one thread, one
sample per SIMD lane, so that its layers stay in that core's cache. A backward pass starts from V again and
recomputes the layers: memory does not grow with the batch. Tiles share nothing and a lane never mixes with
another, so a sample's result depends neither on the batch around it nor on the number of threads.
"""

import numpy as np
from numpy.typing import NDArray

from hqdist_exact import _kernels
from hqdist_exact._scratch import scratch_layout
from hqdist_exact._tables import SlosTables
from hqdist_exact._vector import LANES
from hqdist_exact.parallel import run_tiles

Floats = NDArray[np.float32] | NDArray[np.float64]

_UNGROUPED = np.empty(0, np.int32)


def probabilities(
    V: Floats, tables: SlosTables, input_factor: float, group: NDArray[np.int32] | None, R: int, B: int
) -> tuple[Floats, Floats]:
    """Probabilities |amplitude|^2 of the output states, or of groups of them.

    Args:
        V: (tiles, n, m, 2, L) columns of the unitary, one per photon: real and imaginary plane, samples
            last. Lanes beyond the last sample hold any finite numbers.
        tables: the basis and its recursion.
        input_factor: product of the factorials of the input state's occupations.
        group: (D,) the group, 0 to R - 1, of each state; None for one group per state. The numbers are not
            checked here.
        R: number of groups; D without grouping.
        B: number of samples.

    Returns:
        (B, R) probabilities, not renormalised, and (B,) their sum over the basis: 1 in the whole Fock space,
        the probability of acceptance in a restricted one.

    Raises:
        ValueError: the arrays do not fit the tables or one another.
    """
    _check(V, tables, group, (B, R))
    out, acceptance = np.empty((B, R), V.dtype), np.empty((B, 1), V.dtype)
    if tables.photons == 0:
        out.fill(1)
        acceptance.fill(1)
    else:
        layout = scratch_layout(tables.modes, tables.layer_sizes, 0 if group is None else R, gradients=False)
        weights = (tables.factor, 1 / input_factor, _UNGROUPED if group is None else group)
        run_tiles(
            _kernels.probabilities,
            V,
            layout,
            tables.multiply_adds,
            (tables.recursion, *weights, out, acceptance),
        )
    return out, acceptance[:, 0]


def probabilities_backward(
    V: Floats, tables: SlosTables, input_factor: float, group: NDArray[np.int32] | None, grad_out: Floats
) -> Floats:
    """Gradient of a loss with respect to V, from that with respect to the probabilities.

    Args:
        V: (tiles, n, m, 2, L) as in `probabilities`.
        tables: the basis and its recursion.
        input_factor: product of the factorials of the input state's occupations.
        group: (D,) the group of each state, or None.
        grad_out: (B, R) dl/dp. A derivative with respect to the acceptance, which is the sum of a row, is
            added to every entry of the row.

    Returns:
        (tiles, n, m, 2, L) with dl/dRe V and dl/dIm V in the two planes; zero in lanes without a sample.

    Raises:
        ValueError: the arrays do not fit the tables or one another.
    """
    _check(V, tables, group, grad_out.shape, grad_out)
    grad_V = np.empty(V.shape, V.dtype)
    if tables.photons:
        groups = 0 if group is None else grad_out.shape[1]
        layout = scratch_layout(tables.modes, tables.layer_sizes, groups, gradients=True)
        weights = (tables.factor, 1 / input_factor, _UNGROUPED if group is None else group)
        outputs = (np.ascontiguousarray(grad_out), grad_V.reshape(-1))
        run_tiles(
            _kernels.probabilities_backward,
            V,
            layout,
            tables.multiply_adds,
            (tables.recursion, *weights, *outputs),
        )
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

    Raises:
        ValueError: V does not fit the tables or the number of samples.
    """
    _check(V, tables, None, (B, tables.size))
    real, imaginary = np.empty((B, tables.size), V.dtype), np.empty((B, tables.size), V.dtype)
    if tables.photons == 0:
        real.fill(1)
        imaginary.fill(0)
    else:
        layout = scratch_layout(tables.modes, tables.layer_sizes, 0, gradients=False)
        weights = (tables.root_factor, input_factor**-0.5)
        run_tiles(
            _kernels.amplitudes,
            V,
            layout,
            tables.multiply_adds,
            (tables.recursion, *weights, real, imaginary),
        )
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

    Raises:
        ValueError: the arrays do not fit the tables or one another.
    """
    _check(V, tables, None, grad_re.shape, grad_re)
    _check(V, tables, None, grad_im.shape, grad_im)
    grad_V = np.empty(V.shape, V.dtype)
    if tables.photons:
        layout = scratch_layout(tables.modes, tables.layer_sizes, 0, gradients=True)
        weights = (tables.root_factor, input_factor**-0.5)
        gradients = (np.ascontiguousarray(grad_re), np.ascontiguousarray(grad_im), grad_V.reshape(-1))
        run_tiles(
            _kernels.amplitudes_backward,
            V,
            layout,
            tables.multiply_adds,
            (tables.recursion, *weights, *gradients),
        )
    return grad_V


def _check(
    V: Floats,
    tables: SlosTables,
    group: NDArray[np.int32] | None,
    shape: tuple[int, ...],
    gradient: Floats | None = None,
) -> None:
    """Refuses what a kernel would read or write past the end of; kernels do not look."""
    lanes = LANES.get(V.dtype)
    if lanes is None:
        raise ValueError(f"V must be float32 or float64, not {V.dtype}")
    samples, groups = shape
    expected = (-(-samples // lanes), tables.photons, tables.modes, 2, lanes)
    if V.shape != expected:
        raise ValueError(f"V must have shape {expected} for {samples} samples, not {V.shape}")
    if group is None and groups != tables.size:
        raise ValueError(f"without grouping there are {tables.size} outputs, not {groups}")
    if group is not None and (group.shape != (tables.size,) or group.dtype != np.int32):
        raise ValueError(f"group must be int32 of shape ({tables.size},), not {group.dtype} {group.shape}")
    if gradient is not None and gradient.dtype != V.dtype:
        raise ValueError(f"the gradient must be {V.dtype} like V, not {gradient.dtype}")
