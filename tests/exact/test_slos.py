"""The kernels against permanents summed over all permutations, and their derivatives against differences."""

import itertools
import math
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hqdist_exact._slos import (
    amplitudes,
    amplitudes_backward,
    probabilities,
    probabilities_backward,
)
from hqdist_exact._tables import slos_tables
from hqdist_exact._vector import LANES

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-6}
CASES = [
    # modes, space, input occupations
    (1, "fock", (1,)),
    (1, "fock", (3,)),
    (4, "fock", (0, 0, 1, 0)),
    (3, "fock", (2, 1, 0)),
    (5, "fock", (1, 0, 1, 0, 1)),
    (4, "fock", (0, 2, 0, 2)),
    (9, "fock", (1, 1, 0, 1, 0, 0, 0, 0, 0)),
    (5, "unbunched", (1, 1, 1, 0, 0)),
    (4, "unbunched", (2, 1, 0, 0)),
    (4, "unbunched", (1, 1, 1, 1)),
    (2, "dual_rail", (1, 0)),
    (6, "dual_rail", (1, 0, 1, 0, 1, 0)),
    (8, "dual_rail", (0, 2, 0, 1, 1, 0, 0, 0)),
]
BY_NAME = pytest.mark.parametrize(("modes", "space", "occupations"), CASES, ids=[f"{c[1]}-{c[2]}" for c in CASES])
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def unitaries(modes, samples, seed=0):
    rng = np.random.default_rng(seed)
    matrices = rng.standard_normal((2, samples, modes, modes))
    return np.linalg.qr(matrices[0] + 1j * matrices[1])[0]


def columns(occupations):
    """The input mode of each photon."""
    return [mode for mode, photons in enumerate(occupations) for _ in range(photons)]


def factorials(occupations):
    return math.prod(map(math.factorial, occupations))


