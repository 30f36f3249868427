"""Circuits proposed from a backend, a budget and time."""

import pytest
import torch

import hqdist as hq
from hqdist.design.proposal import step_seconds


def clock(layer, batch):
    """A machine that takes a microsecond for each outcome of each sample."""
    return 1e-6 * layer.program.outputs * batch


def sized(proposal):
    return proposal.experiment.n_modes, proposal.experiment.n_photons


def test_as_many_photons_as_the_time_allows():
    asked = {"steps": 100, "batch": 10, "clock": clock}
    assert sized(hq.propose_ansatz(3, 4, seconds=0.2, **asked)) == (6, 3)  # 56 outcomes in 0.056 s; 330 take 0.33 s
    found = hq.propose_ansatz(3, 4, seconds=0.4, **asked)
    assert sized(found) == (8, 4)
    assert found.seconds == pytest.approx(0.33)
    assert "100 steps take 0.33 s of 0.4 s" in found.reasons
    reasons = {(other.experiment.circuit_type, other.experiment.n_photons): other.reason for other in found.rejected}
    assert reasons["series", 5] == "training takes 2 s of 0.4 s"
    assert reasons["series", 1] == "2 outcomes are fewer than 4 outputs"
    assert reasons["parallel", 4].endswith("phases to train instead of 128, for as many photons")
    assert ("series", 6) not in reasons


def test_no_more_outcomes_than_shots():
    found = hq.propose_ansatz(2, 3, hq.backend("sampling", shots=100), steps=1, batch=2, seconds=60, clock=clock)
    assert sized(found) == (6, 3)
    assert any("330 outcomes would not be seen in 100 shots" in other.reason for other in found.rejected)


def test_no_more_than_the_budget_allows():
    device = hq.backend("sampling", shots=100)
    asked = {"steps": 2, "batch": 4}
    small = hq.propose_ansatz(2, 2, device, budget=hq.Budget(shots=20_000), **asked)
    large = hq.propose_ansatz(2, 2, device, budget=hq.Budget(shots=10_000_000), **asked)
    assert small.experiment.n_photons < large.experiment.n_photons
    for found, limit in ((small, 20_000), (large, 10_000_000)):
        assert found.estimate.total.shots <= limit
        taken = found.layer().estimate(4, training=True) * 2
        assert taken == found.estimate


def test_what_is_paid_for_is_not_evaluated(emulator, monkeypatch, tmp_path):
    monkeypatch.setenv("PCVL_CLOUD_TOKEN", "emulator-token")
    device = hq.backend(
        "quandela",
        platform="qpu:emulated",
        url=emulator.url,
        shots=100,
        budget=hq.Budget(shots=100_000),
        ledger=str(tmp_path / "ledger.sqlite"),
    )
    found = hq.propose_ansatz(2, 2, device, steps=1, batch=2, seconds=10)
    assert found.seconds is None
    assert found.estimate.total.shots <= 100_000
    assert any("is not known before" in reason for reason in found.reasons)
    assert emulator.statistics().created == 0


@pytest.mark.parametrize(("degree", "kind", "photons"), [(1, "series", 1), (4, "series", 2), (7, "series", 3)])
def test_the_fewest_photons_that_reach_a_degree(degree, kind, photons):
    found = hq.propose_ansatz(1, 2, steps=1, batch=1, degree=degree, clock=clock)
    assert (found.experiment.circuit_type, found.experiment.n_photons) == (kind, photons)
    assert found.degree >= degree


@pytest.mark.parametrize("circuit_type", hq.CircuitType)
@pytest.mark.parametrize("features", [1, 2])
def test_the_degree_is_that_of_the_fourier_series(circuit_type, features):
    found = hq.propose_ansatz(features, 2, steps=1, batch=1, degree=2, circuit_types=[circuit_type], clock=clock)
    torch.manual_seed(0)
    layer = found.layer().double()
    periods = features  # as means of two features enter, too
    points = 4 * periods * found.degree + 6
    grid = torch.full((points, features), 0.3, dtype=torch.float64)
    grid[:, 0] = 2 * periods * torch.arange(points, dtype=torch.float64) / points
    spectrum = torch.fft.rfft(hq.backend("exact").evaluate(layer.request(grid)).values, dim=0).abs().amax(1)
    present = torch.nonzero(spectrum > 1e-9 * spectrum[0]).flatten()
    assert present.max() == periods * found.degree


def test_it_says_what_the_smallest_would_need():
    with pytest.raises(hq.ConfigurationError, match=r"of series, 4 modes, 2 photons: training takes 100 s of 1 s"):
        hq.propose_ansatz(2, 10, steps=100_000, batch=100, seconds=1.0, clock=clock)
    with pytest.raises(hq.ConfigurationError, match="say how many seconds"):
        hq.propose_ansatz(2, 10, steps=1, batch=1)
    with pytest.raises(hq.ConfigurationError, match="seconds are a number above zero"):
        hq.propose_ansatz(2, 10, steps=1, batch=1, seconds=-1)


def test_a_step_is_timed_forward_and_backward():
    layer = hq.QuantumLayer(2, hq.AnsatzFactory.create(hq.Experiment(n_modes=4, n_photons=2), 2, 3))
    with hq.record_provenance() as record:
        assert step_seconds(layer, 8) > 0
    assert len(record.evaluations) == 6


def test_nothing_larger_is_timed_than_the_first_that_takes_too_long():
    timed = []

    def slow(layer, batch):
        timed.append((layer.program.modes, layer.program.photons))
        return 100.0

    # Of two features, circuits of one type reach degree 10 with three photons, the others with ten.
    with pytest.raises(hq.ConfigurationError, match=r"of parallel_columns, 6 modes, 3 photons: training takes 100 s"):
        hq.propose_ansatz(
            2, 2, steps=1, batch=1, degree=10, seconds=1.0, clock=slow, circuit_types=["parallel_columns", "parallel"]
        )
    assert timed == [(6, 3)]


def test_what_is_too_small_is_not_built():
    with pytest.raises(hq.ConfigurationError, match=r"outcomes are fewer than 1000000000 outputs"):
        hq.propose_ansatz(2, 10**9, steps=1, batch=1, seconds=1.0, clock=clock)


def test_a_budget_that_limits_nothing_is_no_limit():
    with pytest.raises(hq.ConfigurationError, match="say how many seconds"):
        hq.propose_ansatz(2, 2, "exact", steps=1, batch=1, budget=hq.Budget(shots=1000), clock=clock)


def test_a_map_that_no_memory_holds_is_refused_not_made():
    with pytest.raises(hq.ConfigurationError, match="trainable map from 77520 probabilities to 100000 outputs"):
        hq.QuantumLayer(2, hq.AnsatzFactory.create(hq.Experiment(n_modes=14, n_photons=7), 2, 100_000))
