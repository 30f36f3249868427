"""Noise in the exact backend: Perceval's values, identities that hold whatever the numbers, and derivatives."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import perceval as pcvl
import pytest
import torch
from hqdist_exact import ExactBackend

import hqdist as hq
from hqdist.testing.circuits import random_program, random_request, random_unitary
from hqdist.testing.gradients import random_cotangent

SOURCES = {
    "brightness": {"brightness": 0.7},
    "loss": {"transmittance": 0.6},
    "indistinguishability": {"indistinguishability": 0.8},
    "g2": {"g2": 0.05},
    "g2 of copies": {"g2": 0.05, "g2_distinguishable": False},
    "all": {"brightness": 0.8, "transmittance": 0.5, "indistinguishability": 0.85, "g2": 0.04},
    "all, with copies": {
        "brightness": 0.8,
        "transmittance": 0.5,
        "indistinguishability": 0.85,
        "g2": 0.04,
        "g2_distinguishable": False,
    },
}
STATES = [(1, 1), (1, 0, 1, 0), (2, 0, 1), (1, 1, 1, 0), (1, 0, 1, 0, 1, 0)]

NOISES = {
    **{name: hq.Noise(**source) for name, source in SOURCES.items()},
    "threshold": hq.Noise(detectors="threshold"),
    "dark counts": hq.Noise(transmittance=0.7, dark_counts=0.05),
    "everything": hq.Noise(**SOURCES["all"], detectors="threshold", dark_counts=0.02),
}


def interferometer(state: tuple[int, ...], readout: hq.program.Readout | None = None, seed: int = 0) -> hq.Request:
    modes = len(state)
    unitary = random_unitary(np.random.default_rng([seed, *state]), modes)
    program = hq.Program(
        modes=modes,
        input_state=state,
        elements=(hq.FixedUnitary(tuple(range(modes)), unitary),),
        readout=readout or hq.Probabilities(),
    )
    none = torch.empty(0, dtype=torch.float64)
    return hq.Request(program=program, weights=none, inputs=none.reshape(1, 0))


def percevals(request: hq.Request, noise: hq.Noise) -> tuple[np.ndarray, float]:
    """Perceval's values, and the acceptance that follows from its performance."""
    program = request.program
    threshold = noise.detectors is hq.Detectors.THRESHOLD
    processor = pcvl.Processor("SLOS", program.modes, noise=replace(noise, detectors=hq.Detectors.PNR).to_perceval())
    (element,) = program.elements
    processor.add(0, pcvl.Unitary(pcvl.Matrix(element.block)))
    for mode in range(program.modes if threshold else 0):
        processor.add(mode, pcvl.Detector.threshold())
    processor.with_input(pcvl.BasicState(list(program.input_state)))
    processor.min_detected_photons_filter(program.photons)
    found = processor.probs(precision=1e-12)
    kept = np.array([found["results"].get(pcvl.BasicState(state), 0.0) for state in program.states.tolist()])
    shots = noise.detection_probability(program.photons, program.modes)
    return kept / kept.sum(), kept.sum() * found["global_perf"] / shots


@pytest.mark.parametrize("state", STATES, ids=str)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("detectors", list(hq.Detectors))
def test_values_and_acceptances_are_percevals(state, source, detectors):
    request, noise = interferometer(state), hq.Noise(**source, detectors=detectors)
    values, acceptance = percevals(request, noise)
    result = ExactBackend(noise=noise).evaluate(request)
    np.testing.assert_allclose(result.values[0].numpy(), values, atol=1e-6)
    assert result.acceptance.item() == pytest.approx(acceptance, abs=1e-6)


def test_rounded_phases_are_percevals():
    noise, phases = hq.Noise(phase_imprecision=0.3), (0.44, 1.7, -0.2)
    splitter = hq.BeamSplitter((0, 1), hq.Angle(np.pi / 2))
    elements = [element for phase in phases for element in (splitter, hq.PhaseShifter(0, hq.Angle(phase)))] + [splitter]
    program = hq.Program(modes=2, input_state=(1, 1), elements=tuple(elements))
    none = torch.empty(0, dtype=torch.float64)
    found = ExactBackend(noise=noise).evaluate(hq.Request(program=program, weights=none, inputs=none.reshape(1, 0)))
    processor = pcvl.Processor("SLOS", 2, noise=noise.to_perceval())
    for phase in phases:
        processor.add(0, pcvl.BS()).add(0, pcvl.PS(phase))
    processor.add(0, pcvl.BS())
    processor.with_input(pcvl.BasicState([1, 1]))
    processor.min_detected_photons_filter(2)
    expected = processor.probs()["results"]
    states = [(2, 0), (1, 1), (0, 2)]
    np.testing.assert_allclose(
        found.values[0].numpy(), [expected[pcvl.BasicState(state)] for state in states], atol=1e-9
    )


