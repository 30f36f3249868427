"""What a program gives, from permanents: slow, and independent of every backend."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hqdist.program import Amplitudes, Program, circuit_unitary, observable

Numbers = torch.Tensor | ArrayLike


def as_array(numbers: Numbers) -> NDArray[Any]:
    """Numbers as a NumPy array, wherever they are."""
    return numbers.detach().cpu().numpy() if isinstance(numbers, torch.Tensor) else np.asarray(numbers)


def permanent(matrices: ArrayLike) -> NDArray[np.complex128]:
    """Permanents of square matrices, (..., n, n) to (...), by Glynn's formula.

    ``perm A = 2^(1-n) sum_d (prod_k d_k) prod_i sum_j d_j A_ij`` over d in {1, -1}^n with d_1 = 1 (Glynn 2010).
    """
    stack = np.asarray(matrices, dtype=np.complex128)
    size = stack.shape[-1]
    if size == 0:
        return np.ones(stack.shape[:-2], dtype=np.complex128)
    choices = np.arange(2 ** (size - 1))
    signs = np.ones((size, len(choices)))
    signs[1:] = 1 - 2 * ((choices >> np.arange(size - 1)[:, None]) & 1)
    terms = (stack @ signs).prod(axis=-2) * signs.prod(axis=0)
    total: NDArray[np.complex128] = terms.sum(axis=-1) / len(choices)
    return total


def reference_amplitudes(program: Program, values: dict[str, float]) -> NDArray[np.complex128]:
    """Amplitudes of the states of the program's space, (D,), not renormalised.

    The amplitude of state s from input t is ``perm(U[s, t]) / sqrt(prod s! prod t!)``.
    """
    unitary, states = circuit_unitary(program, values), program.states
    entering = np.repeat(np.arange(program.modes), program.input_state)
    leaving = np.array([np.repeat(np.arange(program.modes), state) for state in states], dtype=np.intp)
    leaving = leaving.reshape(len(states), program.photons)
    factorials = np.array([math.factorial(count) for count in range(program.photons + 1)], dtype=np.float64)
    weights = factorials[states].prod(axis=1) * factorials[list(program.input_state)].prod()
    submatrices = unitary[leaving[:, :, None], entering[None, None, :]]
    amplitudes: NDArray[np.complex128] = permanent(submatrices) / np.sqrt(weights)
    return amplitudes


def reference_probabilities(program: Program, values: dict[str, float]) -> NDArray[np.float64]:
    """Probabilities of the states of the program's space, (D,), not renormalised."""
    squared: NDArray[np.float64] = np.abs(reference_amplitudes(program, values)) ** 2
    return squared


def reference_values(program: Program, weights: Numbers, inputs: Numbers) -> NDArray[Any]:
    """The values of a program's readout in float64, (B, R), for weights (T,) and inputs (B, F)."""
    rows = as_array(inputs).astype(np.float64)
    shared = dict(zip(program.weights, as_array(weights).tolist(), strict=True))
    values = [_values(program, shared | dict(zip(program.inputs, row, strict=True))) for row in rows]
    dtype = np.complex128 if program.complex_valued else np.float64
    return np.array(values, dtype=dtype).reshape(len(rows), program.outputs)


def acceptance(program: Program, weights: Numbers, inputs: Numbers) -> NDArray[np.float64]:
    """The total probability of the program's space in each sample, (B,)."""
    shared = dict(zip(program.weights, as_array(weights).tolist(), strict=True))
    totals = [
        reference_probabilities(program, shared | dict(zip(program.inputs, row, strict=True))).sum()
        for row in as_array(inputs).astype(np.float64)
    ]
    return np.array(totals, dtype=np.float64)


def reference_vjp(
    program: Program,
    weights: Numbers,
    inputs: Numbers,
    cotangent: Numbers,
    values: Callable[[Program, Numbers, Numbers], NDArray[Any]] = reference_values,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Derivatives of ``Re sum(conj(cotangent) * values)`` by weights (T,) and inputs (B, F), by central differences.

    Five points, step 2e-3: the error is about 1e-11 of the derivative. The values are those of `values`.
    """
    shared, rows = as_array(weights).astype(np.float64), as_array(inputs).astype(np.float64)
    pulled = as_array(cotangent).conj()
    by_weights, by_inputs = np.zeros_like(shared), np.zeros_like(rows)
    for column in range(len(shared)):
        step = np.zeros_like(shared)
        step[column] = 1.0
        slope = _difference(lambda h, step=step: values(program, shared + h * step, rows))
        by_weights[column] = (pulled * slope).sum().real
    for column in range(rows.shape[1]):
        step = np.zeros_like(rows)
        step[:, column] = 1.0
        slope = _difference(lambda h, step=step: values(program, shared, rows + h * step))
        by_inputs[:, column] = (pulled * slope).sum(axis=1).real
    return by_weights, by_inputs


def _difference(values: Any, h: float = 2e-3) -> NDArray[Any]:
    slope: NDArray[Any] = (8 * (values(h) - values(-h)) - (values(2 * h) - values(-2 * h))) / (12 * h)
    return slope


def _values(program: Program, values: dict[str, float]) -> NDArray[Any]:
    amplitudes = reference_amplitudes(program, values)
    probabilities = np.abs(amplitudes) ** 2
    accepted = probabilities.sum() if program.readout.space.post_selects else 1.0
    if isinstance(program.readout, Amplitudes):
        return amplitudes / math.sqrt(accepted)
    averages: NDArray[np.float64] = observable(program.readout, program.states) @ probabilities / accepted
    return averages
