"""A worker's life: it starts, serves, is asked to end, is killed, comes back; its callers hardly notice."""

import os
import signal
import threading

import grpc
import numpy as np
import pytest
import torch
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.rpc import BackgroundWorker, QueueLimits, RemoteBackend, WorkerSettings
from hqdist.rpc.client.transport import Transport, stub
from hqdist.rpc.health import HealthCheckRequest, HealthCheckResponse
from hqdist.rpc.messages import request_message
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")
PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)


def asked(batch=2, seed=0):
    return random_request(np.random.default_rng(seed), PROGRAM, batch, torch.float64)


class Waiting(hq.Backend):
    """Exact, but begins only when it is let, and counts its calls."""

    name = "waiting"
    capabilities = EXACT.capabilities

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.batches = []

    def evaluate(self, request):
        self.batches.append(request.batch)
        self.begun.release()
        assert self.go.wait(60)
        return EXACT.evaluate(request)


def health(address, service=""):
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        return check(HealthCheckRequest(service=service)).status


def statistics(worker):
    return stub(Transport(), worker.address).Statistics(pb.StatisticsRequest())


def until(condition):
    """Wait for what another process or thread brings about, by asking it again."""
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not come about")


def test_health_tells_who_serves():
    with BackgroundWorker(EXACT) as worker:
        assert health(worker.address) == 1
        assert health(worker.address, "hqdist.rpc.v1.Worker") == 1
        with pytest.raises(grpc.RpcError) as caught:
            health(worker.address, "somebody")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_worker_that_is_told_to_end_finishes_what_it_has_and_takes_nothing_new():
    backend = Waiting()
    found = []
    with BackgroundWorker(backend) as worker:
        remote = hq.backend(worker.uri)
        caller = threading.Thread(target=lambda: found.append(remote.evaluate(asked())))
        caller.start()
        assert backend.begun.acquire(timeout=60)
        ending = threading.Thread(target=worker.drain)
        ending.start()
        until(lambda: health(worker.address) == 2)
        with pytest.raises(hq.WorkerUnavailableError, match="about to end"):
            hq.backend(worker.uri, timeout=0.2).evaluate(asked())
        backend.go.set()
        ending.join()
        caller.join()
    assert torch.equal(found[0].values, EXACT.evaluate(asked()).values)


def test_sigterm_ends_a_worker_with_exit_code_0():
    with WorkerProcess() as worker:
        hq.backend(worker.uri).evaluate(asked())
        assert worker.terminate() == 0


def test_a_killed_worker_is_replaced_by_the_other_one():
    with WorkerProcess() as first, WorkerProcess() as second:
        remote = RemoteBackend(addresses=(first.address, second.address), rows_per_call=4)
        request = asked(64)
        before = remote.evaluate(request)
        first.kill()
        after = remote.evaluate(request)
        assert torch.equal(before.values, after.values)
        assert after.provenance.worker.count(":") == 2  # one worker: host, process, random part


def test_a_frozen_worker_is_given_up_within_seconds():
    request = asked(batch=2000)
    with WorkerProcess() as frozen, WorkerProcess() as other:
        backend = hq.backend(f"grpc://{frozen.address},{other.address}", timeout=30)
        expected = backend.evaluate(request).values
        os.kill(frozen.process_id, signal.SIGSTOP)
        found = backend.evaluate(request).values
    assert torch.equal(found, expected)


def test_a_call_survives_that_its_only_worker_is_killed_and_started_again():
    request = asked(64)
    with WorkerProcess() as first:
        remote = RemoteBackend(addresses=(first.address,), rows_per_call=4)
        remote.evaluate(request)
        first.kill()
        found = []
        caller = threading.Thread(target=lambda: found.append(remote.evaluate(request)))
        caller.start()
        with WorkerProcess(port=first.port):
            caller.join(60)
    assert torch.equal(found[0].values, EXACT.evaluate(request).values)


def test_what_nobody_waits_for_is_not_computed():
    backend = Waiting()
    with BackgroundWorker(backend) as worker:
        call = stub(Transport(), worker.address)
        running = call.Evaluate.future(pb.EvaluateRequest(request=request_message(asked(), with_program=True)))
        assert backend.begun.acquire(timeout=60)
        queued = call.Evaluate.future(pb.EvaluateRequest(request=request_message(asked(3), with_program=True)))
        late = call.Evaluate.future(
            pb.EvaluateRequest(request=request_message(asked(4), with_program=True)), timeout=0.05
        )
        until(lambda: statistics(worker).queued == 2 or late.done())
        queued.cancel()
        with pytest.raises(grpc.RpcError) as caught:
            late.result()
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        until(lambda: statistics(worker).queued == 0)
        backend.go.set()
        running.result()
        told = statistics(worker)
    assert backend.batches == [2]
    assert told.completed == 1
    assert told.abandoned + sum(told.failed.values()) == 2


