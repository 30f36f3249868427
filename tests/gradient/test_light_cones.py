"""How fast probabilities vary with an angle: never faster than the light cones say, and often just as fast."""

from dataclasses import replace

import numpy as np
import pytest
from devices import fock

import hqdist as hq
from hqdist.gradient.light_cones import variations
from hqdist.program import observable
from hqdist.testing.circuits import random_program, random_unitary
from hqdist.testing.reference import reference_probabilities

H = hq.BeamSplitterConvention.H


def program(input_state, *elements, readout=None):
    names = sorted(
        {name for element in elements for name in getattr(getattr(element, "angle", None), "parameters", ())}
    )
    return hq.Program(len(input_state), input_state, elements, tuple(names), readout=readout or hq.Probabilities())


def phase(mode, name="t"):
    return hq.PhaseShifter(mode, hq.parameter(name))


def splitter(*modes, theta=1.1, convention=hq.BeamSplitterConvention.RX):
    return hq.BeamSplitter(modes, theta, convention)


def found(program, noise=None):
    return {place: (v.degree, v.frequency) for v in variations(program, noise) for place in v.elements}


def spectrum(program, element, seed=0):
    """Degree in half angles of the unnormalised values in one element's angle, by Fourier transform on a grid."""
    grid = 8 * program.photons + 8
    shift = hq.parameter("shift")
    moved = program.elements[element]
    moved = (
        replace(moved, angle=moved.angle + shift)
        if isinstance(moved, hq.PhaseShifter)
        else replace(moved, theta=moved.theta + shift)
    )
    elements = (*program.elements[:element], moved, *program.elements[element + 1 :])
    shifted = replace(program, elements=elements, inputs=(*program.inputs, "shift"))
    rng = np.random.default_rng(seed)
    values = {name: rng.uniform(0, 2 * np.pi) for name in (*program.weights, *program.inputs)}
    average = observable(program.readout, program.states)
    samples = [
        average @ reference_probabilities(shifted, values | {"shift": angle})
        for angle in 4 * np.pi * np.arange(grid) / grid
    ]
    waves = np.abs(np.fft.rfft(np.array(samples), axis=0)).max(axis=1) / grid
    return int(np.flatnonzero(waves > 1e-12).max(initial=0))


READOUTS = [
    hq.Probabilities(),
    hq.Probabilities(hq.ComputationSpace.UNBUNCHED),
    hq.Probabilities(hq.ComputationSpace.DUAL_RAIL),
    hq.ModeExpectations(),
    hq.ModeExpectations(hq.ComputationSpace.UNBUNCHED),
    hq.NumberCorrelators(),
]


