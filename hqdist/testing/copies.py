"""Checks that a backend is its configuration, and leaves requests as they are."""

import copy
import pickle
from collections.abc import Iterator

import numpy as np
import torch

from hqdist.execution import Backend, Request
from hqdist.testing.check import require, require_same
from hqdist.testing.circuits import described, largest_batch, programs, random_request, shots
from hqdist.testing.gradients import random_cotangent


def it_pickles_and_copies(backend: Backend) -> None:
    """A pickled or deep-copied backend, used before or not, gives the same values."""
    request = next(_requests(backend))
    fresh = pickle.loads(pickle.dumps(backend))
    expected = backend.evaluate(request).values
    for what, other in (
        ("pickled", fresh),
        ("pickled after use", pickle.loads(pickle.dumps(backend))),
        ("deep-copied", copy.deepcopy(backend)),
    ):
        require(type(other) is type(backend), f"{what}: became a {type(other).__name__}")
        require(other.capabilities == backend.capabilities, f"{what}: has other capabilities")
        require_same(other.evaluate(request).values, expected, f"{what}: its values")


def requests_are_left_as_they_are(backend: Backend) -> None:
    """Evaluating and differentiating change neither the numbers nor the autograd state of a request."""
    for request in _requests(backend):
        before = [request.weights.clone(), request.inputs.clone()]
        values = backend.evaluate(request).values.clone()
        if backend.capabilities.adjoint:
            cotangent = random_cotangent(request)
            kept = cotangent.clone()
            backend.vjp(request, cotangent)
            result, pull_back = backend.evaluate_with_vjp(request)
            pull_back(cotangent)
            require_same(cotangent, kept, f"{described(request.program)}: the cotangent after differentiating")
            require_same(result.values, values, f"{described(request.program)}: values with a derivative")
        for name, tensor, old in (
            ("weights", request.weights, before[0]),
            ("inputs", request.inputs, before[1]),
        ):
            case = f"{described(request.program)}: the request's {name}"
            require_same(tensor, old, case)
            require(not tensor.requires_grad, f"{case} require a gradient afterwards")
            require(tensor.grad is None, f"{case} have a gradient afterwards")


def results_do_not_share_memory(backend: Backend) -> None:
    """Values that a caller changes in place change nothing else."""
    for request in _requests(backend):
        first = backend.evaluate(request).values
        kept = first.clone()
        first.zero_()
        require_same(backend.evaluate(request).values, kept, f"{described(request.program)}: evaluated again")


def _requests(backend: Backend) -> Iterator[Request]:
    rng = np.random.default_rng(8)
    for program in programs(backend, seed=4):
        yield random_request(rng, program, largest_batch(backend, 2), torch.float32, shots=shots(backend), seed=1)
