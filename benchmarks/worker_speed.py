"""What gRPC costs, and what several workers, batching and many devices give.

- small and large: a request in this process, at a worker on loopback, the bare bytes of the reply over gRPC in one
  message, and two copies of them, one into messages and one out of them.
- two workers: compute-bound work at one worker and at two, one thread each; and the same in one bare process and in
  two, which is what the machine gives.
- batching: sixteen callers with four rows each, computed together and each alone, on a simulator and on a device whose
  jobs take half a second whatever is in them.
- devices: 64 devices whose jobs take a second, against one.
"""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import cache, partial

import grpc
import torch

import hqdist as hq
from benchmarks.circuits import Numbers, Point, program
from benchmarks.harness import Race, race
from benchmarks.machine import pin_threads
from benchmarks.results import Record
from benchmarks.worker_processes import at, together, worker_process

COMPARISON = "worker_speed"
SMALL, LARGE = Point(6, 3, 32), Point(12, 6, 256)
COMPUTE, CALLER, PHOTONS = Point(14, 7, 1024), Point(12, 6, 4), Point(14, 7, 4)
CALLERS, DEVICES = 16, 64


def run(rounds: int, threads: int) -> Record:
    """Measure everything and print a line for each.

    Raises:
        RuntimeError: If a worker's values are not those of this process, bit for bit.
    """
    record = Record(COMPARISON, {"rounds": rounds, "dtype": "float32", "callers": CALLERS, "devices": DEVICES})
    add = record.points.append
    add(_overhead("small", SMALL, rounds, threads))
    add(_overhead("large", LARGE, rounds, threads))
    add(_two_workers(max(3, rounds // 2)))
    add(_batching("batching, simulator", CALLER, rounds, {"batch_rows": 1}, {}))
    add(_batching("batching, more photons", PHOTONS, max(3, rounds // 2), {"batch_rows": 1}, {}, each=2))
    slow = {"latency": 0.5}
    add(_batching("batching, device", CALLER, 3, slow | {"batch_rows": 1}, slow | {"batch_delay": 0.05}, each=1))
    add(_devices())
    return record


def _request(point: Point, readout: hq.Probabilities | None = None) -> hq.Request:
    numbers = Numbers.of(point)
    asked = program(point) if readout is None else replace(program(point), readout=readout)
    return hq.Request(program=asked, weights=numbers.phases, inputs=numbers.inputs)


def _overhead(name: str, point: Point, rounds: int, threads: int) -> dict[str, object]:
    request, here = _request(point), hq.backend("exact")
    values = here.evaluate(request).values
    one = torch.empty_like(values)

    def copies() -> None:
        one.copy_(values)
        torch.empty_like(one).copy_(one)

    with worker_process(threads=threads) as addresses, _echo(values.numel() * values.element_size()) as echo:
        there = at(addresses)
        _same(there, request)
        times = race(
            {
                "here": lambda: here.evaluate(request),
                "there": lambda: there.evaluate(request),
                "bytes": echo,
                "copies": copies,
            },
            rounds=rounds,
        )
    return _point(name, point, times, "there", "here")


def _two_workers(rounds: int) -> dict[str, object]:
    request, half = _compute_bound(COMPUTE.batch), COMPUTE.batch // 2
    with worker_process() as first, worker_process() as second, _bare_process() as a, _bare_process() as b:
        one, two = at(first), at(first + second)
        _same(two, request)
        times = race(
            {
                "one": lambda: one.evaluate(request),
                "two": lambda: two.evaluate(request),
                "bare one": lambda: wait([a.submit(_compute, half), a.submit(_compute, half)]),
                "bare two": lambda: wait([a.submit(_compute, half), b.submit(_compute, half)]),
            },
            rounds=rounds,
            least=0.5,
        )
    return _point("two workers", COMPUTE, times, "one", "two") | {"bare": asdict(times.ratio("bare one", "bare two"))}


@cache
def _compute_bound(rows: int) -> hq.Request:
    return _request(replace(COMPUTE, batch=rows), hq.Probabilities(grouping=hq.LexGrouping(8)))


def _bare_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), pin_threads, (1,))


def _compute(rows: int) -> None:
    hq.backend("exact").evaluate(_compute_bound(rows))


def _batching(
    name: str, point: Point, rounds: int, alone: dict[str, float], joined: dict[str, float], each: int = 8
) -> dict[str, object]:
    request = _request(point)
    with worker_process(**alone) as without, worker_process(**joined) as with_batching:  # type: ignore[arg-type]
        contenders: dict[str, Callable[[], object]] = {
            "alone": partial(together, CALLERS, at(without), request, each),
            "together": partial(together, CALLERS, at(with_batching), request, each),
        }
        _same(at(with_batching), request)
        times = race(contenders, rounds=rounds, warm_up=0.1)
    return _point(name, point, times, "alone", "together") | {"calls of each caller": each}


def _devices() -> dict[str, object]:
    """Jobs a second: of one device with four jobs, and of all devices with two each."""
    one_job = Point(6, 3, 1)
    with ExitStack() as stack:
        processes = [stack.enter_context(worker_process(workers=DEVICES // 4, latency=1.0)) for _ in range(4)]
        addresses = [address for process in processes for address in process]
        rates = {}
        for name, some, jobs in (("one", addresses[:1], 4), ("all", addresses, 2 * DEVICES)):
            backend = at(some, rows_per_call=1)
            _same(backend, _request(replace(one_job, batch=len(some))))
            start = time.perf_counter()
            backend.evaluate(_request(replace(one_job, batch=jobs)))
            rates[name] = jobs / (time.perf_counter() - start)
    ratio = rates["all"] / rates["one"]
    print(
        f"{'devices':>20}: {ratio:.1f}x  one {rates['one']:.2f} jobs/s, {DEVICES} {rates['all']:.1f} jobs/s", flush=True
    )
    return {"name": "devices", "jobs_per_second": rates, "ratio": {"median": ratio}, "others": None}


def _same(backend: hq.Backend, request: hq.Request) -> None:
    expected = hq.backend("exact").evaluate(request).values
    if not torch.equal(backend.evaluate(request).values, expected):
        raise RuntimeError("a worker's values are not those of this process")


@contextmanager
def _echo(size: int) -> Iterator[Callable[[], object]]:
    """A bare gRPC server in another process that answers with so many bytes, by the same options as a worker."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_grpc", str(size)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        options = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}", options) as channel:
            yield partial(channel.unary_unary("/bare/Bytes"), b"")
    finally:
        process.kill()
        process.wait()


def _point(name: str, point: Point, times: Race, slow: str, fast: str) -> dict[str, object]:
    ratio = times.ratio(slow, fast)
    medians = ", ".join(f"{who} {1e3 * times.spread(who).median:.2f} ms" for who in times.seconds)
    print(f"{name:>20}: {ratio.median:.2f}x [{ratio.lower:.2f}, {ratio.upper:.2f}]  {point}  {medians}", flush=True)
    return {"name": name, **asdict(point), "seconds": times.seconds, "calls": times.calls, "others": times.others} | {
        "ratio": asdict(ratio)
    }
