"""What a worker lets near it: addresses it listens on, and what it takes at most."""

import grpc
import numpy as np
import pytest
import torch

import hqdist as hq
from hqdist.rpc import BackgroundWorker, Limits, QueueLimits, Security, WorkerSettings
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "192.0.2.7", "worker.example", ""])
@pytest.mark.parametrize(
    ("security", "missing"),
    [
        ({}, "TLS.*and a token"),
        ({"certificate": "a.pem", "key": "a.key"}, "give a token"),
        ({"token_file": "tokens"}, "give TLS"),
    ],
    ids=["neither", "no token", "no TLS"],
)
def test_beyond_this_machine_it_wants_tls_and_a_token(host, security, missing):
    with pytest.raises(hq.ConfigurationError, match=missing):
        WorkerSettings(host=host, security=Security(**security))
    WorkerSettings(host=host, security=Security(**security, insecure=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.5.5", "localhost", "::1", "[::1]"])
def test_on_this_machine_it_wants_nothing(host):
    WorkerSettings(host=host)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WorkerSettings(metrics_port=99_999), "metrics_port"),
        (lambda: WorkerSettings(port=-1), "port"),
        (lambda: WorkerSettings(drain_seconds=float("inf")), "drain_seconds"),
        (lambda: QueueLimits(batch_delay=float("inf")), "batch_delay"),
        (lambda: QueueLimits(slots=0), "slots"),
        (lambda: Security(token_file=[1]), "token_file"),
        (lambda: hq.backend("grpc://127.0.0.1:1", transport={"authority": 3}), "authority"),
        (lambda: hq.backend("grpc://127.0.0.1:1", transport={"tls": "yes"}), "tls"),
        (lambda: hq.backend("grpc://127.0.0.1:1", timeout=1e300), "timeout"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, words):
    with pytest.raises(hq.ConfigurationError, match=words):
        make()


def request(modes=4, photons=2, batch=2):
    program = hq.Experiment(n_modes=modes, n_photons=photons).program(2)
    return random_request(np.random.default_rng(0), program, batch, torch.float64)


@pytest.mark.parametrize(
    ("limits", "asked", "words"),
    [
        ({"modes": 5}, {"modes": 6}, "6 modes, at most 5"),
        ({"photons": 1}, {"photons": 2}, "2 photons, at most 1"),
        ({"message_bytes": 500}, {"modes": 6, "photons": 3, "batch": 1}, "896 bytes of values, at most 500"),
    ],
    ids=["modes", "photons", "bytes"],
)
def test_what_is_too_large_is_refused_with_the_limit(limits, asked, words):
    with BackgroundWorker(EXACT, WorkerSettings(limits=Limits(**limits))) as worker:
        remote = hq.backend(worker.uri)
        with pytest.raises(hq.CapabilityError, match=words):
            remote.evaluate(request(**asked))
        if "message_bytes" not in limits:
            small = request(modes=4, photons=1)
            assert torch.equal(remote.evaluate(small).values, EXACT.evaluate(small).values)


def test_too_many_rows_are_refused_with_the_limit():
    settings, words = WorkerSettings(limits=Limits(batch=10)), r"20 samples.*at most 10"
    with BackgroundWorker(EXACT, settings) as worker, pytest.raises(hq.CapabilityError, match=words):
        hq.backend(worker.uri, rows_per_call=20).evaluate(request(batch=20))


def test_there_is_no_reflection():
    with BackgroundWorker(EXACT) as worker, grpc.insecure_channel(worker.address) as channel:
        for version in ("v1", "v1alpha"):
            ask = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
            with pytest.raises(grpc.RpcError) as caught:
                list(ask(iter([b""])))
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
