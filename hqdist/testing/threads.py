"""Checks that one backend may be used from several threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import torch

from hqdist.execution import Backend, Request
from hqdist.testing.check import require_same
from hqdist.testing.circuits import described, largest_batch, programs, random_request, shots
from hqdist.testing.gradients import random_cotangent

#: Threads that use a backend at once.
THREADS = 4


def threads_do_not_disturb_each_other(backend: Backend) -> None:
    """Threads that evaluate different programs, and the same, at once get the bits that they get one at a time."""
    rng = np.random.default_rng(9)
    rows = largest_batch(backend, 20 if backend.capabilities.exact else 4)  # shots are drawn row by row
    requests = [
        random_request(rng, program, rows, torch.float32, shots=shots(backend), seed=2)
        for program in islice(programs(backend, seed=5), 0, None, 3)
    ]
    ready = threading.Barrier(THREADS)

    def all_from(first: int) -> list[tuple[torch.Tensor, ...]]:
        ready.wait()
        shifted = requests[first:] + requests[:first]
        answers = [_answer(backend, request) for request in shifted]
        back = len(requests) - first
        return answers[back:] + answers[:back]

    starts = [0, 0, len(requests) // 3, 2 * len(requests) // 3]
    with ThreadPoolExecutor(THREADS) as pool:
        at_once = list(pool.map(all_from, starts))
    for number, request in enumerate(requests):
        expected = _answer(backend, request)
        for answers in at_once:
            for found, alone in zip(answers[number], expected, strict=True):
                require_same(found, alone, f"{described(request.program)} in {THREADS} threads")


def _answer(backend: Backend, request: Request) -> tuple[torch.Tensor, ...]:
    if not backend.capabilities.adjoint:
        return (backend.evaluate(request).values,)
    result, pull_back = backend.evaluate_with_vjp(request)
    derivatives = pull_back(random_cotangent(request))
    return result.values, derivatives.weights, derivatives.inputs
