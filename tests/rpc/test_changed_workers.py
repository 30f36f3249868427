"""Another worker in the place of the one that was asked: answers are its own, all of them, and never a mixture."""

import logging
import threading

import numpy as np
import torch

import hqdist as hq
from hqdist.rpc import BackgroundWorker, WorkerSettings
from hqdist.testing.circuits import random_request

PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)
CLEAN = hq.backend("exact")
LOSSY = hq.backend("exact", noise=hq.Noise(transmittance=0.7))


def asked(**options):
    return random_request(np.random.default_rng(0), PROGRAM, 4, torch.float64, **options)


def test_a_worker_with_another_configuration_is_noticed_and_told_about(caplog):
    with BackgroundWorker(CLEAN) as first:
        remote = hq.backend(first.uri)
        assert torch.equal(remote.evaluate(asked()).values, CLEAN.evaluate(asked()).values)
    with (
        BackgroundWorker(LOSSY, WorkerSettings(port=first.worker.port)),
        caplog.at_level(logging.WARNING, "hqdist.client"),
    ):
        assert torch.equal(remote.evaluate(asked()).values, LOSSY.evaluate(asked()).values)
        assert remote.capabilities.noise == LOSSY.noise
    assert "have changed" in caplog.text


def test_what_a_former_worker_refused_is_asked_of_the_present_one():
    with BackgroundWorker(CLEAN) as first:
        remote = hq.backend(first.uri)
        assert remote.violations(asked(shots=100, seed=1)) != []
    with BackgroundWorker(hq.backend("sampling"), WorkerSettings(port=first.worker.port)):
        assert remote.evaluate(asked(shots=100, seed=1)).provenance.shots == 400


class StopsAtTheSecondRow(hq.Backend):
    """Exact, but never gets beyond the first row."""

    name = "exact"
    capabilities = CLEAN.capabilities

    def __init__(self):
        self.stopped, self.end = threading.Event(), threading.Event()

    def evaluate(self, request):
        if request.first_row > 0:
            self.stopped.set()
            assert self.end.wait(60)
        return CLEAN.evaluate(request)


def test_rows_of_one_call_come_from_workers_that_offer_the_same():
    backend, found = StopsAtTheSecondRow(), []
    with BackgroundWorker(backend, WorkerSettings(drain_seconds=0.0)) as first:
        remote = hq.backend(first.uri, rows_per_call=1)
        call = threading.Thread(target=lambda: found.append(remote.evaluate(asked())))
        call.start()
        assert backend.stopped.wait(60)
    with BackgroundWorker(LOSSY, WorkerSettings(port=first.worker.port)):
        backend.end.set()
        call.join(60)
    assert torch.equal(found[0].values, LOSSY.evaluate(asked()).values)
