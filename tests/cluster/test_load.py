"""Many callers at once, while workers are killed: every request is answered, once, and rightly.

Run with ``-rP`` to see how long it took and what memory it needed.
"""

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
import torch

import hqdist as hq
from hqdist.cluster import Pool, PoolPlan
from hqdist.testing.circuits import random_request

CLIENTS, REQUESTS, KILL_EVERY = 64, 10_000, 2.0


@pytest.fixture(scope="module")
def pool(cluster):
    running = Pool.start(PoolPlan(name="load", workers=3, cpus=1))
    yield running
    running.stop()


def mixed():
    """Requests for several programs, in both precisions, and what they give: values, or derivatives."""
    exact, rng = hq.backend("exact"), np.random.default_rng(0)
    programs = [
        hq.Experiment(n_modes=4, n_photons=2).program(2),
        hq.Experiment(n_modes=6, n_photons=3).program(3),
        hq.Experiment(n_modes=5, n_photons=2, circuit_type=hq.CircuitType.PARALLEL).program(2),
        hq.Experiment(n_modes=8, n_photons=2).program(4),
    ]
    found = []
    for program in programs:
        for dtype, batch in ((torch.float32, 1), (torch.float64, 20)):
            request = random_request(rng, program, batch, dtype)
            cotangent = torch.ones(batch, program.outputs, dtype=dtype)
            found.append((request, None, exact.evaluate(request).values))
            found.append((request, cotangent, exact.vjp(request, cotangent).inputs))
    return found


def serving(pool):
    return sorted(w["process"] for w in pool.status()["workers"] if w["state"] == "serving")


def megabytes(process):
    return round(psutil.Process(process).memory_info().rss / 2**20)


def test_ten_thousand_requests_survive_their_workers(pool):
    remote, work = hq.backend("ray://load", timeout=300.0), mixed()
    spared, done, killed = serving(pool)[0], threading.Event(), 0

    def answer(number):
        request, cotangent, expected = work[number % len(work)]
        if cotangent is None:
            return torch.equal(remote.evaluate(request).values, expected)
        return torch.equal(remote.vjp(request, cotangent).inputs, expected)

    def kill():
        nonlocal killed
        rng = random.Random(0)
        while not done.wait(KILL_EVERY):
            if others := [process for process in serving(pool) if process != spared]:
                os.kill(rng.choice(others), signal.SIGKILL)
                killed += 1

    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        right = list(clients.map(answer, range(REQUESTS // 5)))
        before = megabytes(os.getpid()), megabytes(spared)
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            right += clients.map(answer, range(REQUESTS // 5, REQUESTS))
        finally:
            done.set()
            killer.join()
    after = megabytes(os.getpid()), megabytes(spared)
    seconds = time.monotonic() - start
    print(f"{REQUESTS} requests of {CLIENTS} callers in {seconds:.0f} s, {killed} workers killed")
    print("MiB of the callers' process and of a worker, after a fifth of it and at the end:", before, after)
    assert killed > 0
    assert len(right) == REQUESTS
    assert all(right)
    assert after[0] < before[0] + 64
    assert after[1] < before[1] + 64