@pytest.mark.parametrize("readout", READOUTS, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_no_angle_varies_faster_than_claimed(readout, seed):
    light = (
        (1, 0, 1, 0)
        if readout.space is hq.ComputationSpace.DUAL_RAIL
        else ((0, 2, 0, 1), (1, 0, 2, 0), (1, 1, 1, 0))[seed]
    )
    circuit = random_program(np.random.default_rng(seed), light, readout)
    circuit = replace(
        circuit, elements=tuple(np.random.default_rng(seed).permutation(np.array(circuit.elements, object)))
    )
    claimed = found(circuit)
    for index, element in enumerate(circuit.elements):
        if isinstance(element, hq.PhaseShifter | hq.BeamSplitter) and element.angle.terms:
            degree, frequency = claimed.get(index, (0, 1.0))
            assert spectrum(circuit, index) <= 2 * degree * frequency


@pytest.mark.parametrize("readout", [hq.Probabilities(), hq.ModeExpectations(), hq.NumberCorrelators()], ids=repr)
def test_in_an_interferometer_the_claim_is_reached(readout):
    elements = (*hq.interferometer(range(4), "a"), phase(1, "t"), *hq.interferometer(range(4), "b"))
    circuit = hq.Program(
        4, (1, 1, 1, 0), elements, (*(f"{p}{i}" for p in "ab" for i in range(16)), "t"), readout=readout
    )
    index = elements.index(phase(1, "t"))
    degree, frequency = found(circuit)[index]
    assert (degree, frequency) == (
        {hq.Probabilities: 3, hq.ModeExpectations: 1, hq.NumberCorrelators: 2}[type(readout)],
        1.0,
    )
    assert spectrum(circuit, index) == 2 * degree


class TestForwardCone:
    def test_a_phase_before_any_mixing_is_not_seen(self):
        circuit = program((2, 1, 0), phase(0), splitter(0, 1))
        assert found(circuit) == {}

    def test_only_photons_that_can_reach_a_phase_count(self):
        circuit = program(
            (2, 0, 1, 1), splitter(0, 1), splitter(2, 3), phase(0, "a"), splitter(1, 2), phase(1, "b"), splitter(0, 1)
        )
        assert found(circuit) == {2: (2, 1.0), 4: (4, 1.0)}
        assert spectrum(circuit, 2) == 4

    def test_a_mode_that_no_light_reaches_has_no_phase(self):
        circuit = program((2, 0, 0, 0), splitter(2, 3), phase(2), splitter(1, 2))
        assert found(circuit) == {}

    def test_light_is_followed_through_permutations(self):
        routed = hq.Permutation((0, 1, 2, 3), (2, 3, 0, 1))
        circuit = program(
            (2, 1, 0, 0),
            routed,
            splitter(2, 3),
            splitter(0, 1),
            phase(2, "a"),
            phase(0, "b"),
            splitter(2, 3),
            splitter(0, 1),
        )
        assert found(circuit) == {3: (3, 1.0)}
        assert spectrum(circuit, 3) == 6
        assert spectrum(circuit, 4) == 0

    def test_a_permutation_alone_leaves_photons_certain(self):
        circuit = program((2, 1, 0), hq.Permutation((0, 1, 2), (1, 2, 0)), phase(1), splitter(0, 1))
        assert found(circuit) == {}

    def test_a_unitary_connects_what_its_entries_connect(self):
        block = np.eye(4, dtype=complex)
        block[:2, :2] = random_unitary(np.random.default_rng(0), 2)
        circuit = program(
            (1, 1, 1, 0),
            hq.FixedUnitary((0, 1, 2, 3), block),
            phase(0, "a"),
            phase(2, "b"),
            splitter(0, 1),
            splitter(2, 3),
        )
        assert found(circuit) == {1: (2, 1.0)}

    def test_a_diagonal_unitary_connects_nothing(self):
        phases = np.diag(np.exp(1j * np.arange(3)))
        circuit = program((1, 1, 1), hq.FixedUnitary((0, 1, 2), phases), phase(0), splitter(0, 1))
        assert found(circuit) == {}

    def test_a_beam_splitter_that_is_closed_connects_nothing(self):
        circuit = program((1, 1), splitter(0, 1, theta=0.0), phase(0), splitter(0, 1))
        assert found(circuit) == {}


class TestPhasesThatFollowEachOther:
    def test_act_as_one(self):
        circuit = program(
            (1, 1, 0),
            splitter(0, 1),
            phase(0, "a"),
            phase(1, "b"),
            phase(0, "c"),
            splitter(0, 1),
            phase(0, "d"),
            splitter(0, 2),
        )
        assert [v.elements for v in variations(circuit, None)] == [(1, 3), (2,), (5,)]

    def test_a_permutation_or_constant_phases_between_them(self):
        swap, fixed = hq.Permutation((0, 1), (1, 0)), hq.PhaseShifter(0, 0.4)
        circuit = program(
            (1, 1), splitter(0, 1), phase(0, "a"), fixed, phase(0, "b"), swap, phase(0, "c"), splitter(0, 1)
        )
        assert [v.elements for v in variations(circuit, None)] == [(1, 3), (5,)]


class TestBackwardCone:
    def test_a_phase_right_before_the_detectors_is_not_seen(self):
        circuit = program((1, 1), splitter(0, 1), phase(0))
        assert found(circuit) == {}

    def test_nor_one_that_is_only_moved_afterwards(self):
        circuit = program((1, 1, 0), splitter(0, 1), phase(0), hq.Permutation((0, 1, 2), (2, 1, 0)), splitter(0, 1))
        assert found(circuit) == {}
        assert spectrum(circuit, 1) == 0

    def test_one_that_is_moved_and_then_mixed_is_seen(self):
        circuit = program((1, 1, 0), splitter(0, 1), phase(0), hq.Permutation((0, 1, 2), (2, 1, 0)), splitter(1, 2))
        assert found(circuit) == {1: (2, 1.0)}
        assert spectrum(circuit, 1) == 4


class TestBeamSplitters:
    @pytest.mark.parametrize("convention", hq.BeamSplitterConvention)
    def test_a_pair_on_its_own_varies_with_the_whole_angle(self, convention):
        circuit = program((2, 1, 1), splitter(0, 1, theta=hq.parameter("t"), convention=convention))
        assert found(circuit) == {0: (3, 1.0)}
        assert spectrum(circuit, 0) == 6

    @pytest.mark.parametrize("convention", hq.BeamSplitterConvention)
    def test_another_pair_varies_with_the_half_angle(self, convention):
        circuit = program(
            (1, 1, 1), splitter(1, 2), splitter(0, 1, theta=hq.parameter("t"), convention=convention), splitter(1, 2)
        )
        assert found(circuit) == {1: (6, 0.5)}
        assert spectrum(circuit, 1) <= 6

    def test_half_integer_frequencies_are_real(self):
        circuit = program(
            (1, 0, 0), splitter(0, 1), splitter(1, 2), splitter(0, 1, theta=hq.parameter("t")), splitter(1, 2)
        )
        assert found(circuit) == {2: (2, 0.5)}
        samples = [reference_probabilities(circuit, {"t": t}) for t in (0.3, 0.3 + 2 * np.pi)]
        assert np.abs(samples[0] - samples[1]).max() > 0.1

    def test_averages_of_one_photon_number_need_two_values(self):
        circuit = program((2, 1, 1), splitter(0, 1, theta=hq.parameter("t")), readout=hq.ModeExpectations())
        assert found(circuit) == {0: (1, 1.0)}


class TestNoise:
    circuit = program(
        (1, 1, 0), splitter(0, 1), splitter(1, 2), phase(1, "a"), splitter(0, 1), readout=hq.ModeExpectations()
    )

    def test_a_post_selected_average_varies_as_fast_as_probabilities(self):
        assert found(self.circuit) == {2: (1, 1.0)}
        assert found(self.circuit, hq.Noise(transmittance=0.5)) == {2: (2, 1.0)}

    def test_second_photons_add_to_the_degree_unless_they_are_counted(self):
        assert found(self.circuit, hq.Noise(g2=0.1)) == {2: (2, 1.0)}
        assert found(self.circuit, hq.Noise(g2=0.1, dark_counts=0.1)) == {2: (4, 1.0)}
        assert found(self.circuit, hq.Noise(g2=0.1, detectors=hq.Detectors.THRESHOLD)) == {2: (4, 1.0)}

    def test_a_certain_mode_stays_without_a_phase(self):
        circuit = program((1, 1), phase(0), splitter(0, 1))
        assert found(circuit, hq.Noise(g2=0.1, brightness=0.5, dark_counts=0.1)) == {}


def test_a_program_without_photons_or_parameters_has_nothing_to_vary():
    assert found(program((0, 0), splitter(0, 1), phase(0), splitter(0, 1))) == {}
    assert found(fock(program((1, 1), splitter(0, 1)))) == {}
