"""What a worker refuses or fails at is raised by its caller as if it had happened there."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import numpy as np
import pytest
import torch

import hqdist as hq
from hqdist.rpc import BackgroundWorker, Limits, WorkerSettings
from hqdist.rpc.client.transport import Transport, stub
from hqdist.rpc.failures import details_of, raised
from hqdist.rpc.messages import request_message
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.testing.circuits import random_request

PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)


def asked(batch=2, program=PROGRAM, **options):
    return random_request(np.random.default_rng(0), program, batch, torch.float64, **options)


class Failing(hq.Backend):
    """Raises what it was made with."""

    name = "failing"
    capabilities = hq.backend("exact").capabilities

    def __init__(self, error):
        self.error = error

    def evaluate(self, request):
        raise self.error


ERRORS = [
    hq.RequestError("wrong"),
    hq.PostSelectionError("nothing left"),
    hq.PrecisionError("spoilt"),
    hq.GradientError("none"),
    hq.BudgetError("spent"),
    hq.CreditsError("spent"),
    hq.QueueFullError("full"),
    hq.PermissionDeniedError("no"),
    hq.PlatformUnavailableError("down"),
    hq.SubmissionUncertainError("who knows"),
    hq.JobFailedError("failed"),
    hq.MissingRowsError("missing", [3, 5]),
    hq.CapabilityError("failing", ["too large", "too many"]),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_caller_raises_what_the_backend_raised(error):
    with BackgroundWorker(Failing(error)) as worker, pytest.raises(type(error)) as caught:
        hq.backend(worker.uri).evaluate(asked())
    assert str(caught.value) == str(error)
    assert type(caught.value) is type(error)
    for name in ("missing", "violations"):
        assert getattr(caught.value, name, None) == getattr(error, name, None)


def test_an_error_that_is_not_ours_says_that_the_worker_failed_and_how():
    with (
        BackgroundWorker(Failing(ZeroDivisionError("division by zero"))) as worker,
        pytest.raises(hq.WorkerError, match=r"the worker failed: ZeroDivisionError: division by zero"),
    ):
        hq.backend(worker.uri).evaluate(asked())


def test_a_worker_keeps_to_its_limits():
    settings = WorkerSettings(limits=Limits(modes=3, batch=5))
    with BackgroundWorker(hq.backend("exact"), settings) as worker:
        remote = hq.backend(worker.uri, rows_per_call=10)
        with pytest.raises(hq.CapabilityError) as caught:
            remote.evaluate(asked(6))
        assert caught.value.violations == ("4 modes, at most 3", "6 samples in a request, at most 5")


def test_a_late_caller_is_told_so():
    with BackgroundWorker(hq.backend("exact")) as worker, pytest.raises(hq.DeadlineError, match="timeout"):
        hq.backend(worker.uri, timeout=1e-6).evaluate(asked())


def test_no_worker_there_is_said_with_its_address():
    remote = hq.backend("grpc://127.0.0.1:1", timeout=0.3)
    with pytest.raises(hq.WorkerUnavailableError, match=r"127\.0\.0\.1:1"):
        remote.evaluate(asked())


def test_somebody_else_behind_the_address_is_no_worker():
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(hq.WorkerError, match="no hqdist worker"):
            hq.backend(f"grpc://127.0.0.1:{port}").evaluate(asked())
    finally:
        server.stop(None).wait()


def _tampered():
    good = request_message(asked(), with_program=True)
    changes = {
        "no tensor": lambda m: m.ClearField("inputs"),
        "another dtype": lambda m: setattr(m.inputs, "dtype", pb.FLOAT32),
        "too few bytes": lambda m: setattr(m.inputs, "data", m.inputs.data[:-1]),
        "a shape that overflows": lambda m: m.inputs.shape.__setitem__(slice(None), [2**63, 2]),
        "NaN": lambda m: setattr(m.weights, "data", np.full(len(PROGRAM.weights), np.nan).tobytes()),
        "other shots": lambda m: m.shots.extend([1, 2, 3]),
        "a seed beyond 63 bits": lambda m: setattr(m, "seed", 2**64 - 1),
        "another digest": lambda m: setattr(m, "program_digest", b"x" * 32),
        "no program": lambda m: setattr(m, "program", b"\xff\xff"),
    }
    for name, change in changes.items():
        message = pb.Request()
        message.CopyFrom(good)
        change(message)
        yield pytest.param(message, id=name)


@pytest.mark.parametrize("message", list(_tampered()))
def test_a_bad_message_is_refused_and_the_next_good_one_served(message):
    with BackgroundWorker(hq.backend("exact")) as worker:
        call = stub(Transport(), worker.address)
        with pytest.raises(grpc.RpcError) as caught:
            call.Evaluate(pb.EvaluateRequest(request=message))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert isinstance(raised(caught.value, "x", "r"), hq.ProgramError | hq.RequestError | hq.CapabilityError)
        call.Evaluate(pb.EvaluateRequest(request=request_message(asked(), with_program=True)))


def test_a_program_travels_once():
    with BackgroundWorker(hq.backend("exact")) as worker:
        call = stub(Transport(), worker.address)
        by_digest = pb.EvaluateRequest(request=request_message(asked(), with_program=False))
        with pytest.raises(grpc.RpcError) as caught:
            call.Evaluate(by_digest)
        assert details_of(caught.value).kind == pb.Error.UNKNOWN_PROGRAM
        call.Evaluate(pb.EvaluateRequest(request=request_message(asked(), with_program=True)))
        call.Evaluate(by_digest)


def test_a_cotangent_of_another_shape_is_refused():
    with BackgroundWorker(hq.backend("exact")) as worker:
        remote = hq.backend(worker.uri)
        with pytest.raises(hq.RequestError, match="the cotangent is"):
            remote.vjp(asked(), torch.zeros(2, 3, dtype=torch.float64))


def test_a_layer_says_why_it_cannot_be_evaluated_there():
    with BackgroundWorker(hq.backend("exact")) as worker:
        remote = hq.backend(worker.uri)
        with pytest.raises(hq.CapabilityError, match="only exact values"):
            remote.evaluate(replace(asked(), shots=10))
