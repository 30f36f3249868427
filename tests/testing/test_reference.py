"""The reference that backends are held to, held to definitions."""

import itertools
import math

import numpy as np
import pytest

from hqdist import (
    Amplitudes,
    Angle,
    BeamSplitter,
    ComputationSpace,
    FixedUnitary,
    NumberCorrelators,
    PhaseShifter,
    Probabilities,
    Program,
    parameter,
)
from hqdist.testing import permanent, reference_probabilities, reference_values
from hqdist.testing.circuits import random_program, random_unitary
from hqdist.testing.reference import reference_vjp


@pytest.mark.parametrize("size", range(6))
def test_permanents_are_sums_over_permutations(size):
    rng = np.random.default_rng(size)
    matrices = rng.standard_normal((3, size, size)) + 1j * rng.standard_normal((3, size, size))
    rows = range(size)
    expected = [
        sum(math.prod(matrix[i, p[i]] for i in rows) for p in itertools.permutations(rows)) for matrix in matrices
    ]
    np.testing.assert_allclose(permanent(matrices), expected, rtol=1e-12)


def test_the_permanent_of_ones_is_a_factorial():
    assert permanent(np.ones((8, 8))) == pytest.approx(math.factorial(8))


@pytest.mark.parametrize("state", [(1, 0, 1, 0), (0, 3, 1), (2, 2)])
def test_fock_probabilities_sum_to_one(state):
    mixing = FixedUnitary(tuple(range(len(state))), random_unitary(np.random.default_rng(1), len(state)))
    assert reference_probabilities(Program(len(state), state, (mixing,)), {}).sum() == pytest.approx(1, abs=1e-12)


def test_one_photon_leaves_by_the_column_it_enters():
    unitary = random_unitary(np.random.default_rng(2), 3)
    program = Program(3, (0, 1, 0), (FixedUnitary((0, 1, 2), unitary),), readout=Amplitudes())
    np.testing.assert_allclose(reference_values(program, [], np.zeros((1, 0)))[0], unitary[:, 1], atol=1e-15)


def test_correlators_are_averages_of_products():
    program = random_program(np.random.default_rng(3), (1, 0, 2), NumberCorrelators(ComputationSpace.FOCK), features=0)
    weights = np.arange(4.0)
    probabilities = reference_probabilities(program, dict(zip(program.weights, weights, strict=True)))
    expected = [(program.states[:, i] * program.states[:, j]) @ probabilities for i, j in [(0, 1), (0, 2), (1, 2)]]
    np.testing.assert_allclose(reference_values(program, weights, np.zeros((1, 0)))[0], expected, rtol=1e-12)


def test_differences_give_the_derivative_of_an_interferometer():
    # a photon through a Mach-Zehnder interferometer: p = sin^2(x / 2), so dp / dx = sin(x) / 2
    balanced = BeamSplitter((0, 1), Angle(np.pi / 2))
    program = Program(2, (1, 0), (balanced, PhaseShifter(0, parameter("x")), balanced), inputs=("x",))
    x = np.array([[0.3], [2.0]])
    _, by_inputs = reference_vjp(program, [], x, np.array([[1.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_allclose(by_inputs, np.sin(x) / 2, rtol=1e-10)


@pytest.mark.parametrize("space", [ComputationSpace.UNBUNCHED, ComputationSpace.DUAL_RAIL])
def test_post_selected_values_are_renormalised(space):
    program = random_program(np.random.default_rng(4), (1, 0, 1, 0), Probabilities(space))
    values = reference_values(program, np.ones(4), np.ones((2, 2)))
    np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-12)
