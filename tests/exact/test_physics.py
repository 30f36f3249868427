"""What physics says, whatever the circuit."""

import numpy as np
import pytest
import torch
from hqdist_exact import ExactBackend
from hqdist_exact._circuit import compiled
from hqdist_exact._mesh import SharedUnitaries

from hqdist import (
    Amplitudes,
    Angle,
    BeamSplitter,
    BeamSplitterConvention,
    ComputationSpace,
    ModeExpectations,
    NumberCorrelators,
    PhaseShifter,
    Probabilities,
    Program,
    Request,
    interferometer,
    parameter,
)
from hqdist.testing.circuits import random_program, random_request

EXACT = ExactBackend()
CONVENTIONS = pytest.mark.parametrize("convention", BeamSplitterConvention)


def values(program, weights=(), inputs=((),)):
    request = Request(
        program=program,
        weights=torch.tensor(weights, dtype=torch.float64),
        inputs=torch.tensor(inputs, dtype=torch.float64).reshape(len(inputs), len(program.inputs)),
    )
    return EXACT.evaluate(request).values.numpy()


@CONVENTIONS
def test_two_photons_leave_a_balanced_beam_splitter_together(convention):
    splitter = BeamSplitter((0, 1), Angle(np.pi / 2), convention)
    np.testing.assert_allclose(values(Program(2, (1, 1), (splitter,)))[0], [0.5, 0.0, 0.5], atol=1e-15)


@CONVENTIONS
def test_the_coincidences_behind_a_beam_splitter_dip(convention):
    # Hong-Ou-Mandel: (T - R)^2 = cos^2 theta
    program = Program(2, (1, 1), (BeamSplitter((0, 1), parameter("x"), convention),), inputs=("x",))
    theta = np.linspace(0, 2 * np.pi, 25)
    np.testing.assert_allclose(values(program, inputs=theta[:, None].tolist())[:, 1], np.cos(theta) ** 2, atol=1e-14)


@CONVENTIONS
def test_one_photon_sees_the_transmittance(convention):
    program = Program(2, (1, 0), (BeamSplitter((0, 1), parameter("w"), convention),), weights=("w",))
    np.testing.assert_allclose(values(program, [0.7])[0], [np.cos(0.35) ** 2, np.sin(0.35) ** 2], atol=1e-15)


def test_a_mach_zehnder_interferometer_is_a_beam_splitter():
    balanced = BeamSplitter((0, 1), Angle(np.pi / 2))
    program = Program(2, (1, 0), (balanced, PhaseShifter(0, parameter("x")), balanced), inputs=("x",))
    x = np.linspace(-3, 3, 11)
    np.testing.assert_allclose(values(program, inputs=x[:, None].tolist())[:, 0], np.sin(x / 2) ** 2, atol=1e-15)


@pytest.mark.parametrize("modes", [1, 2, 5, 20])
def test_meshes_are_unitary(modes):
    elements = interferometer(range(modes), "w")
    names = tuple(f"w{index}" for index in range(modes**2))
    gates = compiled(Program(modes, (1,) + (0,) * (modes - 1), elements, weights=names)).shared
    weights = torch.from_numpy(np.random.default_rng(modes).uniform(-9, 9, modes**2))
    (unitary,) = SharedUnitaries.apply(weights, gates, modes).numpy()
    np.testing.assert_allclose(unitary.conj().T @ unitary, np.eye(modes), atol=1e-13)


@pytest.mark.parametrize("space", ComputationSpace)
@pytest.mark.parametrize("state", [(1, 0, 1, 0), (2, 0, 0, 0, 1, 0), (1, 0, 1, 0, 1, 0)])
def test_photons_are_conserved(state, space):
    if space is ComputationSpace.DUAL_RAIL and len(state) != 2 * sum(state):
        pytest.skip("dual rail takes two modes for each photon")
    program = random_program(np.random.default_rng(1), state, ModeExpectations(space))
    found = EXACT.evaluate(random_request(np.random.default_rng(2), program, 5)).values
    np.testing.assert_allclose(found.sum(dim=1), sum(state), rtol=1e-13)


def test_pairs_of_photons_are_counted():
    # sum_{i<j} <n_i n_j> = (n^2 - sum_i <n_i^2>) / 2
    state = (2, 0, 1, 0)
    pairs = random_program(np.random.default_rng(3), state, NumberCorrelators())
    request = random_request(np.random.default_rng(4), pairs, 3)
    program = random_program(np.random.default_rng(3), state, Probabilities())
    probabilities = EXACT.evaluate(Request(program=program, weights=request.weights, inputs=request.inputs)).values
    squares = torch.from_numpy((program.states.astype(float) ** 2).sum(axis=1))
    found = EXACT.evaluate(request).values.sum(dim=1)
    np.testing.assert_allclose(found, (9 - probabilities @ squares) / 2, rtol=1e-12)


@pytest.mark.parametrize(
    "readout", [Probabilities(), Probabilities(ComputationSpace.UNBUNCHED), ModeExpectations(), NumberCorrelators()]
)
def test_a_global_phase_changes_nothing(readout):
    state, rng = (1, 0, 1, 1), np.random.default_rng(5)
    program = random_program(rng, state, readout)
    request = random_request(rng, program, 2)
    turn = tuple(PhaseShifter(mode, Angle(0.0, (("x0", 3.0), ("w1", 1.0)))) for mode in range(4))
    turned = Program(4, state, turn + program.elements, program.weights, program.inputs, readout)
    both = [
        EXACT.evaluate(Request(program=p, weights=request.weights, inputs=request.inputs)).values
        for p in (program, turned)
    ]
    torch.testing.assert_close(both[0], both[1], rtol=0, atol=1e-14)


def test_a_global_phase_turns_amplitudes_once_for_each_photon():
    state, rng = (2, 0, 1), np.random.default_rng(6)
    program = random_program(rng, state, Amplitudes())
    request = random_request(rng, program, 1)
    turn = tuple(PhaseShifter(mode, Angle(0.4)) for mode in range(3))
    turned = Program(3, state, program.elements + turn, program.weights, program.inputs, Amplitudes())
    both = [
        EXACT.evaluate(Request(program=p, weights=request.weights, inputs=request.inputs)).values
        for p in (program, turned)
    ]
    torch.testing.assert_close(both[0] * np.exp(3 * 0.4j), both[1], rtol=0, atol=1e-14)


def test_phases_before_mixing_and_before_detectors_have_no_effect():
    mixing = interferometer(range(3), "w")
    names = tuple(f"w{index}" for index in range(9))
    first, last = PhaseShifter(0, parameter("x")), PhaseShifter(1, parameter("y"))
    program = Program(3, (1, 1, 0), (first, *mixing, last), names, ("x", "y"))
    found = values(program, np.random.default_rng(7).uniform(0, 6, 9).tolist(), [[0.0, 0.0], [1.0, 2.0]])
    np.testing.assert_allclose(found[0], found[1], atol=1e-14)
