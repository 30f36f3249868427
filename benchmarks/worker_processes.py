"""Workers in processes of their own, and a device that takes the same time for every job, for benchmarks.

``python -m benchmarks.worker_processes --threads 1 ...`` serves, and prints an address for each worker.
"""

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import hqdist as hq
from benchmarks.machine import pin_threads
from hqdist.rpc.worker import BackgroundWorker, QueueLimits, WorkerSettings, keep_freed_memory


@dataclass(frozen=True, kw_only=True)
class LatencyDevice(hq.Backend):
    """Stands for a device whose jobs take the same time whatever is in them, one after another; values are exact.

    Attributes:
        seconds: What a job takes.
    """

    name: ClassVar[str] = "latency"

    seconds: float

    @property
    def capabilities(self) -> hq.Capabilities:
        return hq.backend("exact").capabilities

    def evaluate(self, request: hq.Request) -> hq.Result:
        time.sleep(self.seconds)
        return hq.backend("exact").evaluate(request)


@contextmanager
def worker_process(
    *, workers: int = 1, threads: int = 1, batch_rows: int = 1024, batch_delay: float = 0.0, latency: float = 0.0
) -> Iterator[tuple[str, ...]]:
    """Workers in one other process; gives their addresses."""
    options = {
        "workers": workers,
        "threads": threads,
        "batch-rows": batch_rows,
        "batch-delay": batch_delay,
        "latency": latency,
    }
    command = [sys.executable, "-m", "benchmarks.worker_processes", *(f"--{k}={v}" for k, v in options.items())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield tuple(process.stdout.readline().split())
    finally:
        process.communicate("")  # the end of its input is its end
        process.wait()


def at(addresses: Sequence[str], **options: object) -> hq.Backend:
    """The backend at some workers."""
    return hq.backend("grpc://" + ",".join(addresses), **options)


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--batch-rows", type=int)
    parser.add_argument("--batch-delay", type=float)
    parser.add_argument("--latency", type=float)
    arguments = parser.parse_args()
    pin_threads(arguments.threads)
    keep_freed_memory()
    backend = LatencyDevice(seconds=arguments.latency) if arguments.latency else hq.backend("exact")
    queue = QueueLimits(batch_rows=arguments.batch_rows, batch_delay=arguments.batch_delay)
    with ExitStack() as stack:
        served = [
            stack.enter_context(BackgroundWorker(backend, WorkerSettings(queue=queue)))
            for _ in range(arguments.workers)
        ]
        print(*(worker.address for worker in served), flush=True)
        sys.stdin.read()


def together(calls: int, work: "hq.Backend", request: hq.Request, each: int) -> None:
    """Let several threads evaluate a request several times each, and wait for all of them."""
    threads = [threading.Thread(target=lambda: [work.evaluate(request) for _ in range(each)]) for _ in range(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
