"""A backend at a worker is the backend: it passes the conformance kit over gRPC, in every bit as in this process."""

import numpy as np
import pytest
import torch
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.rpc import BackgroundWorker, RemoteBackend
from hqdist.testing import checks
from hqdist.testing.circuits import programs, random_request
from hqdist.testing.gradients import random_cotangent

EXACT = hq.backend("exact")


@pytest.fixture(scope="module")
def worker():
    with WorkerProcess() as running:
        yield running


@pytest.fixture(scope="module")
def remote(worker):
    return hq.backend(worker.uri)


class Asked(hq.Backend):
    """Lends its capabilities, so that checks can be listed before a worker runs."""

    name = "asked"
    capabilities = EXACT.capabilities

    def evaluate(self, request):
        raise NotImplementedError


@pytest.mark.parametrize("check", [check.function for check in checks(Asked())], ids=lambda f: f.__name__)
def test_the_exact_backend_at_a_worker(check, remote):
    check(remote)


def test_bits_are_those_of_this_process(remote):
    rng = np.random.default_rng(0)
    for program in programs(EXACT, seed=1):
        for dtype in (torch.float32, torch.float64):
            request = random_request(rng, program, 5, dtype)
            cotangent = random_cotangent(request)
            assert torch.equal(remote.evaluate(request).values, EXACT.evaluate(request).values)
            here, there = EXACT.vjp(request, cotangent), remote.vjp(request, cotangent)
            assert torch.equal(there.weights, here.weights)
            assert torch.equal(there.inputs, here.inputs)


@pytest.mark.parametrize("rows", [1, 3, 7, 100])
def test_shots_do_not_depend_on_how_a_batch_is_cut(rows):
    program = hq.Experiment(n_modes=4, n_photons=2).program(2)
    rng = np.random.default_rng(1)
    request = random_request(rng, program, 10, torch.float64, shots=100, seed=3)
    sampling = hq.backend("sampling")
    with BackgroundWorker(sampling) as worker:
        found = hq.backend(worker.uri, rows_per_call=rows).evaluate(request)
    expected = sampling.evaluate(request)
    assert torch.equal(found.values, expected.values)
    assert torch.equal(found.standard_errors, expected.standard_errors)
    assert found.provenance.shots == 1000
    assert found.provenance.seed == 3


def test_a_layer_trains_through_a_worker_as_it_does_here(worker):
    def losses(backend):
        torch.manual_seed(0)
        program = hq.Experiment(n_modes=5, n_photons=2).program(3)
        layer = hq.QuantumLayer(program=program, backend=backend, dtype=torch.float64)
        model = torch.nn.Sequential(layer, torch.nn.Linear(15, 2, dtype=torch.float64))
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        inputs, targets = torch.rand(40, 3, dtype=torch.float64), torch.randint(2, (40,))
        found = []
        for _ in range(5):
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            found.append(loss.item())
        return found

    here = losses("exact")
    for options in ({}, {"rows_per_call": 7}):
        there = losses(RemoteBackend(addresses=(worker.address,), **options))
        assert there == pytest.approx(here, rel=0, abs=1e-10)
    assert here[-1] < here[0]


def test_provenance_says_which_worker_answered(remote, worker):
    request = random_request(
        np.random.default_rng(0), hq.Experiment(n_modes=4, n_photons=2).program(1), 2, torch.float64
    )
    provenance = remote.evaluate(request).provenance
    assert provenance.backend == "exact"
    assert provenance.worker is not None
    assert provenance.compute_seconds > 0