@pytest.mark.parametrize("detectors", list(hq.Detectors))
@pytest.mark.parametrize("space", list(hq.ComputationSpace))
def test_dark_counts_are_one_detection_more_with_their_probability(detectors, space):
    noise = hq.Noise(transmittance=0.5, detectors=detectors, dark_counts=0.1)
    request = interferometer((1, 0, 1, 0), hq.Probabilities(space))
    result = ExactBackend(noise=noise).evaluate(request)
    expected, seen = by_hand(request, noise)
    np.testing.assert_allclose(result.values[0].numpy(), expected / expected.sum(), atol=1e-12)
    assert result.acceptance.item() == pytest.approx(expected.sum() / seen, abs=1e-12)


def by_hand(request: hq.Request, noise: hq.Noise) -> tuple[np.ndarray, float]:
    """For two photons and loss: every set of survivors, every set of dark detectors."""
    program, chance = request.program, noise.dark_counts
    (element,) = program.elements
    sources = np.repeat(np.arange(program.modes), program.input_state)
    patterns: dict[tuple[int, ...], float] = {}
    for alive in np.ndindex(2, 2):
        photons = sources[np.array(alive, bool)]
        share = 0.5**2
        for places in np.ndindex(*(program.modes,) * len(photons)):
            if list(places) != sorted(places):
                continue
            state = np.bincount(places, minlength=program.modes) if places else np.zeros(program.modes, int)
            amplitude = sum(np.prod(element.block[list(places), list(order)]) for order in permutations(photons))
            probability = abs(amplitude) ** 2 / np.prod([2 if n == 2 else 1 for n in state])
            for dark in np.ndindex(*(2,) * program.modes):
                told = state + np.array(dark)
                told = np.minimum(told, 1) if noise.detectors is hq.Detectors.THRESHOLD else told
                weight = np.prod([chance if d else 1 - chance for d in dark])
                key = tuple(int(n) for n in told)
                patterns[key] = patterns.get(key, 0.0) + share * probability * weight
    kept = np.array([patterns.get(tuple(state), 0.0) for state in program.states.tolist()])
    return kept, 1 - patterns.get((0,) * program.modes, 0.0)


def test_loss_alone_changes_what_is_accepted_and_nothing_else():
    request = interferometer((1, 0, 1, 0, 1, 0))
    ideal, lossy = (ExactBackend(noise=noise).evaluate(request) for noise in (None, hq.Noise(transmittance=0.4)))
    assert torch.equal(ideal.values, lossy.values)
    assert lossy.acceptance.item() == pytest.approx(0.4**3 / (1 - 0.6**3))


def test_no_noise_gives_the_ideal_values_and_accepts_all():
    request = interferometer((1, 0, 1, 0))
    ideal, noisy = ExactBackend().evaluate(request), ExactBackend(noise=hq.Noise()).evaluate(request)
    assert torch.equal(ideal.values, noisy.values)
    assert ideal.acceptance is None
    assert noisy.acceptance.tolist() == [1.0]


def test_threshold_detectors_tell_no_bunched_state():
    request = interferometer((1, 1, 0))
    result = ExactBackend(noise=hq.Noise(detectors="threshold")).evaluate(request)
    bunched = request.program.states.max(axis=1) > 1
    assert (result.values[0, torch.from_numpy(bunched)] == 0).all()
    unbunched = ExactBackend().evaluate(interferometer((1, 1, 0), hq.Probabilities(hq.ComputationSpace.UNBUNCHED)))
    torch.testing.assert_close(result.values[0, torch.from_numpy(~bunched)], unbunched.values[0])
    torch.testing.assert_close(result.acceptance, unbunched.acceptance)


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("space", list(hq.ComputationSpace))
def test_every_readout_is_an_average_over_the_same_distribution(noise, space):
    backend = ExactBackend(noise=noise)
    every = backend.evaluate(interferometer((1, 0, 1, 0), hq.Probabilities(space)))
    assert every.values.sum().item() == pytest.approx(1)
    for readout in (
        hq.Probabilities(space, hq.LexGrouping(3)),
        hq.Probabilities(space, hq.ModGrouping(3)),
        hq.ModeExpectations(space),
        hq.NumberCorrelators(space),
    ):
        request = interferometer((1, 0, 1, 0), readout)
        average = torch.from_numpy(hq.program.observable(readout, request.program.states))
        result = backend.evaluate(request)
        torch.testing.assert_close(result.values, every.values @ average.T)
        torch.testing.assert_close(result.acceptance, every.acceptance)


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("space", list(hq.ComputationSpace))
def test_derivatives_are_those_of_the_values(noise, space):
    rng = np.random.default_rng(3)
    backend = ExactBackend(noise=noise)
    program = random_program(rng, (1, 0, 1, 0), hq.Probabilities(space))
    request = random_request(rng, program, 2)
    cotangent = random_cotangent(request)
    derivative = backend.vjp(request, cotangent)
    for name in ("weights", "inputs"):
        step = torch.from_numpy(rng.standard_normal(getattr(request, name).shape)) * 1e-6
        ends = [
            backend.evaluate(replace(request, **{name: getattr(request, name) + sign * step})).values
            for sign in (1, -1)
        ]
        slope = ((ends[0] - ends[1]) / 2 * cotangent).sum()
        assert (getattr(derivative, name) * step).sum().item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-12)