def tiled(amplitude_columns, dtype, padding=0.0):
    """(B, m, n) complex to (tiles, n, m, 2, L), with `padding` in the lanes without a sample."""
    lanes = LANES[np.dtype(dtype)]
    samples, modes, photons = amplitude_columns.shape
    flat = np.full((-(-samples // lanes) * lanes, photons, modes, 2), padding, dtype)
    flat[:samples, ..., 0] = amplitude_columns.real.swapaxes(1, 2)
    flat[:samples, ..., 1] = amplitude_columns.imag.swapaxes(1, 2)
    return np.ascontiguousarray(flat.reshape(-1, lanes, photons, modes, 2).transpose(0, 2, 3, 4, 1))


def untiled(V, samples):
    """The inverse of `tiled`."""
    flat = V.transpose(0, 4, 1, 2, 3).reshape(-1, *V.shape[1:4])[:samples]
    return (flat[..., 0] + 1j * flat[..., 1]).swapaxes(1, 2)


def prepared(occupations, space, dtype, samples, seed=0):
    modes = len(occupations)
    unitary = unitaries(modes, samples, seed)
    tables = slos_tables(modes, sum(occupations), space)
    return tiled(unitary[:, :, columns(occupations)], dtype), tables, factorials(occupations), unitary


def brute_force_amplitudes(unitary, occupations, states):
    """perm(U[s, t]) / sqrt(prod s! prod t!), the permanent as a sum over permutations."""
    into = columns(occupations)
    result = np.empty((len(unitary), len(states)), complex)
    for i, state in enumerate(states):
        matrix = unitary[:, columns(state)][:, :, into]
        permanent = sum(
            math.prod([matrix[:, row, column] for row, column in enumerate(permutation)], start=1.0)
            for permutation in itertools.permutations(range(len(into)))
        )
        result[:, i] = permanent / math.sqrt(factorials(state) * factorials(occupations))
    return result


def directional_derivative(function, V, direction, step=1e-5):
    return (function(V + step * direction) - function(V - step * direction)) / (2 * step)


@DTYPES
@BY_NAME
def test_amplitudes_are_permanents(modes, space, occupations, dtype):
    samples = 19
    V, tables, input_factor, unitary = prepared(occupations, space, dtype, samples)
    real, imaginary = amplitudes(V, tables, input_factor, samples)
    assert real.shape == imaginary.shape == (samples, tables.size)
    assert real.dtype == imaginary.dtype == dtype
    expected = brute_force_amplitudes(unitary, occupations, tables.states)
    assert np.abs(real + 1j * imaginary - expected).max() < TOLERANCE[dtype]


@DTYPES
@BY_NAME
def test_probabilities_are_squared_permanents(modes, space, occupations, dtype):
    samples = 19
    V, tables, input_factor, unitary = prepared(occupations, space, dtype, samples)
    out, acceptance = probabilities(V, tables, input_factor, None, tables.size, samples)
    assert out.shape == (samples, tables.size)
    assert out.dtype == acceptance.dtype == dtype
    expected = np.abs(brute_force_amplitudes(unitary, occupations, tables.states)) ** 2
    assert np.abs(out - expected).max() < TOLERANCE[dtype]
    assert np.abs(acceptance - expected.sum(axis=1)).max() < TOLERANCE[dtype]


@DTYPES
@pytest.mark.parametrize(("modes", "photons"), [(8, 4), (10, 5), (20, 3), (2, 20)])
def test_probabilities_of_the_whole_fock_space_sum_to_one(modes, photons, dtype):
    occupations = (1,) * photons + (0,) * (modes - photons) if modes > 2 else (photons // 2, photons // 2)
    V, tables, input_factor, _ = prepared(occupations, "fock", dtype, 5)
    out, acceptance = probabilities(V, tables, input_factor, None, tables.size, 5)
    assert np.abs(out.sum(axis=1) - 1).max() < 10 * TOLERANCE[dtype]
    assert np.abs(acceptance - 1).max() < 10 * TOLERANCE[dtype]


@pytest.mark.parametrize("space", ["unbunched", "dual_rail"])
def test_restricted_spaces_hold_the_same_amplitudes(space):
    occupations, samples = (1, 0, 1, 0, 1, 0, 1, 0, 1, 0), 9
    V, full, input_factor, _ = prepared(occupations, "fock", np.float64, samples)
    tables = slos_tables(10, 5, space)
    place = {tuple(state): i for i, state in enumerate(full.states.tolist())}
    kept = [place[tuple(state)] for state in tables.states.tolist()]
    for whole, part in zip(
        amplitudes(V, full, input_factor, samples), amplitudes(V, tables, input_factor, samples), strict=True
    ):
        assert np.abs(whole[:, kept] - part).max() < 1e-14


@pytest.mark.parametrize("groups", [1, 2, 15, 16, 37, 330])
def test_grouping_sums_states(groups):
    V, tables, input_factor, _ = prepared((1, 1, 1, 1, 0, 0, 0, 0), "fock", np.float64, 11)
    group = np.random.default_rng(groups).integers(0, groups, tables.size).astype(np.int32)
    each, _ = probabilities(V, tables, input_factor, None, tables.size, 11)
    out, acceptance = probabilities(V, tables, input_factor, group, groups, 11)
    expected = each @ (group[:, None] == np.arange(groups))
    assert out.shape == (11, groups)
    assert np.abs(out - expected).max() < 1e-14
    assert np.abs(acceptance - 1).max() < 1e-13


@BY_NAME
@pytest.mark.parametrize("grouped", [False, True])
def test_gradient_of_probabilities(modes, space, occupations, grouped):
    samples = 11
    V, tables, input_factor, _ = prepared(occupations, space, np.float64, samples)
    rng = np.random.default_rng(1)
    groups = 3 if grouped else tables.size
    group = rng.integers(0, groups, tables.size).astype(np.int32) if grouped else None
    grad_out = rng.standard_normal((samples, groups))

    def loss(V):
        return (probabilities(V, tables, input_factor, group, groups, samples)[0] * grad_out).sum()

    grad_V = probabilities_backward(V, tables, input_factor, group, grad_out)
    direction = rng.standard_normal(V.shape)
    assert (grad_V * direction).sum() == pytest.approx(directional_derivative(loss, V, direction), rel=1e-6, abs=1e-7)


@BY_NAME
def test_gradient_of_amplitudes(modes, space, occupations):
    samples = 11
    V, tables, input_factor, _ = prepared(occupations, space, np.float64, samples)
    rng = np.random.default_rng(1)
    grad_re, grad_im = rng.standard_normal((2, samples, tables.size))

    def loss(V):
        real, imaginary = amplitudes(V, tables, input_factor, samples)
        return (real * grad_re + imaginary * grad_im).sum()

    grad_V = amplitudes_backward(V, tables, input_factor, grad_re, grad_im)
    direction = rng.standard_normal(V.shape)
    assert (grad_V * direction).sum() == pytest.approx(directional_derivative(loss, V, direction), rel=1e-6, abs=1e-7)


def test_gradient_with_respect_to_each_number():
    occupations, samples = (2, 0, 1, 0, 0), 3
    V, tables, input_factor, _ = prepared(occupations, "fock", np.float64, samples)
    grad_out = np.random.default_rng(2).standard_normal((samples, tables.size))
    grad_V = probabilities_backward(V, tables, input_factor, None, grad_out)

    def losses(V):
        return (probabilities(V, tables, input_factor, None, tables.size, samples)[0] * grad_out).sum(axis=1)

    for photon, mode, plane in itertools.product(*map(range, V.shape[1:4])):
        direction = np.zeros_like(V)
        direction[:, photon, mode, plane] = 1
        expected = directional_derivative(losses, V, direction)
        assert np.abs(grad_V[0, photon, mode, plane, :samples] - expected).max() < 1e-9


def test_gradient_in_single_precision_agrees_with_double():
    grad_out = np.random.default_rng(3).standard_normal((21, slos_tables(8, 4, "fock").size))
    gradients = []
    for dtype in (np.float64, np.float32):
        V, tables, input_factor, _ = prepared((1, 1, 1, 1, 0, 0, 0, 0), "fock", dtype, 21)
        grad_V = probabilities_backward(V, tables, input_factor, None, grad_out.astype(dtype))
        gradients.append(untiled(grad_V, 21))
    assert np.abs(gradients[0] - gradients[1]).max() < 1e-5


@DTYPES
def test_strided_gradients_are_accepted(dtype):
    V, tables, input_factor, _ = prepared((1, 1, 0, 1), "fock", dtype, 20)
    grad_out = np.random.default_rng(4).standard_normal((tables.size, 20)).astype(dtype)
    expected = probabilities_backward(V, tables, input_factor, None, np.ascontiguousarray(grad_out.T))
    assert np.array_equal(probabilities_backward(V, tables, input_factor, None, grad_out.T), expected)


@DTYPES
def test_vacuum_has_amplitude_one(dtype):
    tables = slos_tables(4, 0, "fock")
    V = np.zeros((-(-9 // LANES[np.dtype(dtype)]), 0, 4, 2, LANES[np.dtype(dtype)]), dtype)
    out, acceptance = probabilities(V, tables, 1, None, 1, 9)
    real, imaginary = amplitudes(V, tables, 1, 9)
    assert np.array_equal(out, np.ones((9, 1)))
    assert np.array_equal(acceptance, np.ones(9))
    assert np.array_equal(real, np.ones((9, 1)))
    assert np.array_equal(imaginary, np.zeros((9, 1)))
    assert probabilities_backward(V, tables, 1, None, out).shape == V.shape
    assert amplitudes_backward(V, tables, 1, real, imaginary).shape == V.shape


@DTYPES
def test_a_batch_of_none(dtype):
    V, tables, input_factor, _ = prepared((1, 1, 0), "fock", dtype, 0)
    out, acceptance = probabilities(V, tables, input_factor, None, tables.size, 0)
    real, imaginary = amplitudes(V, tables, input_factor, 0)
    assert out.shape == real.shape == imaginary.shape == (0, 6)
    assert acceptance.shape == (0,)
    assert probabilities_backward(V, tables, input_factor, None, out).shape == V.shape
    assert amplitudes_backward(V, tables, input_factor, real, imaginary).shape == V.shape


@DTYPES
@pytest.mark.parametrize("samples", [1, 7, 8, 9, 16, 17])
def test_padding_never_leaks(samples, dtype):
    _, tables, input_factor, unitary = prepared((1, 1, 1, 0, 0), "fock", dtype, samples)
    grad_out = np.random.default_rng(5).standard_normal((samples, tables.size)).astype(dtype)
    results = []
    for padding in (0.0, 1e6):
        V = tiled(unitary[:, :, [0, 1, 2]], dtype, padding)
        out, acceptance = probabilities(V, tables, input_factor, None, tables.size, samples)
        grad_V = probabilities_backward(V, tables, input_factor, None, grad_out)
        results.append((out, acceptance, grad_V))
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)
    beyond = results[0][2].transpose(0, 4, 1, 2, 3).reshape(-1, 3, 5, 2)[samples:]
    assert not beyond.any()


def test_arrays_that_do_not_fit_are_refused():
    V, tables, input_factor, _ = prepared((1, 1, 0), "fock", np.float64, 9)
    grad_out = np.zeros((9, tables.size))
    group = np.zeros(tables.size, np.int32)
    with pytest.raises(ValueError, match="for 17 samples"):
        probabilities(V, tables, input_factor, None, tables.size, 17)
    with pytest.raises(ValueError, match="float32 or float64"):
        probabilities(V.astype(np.float16), tables, input_factor, None, tables.size, 9)
    with pytest.raises(ValueError, match="6 outputs, not 5"):
        probabilities(V, tables, input_factor, None, 5, 9)
    with pytest.raises(ValueError, match="group must be int32"):
        probabilities(V, tables, input_factor, group[:-1], 1, 9)
    with pytest.raises(ValueError, match="group must be int32"):
        probabilities(V, tables, input_factor, group.astype(np.int64), 1, 9)
    with pytest.raises(ValueError, match="must be float64 like V"):
        probabilities_backward(V, tables, input_factor, None, grad_out.astype(np.float32))
    with pytest.raises(ValueError, match="6 outputs, not 3"):
        amplitudes_backward(V, tables, input_factor, grad_out, grad_out[:, :3])


def everything(V, tables, input_factor, samples):
    """All that the kernels compute about the samples, one row per sample."""
    grad_out = np.linspace(-1, 1, tables.size, dtype=V.dtype) * np.ones((samples, 1), V.dtype)
    out, acceptance = probabilities(V, tables, input_factor, None, tables.size, samples)
    group = (np.arange(tables.size) % 7).astype(np.int32)
    grouped, _ = probabilities(V, tables, input_factor, group, 7, samples)
    real, imaginary = amplitudes(V, tables, input_factor, samples)
    grads = [
        untiled(probabilities_backward(V, tables, input_factor, None, grad_out), samples).reshape(samples, -1),
        untiled(probabilities_backward(V, tables, input_factor, group, grad_out[:, :7]), samples).reshape(samples, -1),
        untiled(amplitudes_backward(V, tables, input_factor, grad_out, -grad_out), samples).reshape(samples, -1),
    ]
    return np.concatenate([out, acceptance[:, None], grouped, real, imaginary, *grads], axis=1)


@DTYPES
@pytest.mark.parametrize("space", ["fock", "unbunched", "dual_rail"])
def test_a_sample_is_the_same_wherever_it_sits(space, dtype):
    occupations, samples = (1, 0, 1, 0, 1, 0, 1, 0), 40
    _, tables, input_factor, unitary = prepared(occupations, space, dtype, samples)
    into = unitary[:, :, columns(occupations)]
    expected = everything(tiled(into, dtype), tables, input_factor, samples)
    for first, last in ((0, 1), (3, 20), (5, 40), (39, 40)):
        part = everything(tiled(into[first:last], dtype), tables, input_factor, last - first)
        assert np.array_equal(part, expected[first:last])


@pytest.fixture
def torch_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@DTYPES
def test_the_number_of_threads_changes_nothing(dtype, torch_threads):
    V, tables, input_factor, _ = prepared((1, 1, 1, 1, 0, 0, 0, 0), "fock", dtype, 1000)
    results = []
    for threads in (1, 2, 3, 8):
        torch_threads(threads)
        results.append(everything(V, tables, input_factor, 1000))
    assert all(np.array_equal(result, results[0]) for result in results)


def test_several_python_threads_at_once(torch_threads):
    torch_threads(2)
    V, tables, input_factor, _ = prepared((1, 1, 1, 1, 0, 0, 0, 0), "fock", np.float32, 500)
    expected = everything(V, tables, input_factor, 500)
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: everything(V, tables, input_factor, 500), range(18)))
    assert all(np.array_equal(result, expected) for result in results)


def _matches_in_child(queue, arguments, expected):
    queue.put(np.array_equal(everything(*arguments), expected))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_its_own_threads(torch_threads):
    torch_threads(2)
    V, tables, input_factor, _ = prepared((1, 1, 1, 1, 0, 0, 0, 0), "fock", np.float32, 500)
    expected = everything(V, tables, input_factor, 500)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_matches_in_child, args=(queue, (V, tables, input_factor, 500), expected))
    child.start()
    assert queue.get(timeout=60)
    child.join()
