"""Perceval's SLOS backend as a reference that shares no code with ours."""

import os
import tempfile
import warnings

import numpy as np
import pytest
import torch
from hqdist_exact import ExactBackend

from hqdist import Amplitudes, ComputationSpace, ModeExpectations, Probabilities, to_perceval
from hqdist.testing.circuits import random_program, random_request

os.environ.setdefault("PCVL_PERSISTENT_PATH", tempfile.mkdtemp(prefix="perceval-"))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Perceval's own imports
    pcvl = pytest.importorskip("perceval", reason="Perceval is not installed (pip install hqdist[perceval])")

STATES = [(1, 1), (0, 2, 0), (1, 0, 1, 0), (2, 1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (1, 0, 1, 0, 1, 0, 1, 0)]
TOLERANCES = [(torch.float32, 1e-6), (torch.float64, 1e-12)]


def perceval_amplitudes(request, row):
    """Amplitudes by Perceval, in the order of the program's states."""
    program = request.program
    numbers = [*request.weights.tolist(), *request.inputs[row].tolist()]
    slos = pcvl.BackendFactory.get_backend("SLOS")
    slos.set_circuit(to_perceval(program, dict(zip(program.weights + program.inputs, numbers, strict=True))))
    slos.set_input_state(pcvl.BasicState(list(program.input_state)))
    return np.array([slos.prob_amplitude(pcvl.BasicState(state.tolist())) for state in program.states])


def case(state, readout, dtype):
    program = random_program(np.random.default_rng([11, *state]), state, readout)
    request = random_request(np.random.default_rng(12), program, 2, dtype)
    found = ExactBackend().evaluate(request).values.numpy()
    return found, np.array([perceval_amplitudes(request, row) for row in range(2)])


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("state", STATES, ids=str)
@pytest.mark.parametrize("space", ComputationSpace)
def test_probabilities(state, space, dtype, tolerance):
    if space is ComputationSpace.DUAL_RAIL and len(state) != 2 * sum(state):
        pytest.skip("dual rail takes two modes for each photon")
    found, amplitudes = case(state, Probabilities(space), dtype)
    expected = np.abs(amplitudes) ** 2
    if space.post_selects:
        expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("state", STATES, ids=str)
def test_amplitudes(state, dtype, tolerance):
    found, expected = case(state, Amplitudes(), dtype)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("state", STATES, ids=str)
def test_mode_expectations(state):
    program = random_program(np.random.default_rng([11, *state]), state, ModeExpectations())
    request = random_request(np.random.default_rng(12), program, 2)
    expected = [np.abs(perceval_amplitudes(request, row)) ** 2 @ program.states for row in range(2)]
    np.testing.assert_allclose(ExactBackend().evaluate(request).values, expected, rtol=0, atol=1e-12)
