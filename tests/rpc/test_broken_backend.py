"""A worker whose backend fails: health tells so, callers go elsewhere, and it comes back when the backend works."""

import grpc
import numpy as np
import pytest
import torch
from test_worker_life import health, until

import hqdist as hq
from hqdist.rpc import BackgroundWorker
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")
PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)
SERVING, NOT_SERVING = 1, 2


def asked():
    return random_request(np.random.default_rng(0), PROGRAM, 2, torch.float64)


class Broken(hq.Backend):
    """Exact, but fails while it is broken."""

    name = "exact"
    capabilities = EXACT.capabilities

    def __init__(self):
        self.broken, self.asked = True, 0

    def evaluate(self, request):
        self.asked += 1
        if self.broken:
            raise RuntimeError("the device is gone")
        return EXACT.evaluate(request)


def test_a_failing_backend_is_told_of_until_it_works_again():
    backend = Broken()
    with BackgroundWorker(backend) as worker:
        remote = hq.backend(worker.uri)
        for _ in range(3):
            with pytest.raises(hq.WorkerError, match="RuntimeError: the device is gone"):
                remote.evaluate(asked())
        until(lambda: health(worker.address) == NOT_SERVING)
        assert worker.worker.failing
        backend.broken = False
        assert torch.equal(remote.evaluate(asked()).values, EXACT.evaluate(asked()).values)
        until(lambda: health(worker.address) == SERVING)


def test_while_it_fails_nothing_reaches_the_backend():
    backend = Broken()
    with BackgroundWorker(backend) as worker:
        impatient = hq.backend(worker.uri, timeout=0.5)
        for _ in range(3):
            with pytest.raises(hq.WorkerError):
                impatient.evaluate(asked())
        with pytest.raises(hq.WorkerUnavailableError, match=r"backend fails.*device is gone"):
            impatient.evaluate(asked())
        assert backend.asked == 3


def test_callers_go_to_workers_that_work():
    with BackgroundWorker(Broken()) as broken, BackgroundWorker(EXACT) as good:
        remote = hq.backend(f"grpc://{broken.address},{good.address}", rows_per_call=1)
        for _ in range(10):
            assert torch.equal(remote.evaluate(asked()).values, EXACT.evaluate(asked()).values)


def test_requests_that_are_wrong_do_not_count():
    with BackgroundWorker(EXACT) as worker, grpc.insecure_channel(worker.address) as channel:
        nonsense = channel.unary_unary("/hqdist.rpc.v1.Worker/Gradient")
        for _ in range(10):
            with pytest.raises(grpc.RpcError):
                nonsense(b"nonsense")
        assert health(worker.address) == SERVING
        assert not worker.worker.failing
