"""Shots on this machine: reproducible, split as one likes, with or without noise, and for any number of states."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hqdist_sampling import SamplingBackend
from scipy.stats import chi2

import hqdist as hq
from hqdist.testing.circuits import random_program, random_request, random_unitary

NOISES = {
    "none": None,
    "loss": hq.Noise(brightness=0.8, transmittance=0.6),
    "distinguishable photons": hq.Noise(indistinguishability=0.6),
    "g2": hq.Noise(g2=0.1, transmittance=0.7),
    "g2 of copies": hq.Noise(g2=0.1, transmittance=0.7, g2_distinguishable=False, indistinguishability=0.7),
    "threshold": hq.Noise(transmittance=0.7, detectors="threshold"),
    "dark counts": hq.Noise(transmittance=0.7, dark_counts=0.05),
    "rounded phases": hq.Noise(phase_imprecision=0.4),
    "everything": hq.Noise(
        brightness=0.9,
        transmittance=0.7,
        indistinguishability=0.8,
        g2=0.05,
        phase_error=0.2,
        detectors="threshold",
        dark_counts=0.02,
    ),
}

ROUTES = {"distribution": {}, "one by one": {"largest_distribution": 0}}


def request(readout: hq.program.Readout | None = None, batch: int = 3, **options: object) -> hq.Request:
    rng = np.random.default_rng(1)
    program = random_program(rng, (1, 0, 1, 0, 1), readout)
    return replace(random_request(rng, program, batch), **{"shots": 2000, "seed": 5} | options)  # type: ignore[arg-type]


def large(readout: hq.program.Readout, shots: int) -> hq.Request:
    """24 modes and 12 photons: 834 million states."""
    unitary = random_unitary(np.random.default_rng(2), 24)
    program = hq.Program(
        modes=24, input_state=(1, 0) * 12, elements=(hq.FixedUnitary(tuple(range(24)), unitary),), readout=readout
    )
    none = torch.empty(0, dtype=torch.float64)
    return hq.Request(program=program, weights=none, inputs=none.reshape(1, 0), shots=shots, seed=5)


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize("space", [hq.ComputationSpace.FOCK, hq.ComputationSpace.UNBUNCHED])
def test_counts_are_drawn_from_the_exact_distribution(noise, route, space):
    shots = 20_000
    asked = request(hq.Probabilities(space), batch=1, shots=shots)
    sampled = SamplingBackend(noise=noise, **route).evaluate(asked)
    exact = hq.backend("exact", **{} if noise is None else {"noise": noise}).evaluate(replace(asked, shots=None))
    share = 1.0 if exact.acceptance is None else exact.acceptance.item()
    found = 1.0 if sampled.acceptance is None else sampled.acceptance.item()
    assert abs(found - share) <= 5 * np.sqrt(share * (1 - share) / shots) + 1e-12
    accepted = round(found * shots)
    expected, observed = exact.values[0].numpy() * accepted, sampled.values[0].numpy() * accepted
    rare = expected < 5
    expected, observed = (np.append(n[~rare], n[rare].sum()) for n in (expected, observed))
    possible = expected > 1e-9
    assert observed[~possible].sum() < 1e-9
    statistic = ((observed - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi2.sf(statistic, possible.sum() - 1) > 1e-3


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize("noise", [None, NOISES["everything"]], ids=["none", "everything"])
def test_a_row_is_the_same_however_its_batch_is_split(route, noise):
    backend, asked = SamplingBackend(noise=noise, **route), request(batch=4, shots=(10, 200, 3000, 40))
    whole = backend.evaluate(asked)
    for first, last in ((0, 1), (1, 3), (3, 4)):
        part = backend.evaluate(asked.rows(first, last))
        assert torch.equal(part.values, whole.values[first:last])
        assert torch.equal(part.standard_errors, whole.standard_errors[first:last])


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_shots_do_not_depend_on_the_number_of_threads(route):
    backend, found, before = SamplingBackend(**route), [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(backend.evaluate(request()).values)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("readout", [hq.Probabilities(), hq.ModeExpectations(), hq.NumberCorrelators()], ids=str)
def test_estimates_scatter_by_their_standard_errors_around_the_exact_values(readout):
    asked = request(readout, batch=1, shots=400)
    exact = hq.backend("exact").evaluate(replace(asked, shots=None)).values
    results = [SamplingBackend().evaluate(replace(asked, seed=seed)) for seed in range(300)]
    values = torch.cat([result.values for result in results])
    typical = torch.cat([result.standard_errors for result in results]).square().mean(dim=0).sqrt()
    likely = typical > 1e-3
    assert ((values.mean(dim=0) - exact[0]).abs() <= 5 * typical / 300**0.5 + 1e-12)[likely].all()
    ratio = values.std(dim=0)[likely] / typical[likely]
    assert (ratio - 1).abs().max() < 5 / (2 * 299) ** 0.5


def test_what_is_not_seen_is_a_seed_that_is_told():
    result = SamplingBackend().evaluate(request(seed=None))
    again = SamplingBackend().evaluate(request(seed=result.provenance.seed))
    assert torch.equal(result.values, again.values)
    assert result.provenance.shots == 6000


def test_samples_are_sparse_counts():
    for counts in SamplingBackend().sample(request(batch=2)):
        assert counts.weights.sum() == counts.shots == 2000
        assert counts.states.shape == (len(counts.weights), 5)
        assert (counts.states.sum(axis=1) == 3).all()


def test_a_distribution_that_is_too_large_is_sampled_all_the_same():
    modes = SamplingBackend().evaluate(large(hq.ModeExpectations(), 300))
    exact = hq.backend("exact").evaluate(replace(large(hq.ModeExpectations(), 300), shots=None)).values
    assert ((modes.values - exact).abs() <= 5 * modes.standard_errors + 0.05).all()
    grouped = SamplingBackend().evaluate(large(hq.Probabilities(grouping=hq.LexGrouping(8)), 300))
    assert grouped.values.shape == (1, 8)
    assert grouped.values.sum().item() == pytest.approx(1)
    (counts,) = SamplingBackend().sample(large(hq.ModeExpectations(), 50))
    assert counts.states.shape == (50, 24)
    assert (counts.states.sum(axis=1) == 12).all()


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_without_photons_there_is_nothing_to_draw(route):
    program = hq.Program(modes=2, input_state=(0, 0), elements=())
    none = torch.empty(0, dtype=torch.float64)
    asked = hq.Request(program=program, weights=none, inputs=none.reshape(2, 0), shots=10, seed=1)
    assert SamplingBackend(**route).evaluate(asked).values.tolist() == [[1.0], [1.0]]


def test_noise_that_is_too_much_for_a_distribution_is_drawn_photon_by_photon():
    noise = hq.Noise(indistinguishability=0.9, g2=0.05, g2_distinguishable=False, detectors="threshold")
    program = random_program(np.random.default_rng(3), (1, 0) * 6, hq.Probabilities(grouping=hq.LexGrouping(4)))
    asked = random_request(np.random.default_rng(4), program, 2, shots=500, seed=6)
    with pytest.raises(hq.CapabilityError):
        hq.backend("exact", noise=noise, memory_limit=2**30).evaluate(replace(asked, shots=None))
    values = SamplingBackend(noise=noise).evaluate(asked).values
    assert torch.equal(values, SamplingBackend(noise=noise, largest_distribution=0).evaluate(asked).values)
    assert not torch.equal(values, SamplingBackend(noise=None).evaluate(asked).values)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (large(hq.Probabilities(), 10), "outputs, at most"),
        (replace(request(), shots=None), "exact values, only shots"),
        (request(hq.Amplitudes()), "readout Amplitudes"),
    ],
    ids=["too many outputs", "no shots", "amplitudes"],
)
def test_what_cannot_be_sampled_is_refused_before_it_is_tried(asked, words):
    with pytest.raises(hq.CapabilityError, match=words):
        SamplingBackend().evaluate(asked)


def test_a_device_that_hardly_shines_is_refused():
    with pytest.raises(hq.CapabilityError, match="a detection in"):
        SamplingBackend(noise=hq.Noise(transmittance=1e-5), largest_distribution=0).evaluate(request())


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_a_row_of_which_nothing_counts_is_an_error_that_says_what_was_spent(route):
    backend = SamplingBackend(noise=hq.Noise(transmittance=0.02), **route)
    with pytest.raises(hq.PostSelectionError, match="none of 10 shots"):
        backend.evaluate(request(shots=10))


def test_single_precision_sees_the_same_shots():
    double = request()
    single = replace(double, weights=double.weights.float(), inputs=double.inputs.float())
    values = SamplingBackend().evaluate(single).values
    assert values.dtype == torch.float32


def test_a_layer_learns_from_shots():
    torch.manual_seed(0)
    layer = hq.QuantumLayer(
        program=hq.Experiment(n_modes=4, n_photons=2).program(2),
        backend=hq.backend("sampling", shots=500),
        dtype=torch.float64,
    )
    x, target = torch.rand(8, 2, dtype=torch.float64), torch.zeros(8, layer.output_size, dtype=torch.float64)
    target[:, 0] = 1
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    losses = []
    for _ in range(15):
        loss = (layer(x) - target).square().sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("options", [{"shots": 0}, {"shots": 1.5}, {"largest_distribution": -1}, {"noise": {"fog": 1}}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(hq.ConfigurationError):
        hq.backend("sampling", **options)
