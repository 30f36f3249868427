"""Values of megabytes come in pieces, and are the values, all of them, whatever happens on the way."""

import os
import signal
from itertools import chain

import numpy as np
import pytest
import torch
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.errors import BackendError
from hqdist.execution import Provenance, Result
from hqdist.rpc import BackgroundWorker, Limits, WorkerSettings
from hqdist.rpc.client import client
from hqdist.rpc.messages import PIECE_BYTES, result_bytes, result_from_pieces, result_pieces
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")
PROGRAM = hq.Experiment(n_modes=10, n_photons=5).program(2)


def asked(batch, dtype=torch.float64):
    return random_request(np.random.default_rng(0), PROGRAM, batch, dtype)


def result(request):
    return Result(values=EXACT.evaluate(request).values, provenance=Provenance(backend="exact", seed=3))


def room(request):
    return torch.full((request.batch, PROGRAM.outputs), float("nan"), dtype=request.inputs.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 200])
def test_pieces_make_the_result(batch, dtype):
    request = asked(batch, dtype)
    sent, into = result(request), room(request)
    found = result_from_pieces(result_pieces(sent), request, into)
    assert torch.equal(into, sent.values)
    assert found.values is into
    assert found.provenance == sent.provenance


def test_no_piece_is_much_larger_than_the_others():
    pieces = list(result_pieces(result(asked(200))))
    assert len(pieces) == 1 + -(-200 * PROGRAM.outputs * 8 // PIECE_BYTES)
    assert max(map(len, pieces)) < PIECE_BYTES + 100


def test_a_reply_that_is_whole_is_read_as_well():
    request = asked(3)
    sent = result(request)
    assert torch.equal(result_from_pieces(iter([result_bytes(sent)]), request, room(request)).values, sent.values)


def test_unknown_fields_of_a_piece_are_tolerated():
    request, unknown = asked(3), b"\xa2\x06\x03xyz"  # field 100
    sent = result(request)
    pieces = (piece + unknown for piece in result_pieces(sent))
    assert torch.equal(result_from_pieces(pieces, request, room(request)).values, sent.values)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda pieces: [], r"values of shape \(\), not \(200, 2002\)"),
        (lambda pieces: pieces[1:], r"values of shape \(\), not \(200, 2002\)"),
        (lambda pieces: pieces[:-1], "ended after 393,216 of 400,400 values"),
        (lambda pieces: [*pieces, pieces[-1]], "57472 bytes came for number 400400 and the next of 400400 of float64"),
        (lambda pieces: [*pieces[:-1], with_data(bytes(8))], "ended after 393,217 of 400,400 values"),
        (lambda pieces: [*pieces[:-1], with_data(bytes(12))], "12 bytes came for number 393216"),
        (lambda pieces: [*pieces[:-1], b"\xff"], "cannot be understood"),
    ],
    ids=["nothing", "no first", "no last", "one twice", "short", "half a number", "nonsense"],
)
def test_what_is_not_the_result_is_an_error(spoil, words):
    request = asked(200)
    with pytest.raises(BackendError, match=words):
        result_from_pieces(iter(spoil(list(result_pieces(result(request))))), request, room(request))


def with_data(data):
    return pb.EvaluateReply(result=pb.Result(values=pb.Tensor(data=data))).SerializeToString()


@pytest.fixture(scope="module")
def workers():
    with WorkerProcess() as first, WorkerProcess() as second:
        yield first, second


@pytest.mark.parametrize("rows", [None, 100])
def test_large_values_of_workers_are_those_of_this_process(workers, rows):
    request = asked(500)
    remote = hq.backend(f"grpc://{workers[0].address},{workers[1].address}", rows_per_call=rows)
    assert torch.equal(remote.evaluate(request).values, EXACT.evaluate(request).values)


@pytest.mark.parametrize("rows", [None, 100])
def test_what_a_worker_raises_is_raised(rows):
    with BackgroundWorker(EXACT, WorkerSettings(limits=Limits(modes=9))) as small:
        remote = hq.backend(small.uri, rows_per_call=rows)
        with pytest.raises(hq.CapabilityError, match="10 modes, at most 9"):
            remote.evaluate(asked(500))


@pytest.mark.parametrize("rows", [None, 400])
def test_a_worker_that_is_killed_while_it_sends_is_replaced_by_another(monkeypatch, rows):
    request, killed = asked(2000), []

    def read(replies, request, into):
        first = next(replies)
        if not killed:
            killed.append(int(pb.EvaluateReply.FromString(first).result.provenance.worker.split(":")[1]))
            os.kill(killed[0], signal.SIGKILL)
        return result_from_pieces(chain((first,), replies), request, into)

    monkeypatch.setattr(client, "result_from_pieces", read)
    with WorkerProcess() as one, WorkerProcess() as other:
        remote = hq.backend(f"grpc://{one.address},{other.address}", rows_per_call=rows)
        found = remote.evaluate(request)
        assert torch.equal(found.values, EXACT.evaluate(request).values)
        assert killed[0] in (one.process_id, other.process_id)
