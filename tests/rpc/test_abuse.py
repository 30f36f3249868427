"""A worker that is sent nonsense, too much, too late, or by callers who do not listen: it says so, and serves on."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import grpc
import numpy as np
import psutil
import pytest
import torch
from test_worker_life import until
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.rpc.client.transport import Transport, stub
from hqdist.rpc.failures import TRAILER
from hqdist.rpc.messages import gradient_request_bytes, request_message
from hqdist.rpc.service import PROCEDURES
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")
PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)
MESSAGES, AT_A_TIME = 10_000, 64


#: Takes seconds to compute and nothing to send.
HEAVY = replace(hq.Experiment(n_modes=12, n_photons=6).program(2), readout=hq.Probabilities(grouping=hq.LexGrouping(8)))


def asked(batch=3, program=PROGRAM):
    return random_request(np.random.default_rng(0), program, batch, torch.float64)


@pytest.fixture(scope="module")
def worker():
    with WorkerProcess() as running:
        yield running


@pytest.fixture(autouse=True)
def serves_on(worker):
    """After each test the next good request has the right values, from the same process."""
    yield
    assert torch.equal(hq.backend(worker.uri).evaluate(asked()).values, EXACT.evaluate(asked()).values)
    assert psutil.Process(worker.process_id).is_running()


def memory(worker):
    return psutil.Process(worker.process_id).memory_info().rss / 2**20


def statistics(worker):
    return stub(Transport(), worker.address).Statistics(pb.StatisticsRequest())


def messages():
    """Good messages, by procedure."""
    request = asked()
    message = request_message(request, with_program=True)
    cotangent = torch.ones(request.batch, PROGRAM.outputs, dtype=torch.float64)
    return {
        "Evaluate": pb.EvaluateRequest(request=message).SerializeToString(),
        "EvaluateInPieces": pb.EvaluateRequest(request=message).SerializeToString(),
        "Gradient": gradient_request_bytes(request, cotangent, with_program=True),
        "Submit": pb.SubmitRequest(request=message, key="k").SerializeToString(),
    }


def hostile_tensors(rng):
    """Well-formed messages whose tensors cannot be."""
    message = request_message(asked(), with_program=True)
    tensor = message.inputs if rng.random() < 0.5 else message.weights
    match rng.randrange(6):
        case 0:
            tensor.shape[:] = [2 ** rng.randrange(64) for _ in range(rng.randrange(4))]
        case 1:
            tensor.shape[:] = [2**32, 2**32, 2**32]
        case 2:
            tensor.data = tensor.data[: rng.randrange(len(tensor.data))]
        case 3:
            tensor.dtype = rng.choice([0, 1, 3, 4, 77])
        case 4:
            special = rng.choice([float("nan"), float("inf"), 1e308, -1e308, 5e-324])
            tensor.data = np.full(len(tensor.data) // 8, special).tobytes()
        case 5:
            message.shots[:] = [rng.randrange(2**64) for _ in range(rng.randrange(5))]
    return pb.EvaluateRequest(request=message).SerializeToString()


def mutated(good, rng):
    raw = bytearray(good)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(raw))
        match rng.randrange(5):
            case 0:
                raw[at] ^= 1 << rng.randrange(8)
            case 1:
                del raw[at : at + rng.choice([1, 4, 1000])]
            case 2:
                raw[at:at] = rng.randbytes(rng.choice([1, 4, 100]))
            case 3:
                raw[at] = rng.choice([0x00, 0x7F, 0x80, 0xFF])
            case 4:
                other = rng.randrange(len(raw))
                raw[at : at + 8], raw[other : other + 8] = raw[other : other + 8], raw[at : at + 8]
        raw = raw or bytearray(b"\0")
    return bytes(raw)


def test_ten_thousand_mutated_messages_are_each_answered_by_values_or_a_typed_error(worker):
    rng, good = random.Random(0), messages()
    sent = [
        ("Evaluate", hostile_tensors(rng)) if rng.random() < 0.2 else (name, mutated(good[name], rng))
        for name in rng.choices(list(good), k=MESSAGES)
    ]
    answers: Counter[str] = Counter()

    async def send_all(sent):
        async with grpc.aio.insecure_channel(worker.address) as channel:
            streams = {name: PROCEDURES[name].streams for name in good}
            procedures = {
                name: (channel.unary_stream if streams[name] else channel.unary_unary)(f"/hqdist.rpc.v1.Worker/{name}")
                for name in good
            }
            queue = iter(sent)

            async def send():
                for name, raw in queue:
                    try:
                        call = procedures[name](raw, timeout=60)
                        _ = [piece async for piece in call] if streams[name] else await call
                        answers["OK"] += 1
                    except grpc.aio.AioRpcError as error:
                        trailer = dict(error.trailing_metadata() or ()).get(TRAILER)
                        if trailer is None:
                            answers[f"no details: {error.code().name} {error.details()}"] += 1
                        else:
                            told = pb.Error.FromString(trailer)
                            answers[told.type or pb.Error.Kind.Name(told.kind)] += 1

            await asyncio.gather(*(send() for _ in range(AT_A_TIME)))

    remote = hq.backend(worker.uri)
    remote.vjp(asked(), torch.ones(3, PROGRAM.outputs, dtype=torch.float64))  # what is compiled once is not a leak
    asyncio.run(send_all(sent[:1000]))
    before = memory(worker)
    asyncio.run(send_all(sent[1000:]))
    print(dict(answers), "MiB after a tenth of it and at the end:", round(before), round(memory(worker)))
    assert set(answers) == {"OK", "RequestError", "ProgramError", "CapabilityError"}
    assert sum(answers.values()) == MESSAGES
    assert memory(worker) < before + 50


def test_what_is_larger_than_a_message_may_be_is_not_read(worker):
    with grpc.insecure_channel(worker.address, [("grpc.max_send_message_length", -1)]) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/hqdist.rpc.v1.Worker/Evaluate")(bytes(2**26 + 2**21))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in caught.value.details()


def test_what_is_late_is_not_computed(worker):
    heavy = asked(100_000, HEAVY)
    before = statistics(worker)
    message = pb.EvaluateRequest(request=request_message(heavy, with_program=True))
    with pytest.raises(grpc.RpcError) as caught:
        stub(Transport(), worker.address).Evaluate(message, timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: statistics(worker).abandoned > before.abandoned)
    until(lambda: statistics(worker).running == 0)
    assert statistics(worker).rows == before.rows


def test_values_that_are_no_numbers_are_refused_here_and_there(worker):
    request = asked()
    message = request_message(request, with_program=True)
    message.inputs.data = np.full(request.inputs.numel(), np.nan).tobytes()
    with pytest.raises(grpc.RpcError) as caught:
        stub(Transport(), worker.address).Evaluate(pb.EvaluateRequest(request=message))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "input 'x0' is nan" in caught.value.details()


@pytest.mark.parametrize(
    "ask",
    ["unary_unary('/hqdist.rpc.v1.Worker/Evaluate').future", "unary_stream('/hqdist.rpc.v1.Worker/EvaluateInPieces')"],
    ids=["whole", "in pieces"],
)
def test_callers_who_do_not_read_their_answers_keep_nobody_waiting(worker, ask):
    """Connections that ask for megabytes and never read from their socket: HTTP/2 flow control stops the worker's
    sending, and nothing else."""
    large = asked(200, hq.Experiment(n_modes=10, n_photons=5).program(2))
    message = pb.EvaluateRequest(request=request_message(large, with_program=True)).SerializeToString()
    hq.backend(worker.uri).evaluate(large)
    silent = "import grpc, os, signal, sys\n"
    silent += "channel = grpc.insecure_channel(sys.argv[1])\n"
    silent += f"ask = channel.{ask}\n"
    silent += "raw = sys.stdin.buffer.read()\n"
    silent += "calls = [ask(raw) for _ in range(20)]\n"
    silent += "print('asked', flush=True)\n"
    silent += "os.kill(os.getpid(), signal.SIGSTOP)\n"
    processes = [
        subprocess.Popen([sys.executable, "-c", silent, worker.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    try:
        for process in processes:
            process.stdin.write(message)
            process.stdin.close()
        for process in processes:
            assert process.stdout.readline() == b"asked\n"
        assert torch.equal(hq.backend(worker.uri).evaluate(asked()).values, EXACT.evaluate(asked()).values)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    until(lambda: statistics(worker).queued + statistics(worker).running == 0)


def test_a_caller_that_is_killed_takes_its_request_along(worker):
    heavy = asked(100_000, HEAVY)
    message = pb.EvaluateRequest(request=request_message(heavy, with_program=True)).SerializeToString()
    caller = "import grpc, sys\n"
    caller += "channel = grpc.insecure_channel(sys.argv[1])\n"
    caller += "channel.unary_unary('/hqdist.rpc.v1.Worker/Evaluate')(sys.stdin.buffer.read())\n"
    before = statistics(worker)
    with subprocess.Popen([sys.executable, "-c", caller, worker.address], stdin=subprocess.PIPE) as process:
        process.stdin.write(message)
        process.stdin.close()
        until(lambda: statistics(worker).running > 0)
        os.kill(process.pid, signal.SIGKILL)
    until(lambda: statistics(worker).abandoned > before.abandoned)
    until(lambda: statistics(worker).running == 0)
    assert statistics(worker).rows == before.rows


@pytest.mark.parametrize("noise", [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 40, b"PRI * HTTP/2.0\r\n\r\nSM"])
def test_connections_that_speak_something_else(worker, noise):
    host, _, port = worker.address.rpartition(":")
    for _ in range(50):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(noise)