def test_derivatives_go_straight_through_the_rounding_of_phases():
    rng = np.random.default_rng(4)
    request = random_request(rng, random_program(rng, (1, 0, 1, 0)), 2)
    cotangent = random_cotangent(request)
    fine, none = (ExactBackend(noise=hq.Noise(phase_imprecision=step)).vjp(request, cotangent) for step in (1e-9, 0.0))
    torch.testing.assert_close(fine.weights, none.weights, atol=1e-6, rtol=0)
    torch.testing.assert_close(fine.inputs, none.inputs, atol=1e-6, rtol=0)
    coarse = ExactBackend(noise=hq.Noise(phase_imprecision=0.5)).vjp(request, cotangent)
    assert (coarse.inputs != 0).any()


@pytest.mark.parametrize("noise", [NOISES["everything"], hq.Noise(phase_error=0.2, indistinguishability=0.9)], ids=str)
def test_a_row_is_the_same_however_its_batch_is_split(noise):
    rng = np.random.default_rng(5)
    request = replace(random_request(rng, random_program(rng, (1, 0, 1, 0)), 5), seed=7)
    backend = ExactBackend(noise=noise)
    whole = backend.evaluate(request)
    for first, last in ((0, 1), (1, 4), (4, 5)):
        part = backend.evaluate(request.rows(first, last))
        torch.testing.assert_close(part.values, whole.values[first:last], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(part.acceptance, whole.acceptance[first:last], rtol=1e-12, atol=1e-14)


def test_random_phases_follow_from_the_seed_which_is_told():
    rng = np.random.default_rng(6)
    request = random_request(rng, random_program(rng, (1, 0, 1, 0)), 2)
    backend = ExactBackend(noise=hq.Noise(phase_error=0.3))
    drawn = backend.evaluate(request)
    again = backend.evaluate(replace(request, seed=drawn.provenance.seed))
    assert torch.equal(drawn.values, again.values)
    assert not torch.equal(backend.evaluate(replace(request, seed=1)).values, drawn.values)


def test_amplitudes_and_too_many_photons_are_refused_with_noise():
    noisy = ExactBackend(noise=hq.Noise(indistinguishability=0.9))
    with pytest.raises(hq.CapabilityError, match="readout Amplitudes"):
        noisy.check(interferometer((1, 0), hq.Amplitudes()))
    with pytest.raises(hq.CapabilityError, match="may or may not interfere"):
        noisy.check(interferometer((1,) * 15, hq.Probabilities(hq.ComputationSpace.UNBUNCHED)))


@pytest.mark.parametrize("lost", [{"transmittance": 0.0}, {"brightness": 0.0}], ids=str)
@pytest.mark.parametrize(
    "besides", [{}, {"g2": 0.1}, {"indistinguishability": 0.9}, {"detectors": "threshold"}], ids=str
)
def test_a_device_that_detects_nothing_leaves_nothing_to_renormalise(lost, besides):
    with pytest.raises(hq.PostSelectionError, match="every photon is lost"):
        ExactBackend(noise=hq.Noise(**lost, **besides)).evaluate(interferometer((1, 0, 1, 0)))


def test_noise_is_given_as_a_table_as_well():
    assert hq.backend("exact", noise={"g2": 0.01}).noise == hq.Noise(g2=0.01)
    with pytest.raises(hq.ConfigurationError, match="unknown keys darkness"):
        hq.backend("exact", noise={"darkness": 1})