def test_callers_with_the_same_program_and_weights_are_computed_together():
    backend = Waiting()
    settings = WorkerSettings(queue=QueueLimits(batch_rows=100))
    with BackgroundWorker(backend, settings) as worker:
        call = stub(Transport(), worker.address)
        first = call.Evaluate.future(pb.EvaluateRequest(request=request_message(asked(1), with_program=True)))
        assert backend.begun.acquire(timeout=60)
        remote = hq.backend(worker.uri)
        requests = [asked(1).rows(0, 1) for _ in range(5)]
        found = [None] * len(requests)

        def ask(index):
            found[index] = remote.evaluate(requests[index])

        callers = [threading.Thread(target=ask, args=(index,)) for index in range(len(requests))]
        for caller in callers:
            caller.start()
        until(lambda: statistics(worker).queued == len(requests))
        backend.go.set()
        for caller in callers:
            caller.join()
        first.result()
        assert statistics(worker).batches == 2
    assert backend.batches == [1, 5]
    for request, result in zip(requests, found, strict=True):
        assert torch.equal(result.values, EXACT.evaluate(request).values)


def test_a_full_queue_is_waited_for():
    backend = Waiting()
    backend.go.set()
    settings = WorkerSettings(queue=QueueLimits(requests=1, batch_rows=1))
    with BackgroundWorker(backend, settings) as worker:
        remote = RemoteBackend(addresses=(worker.address,), rows_per_call=1)
        request = asked(12)
        found = [None] * 4

        def ask(index):
            found[index] = remote.evaluate(request)

        callers = [threading.Thread(target=ask, args=(index,)) for index in range(len(found))]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    for result in found:
        assert torch.equal(result.values, EXACT.evaluate(request).values)


def test_a_submitted_request_is_taken_up_by_its_key():
    backend = Waiting()
    with BackgroundWorker(backend) as worker:
        call = stub(Transport(), worker.address)
        message = pb.SubmitRequest(request=request_message(asked(), with_program=True), key="mine")
        assert not call.Submit(message).adopted
        assert call.Submit(message).adopted
        assert backend.begun.acquire(timeout=60)
        states = call.Watch(pb.WatchRequest(key="mine"))
        assert next(states).state == pb.WatchReply.RUNNING
        backend.go.set()
        last = next(states)
        assert last.state == pb.WatchReply.COMPLETED
        assert last.result.values.shape == [2, 10]
        assert not call.Cancel(pb.CancelRequest(key="mine")).cancelled
        with pytest.raises(grpc.RpcError) as caught:
            next(call.Watch(pb.WatchRequest(key="another")))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert backend.batches == [2]


def test_whoever_watches_a_queued_request_sees_it_begin():
    backend = Waiting()
    with BackgroundWorker(backend) as worker:
        call = stub(Transport(), worker.address)
        for key in ("first", "second"):
            call.Submit(pb.SubmitRequest(request=request_message(asked(), with_program=True), key=key))
        assert backend.begun.acquire(timeout=60)
        states = call.Watch(pb.WatchRequest(key="second"))
        seen = [next(states).state]
        backend.go.set()
        seen += [reply.state for reply in states]
    assert seen == [pb.WatchReply.QUEUED, pb.WatchReply.RUNNING, pb.WatchReply.COMPLETED]


def test_a_queued_request_can_be_cancelled_by_its_key():
    backend = Waiting()
    with BackgroundWorker(backend) as worker:
        call = stub(Transport(), worker.address)
        for key in ("running", "queued"):
            call.Submit(pb.SubmitRequest(request=request_message(asked(), with_program=True), key=key))
        assert backend.begun.acquire(timeout=60)
        assert call.Cancel(pb.CancelRequest(key="queued")).cancelled
        with pytest.raises(grpc.RpcError) as caught:
            list(call.Watch(pb.WatchRequest(key="queued")))
        assert caught.value.code() is grpc.StatusCode.CANCELLED
        backend.go.set()
    assert backend.batches == [2]
