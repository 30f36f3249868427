"""Checks of a backend's own vector-Jacobian products."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from hqdist.execution import Backend, Cotangents, Request
from hqdist.program import ComputationSpace
from hqdist.testing.check import require, require_close, require_same
from hqdist.testing.circuits import described, largest_batch, programs, random_request
from hqdist.testing.expected import DIFFERENCES, expected_vjp, within_reach
from hqdist.testing.reference import as_array

#: How far derivatives may be from float64 finite differences, relative to the largest of them.
TOLERANCE = {torch.float64: 1e-7, torch.float32: 1e-4}

#: A derivative that cancels to less counts as this much.
SMALLEST = {torch.float64: 1e-3, torch.float32: 1.0}


def random_cotangent(request: Request, seed: int = 0) -> torch.Tensor:
    """A random cotangent for a request, (B, R)."""
    generator = torch.Generator().manual_seed(seed)
    dtype = request.inputs.dtype.to_complex() if request.program.complex_valued else request.inputs.dtype
    return torch.randn(request.batch, request.program.outputs, dtype=dtype, generator=generator)


def _requests(backend: Backend, dtype: torch.dtype, batch: int = 2) -> Iterator[Request]:
    rng = np.random.default_rng(3)
    for program in programs(backend, seed=1):
        yield random_request(rng, program, largest_batch(backend, batch), dtype, seed=4)


def gradients_agree_with_differences(backend: Backend) -> None:
    """The derivatives by weights and by inputs equal finite differences, for every readout and space."""
    for request in _requests(backend, torch.float64):
        program, cotangent = request.program, random_cotangent(request)
        if not within_reach(backend, program, DIFFERENCES) or _rounds(backend):
            continue
        by_weights, by_inputs = expected_vjp(backend, request, cotangent)
        single = replace(request, weights=request.weights.float(), inputs=request.inputs.float())
        for asked, direction in ((request, cotangent), (single, cotangent.to(random_cotangent(single).dtype))):
            dtype = asked.inputs.dtype
            found = backend.vjp(asked, direction)
            largest = max(SMALLEST[dtype], np.abs(by_weights).max(initial=0), np.abs(by_inputs).max(initial=0))
            for kind, got, expected in (
                ("weights", found.weights, by_weights),
                ("inputs", found.inputs, by_inputs),
            ):
                what = f"{described(program)}, {dtype}: the derivative by the {kind}, of the largest derivative"
                require_close(as_array(got) / largest, expected / largest, TOLERANCE[dtype], what)


def _rounds(backend: Backend) -> bool:
    """Whether phases are rounded: derivatives go straight through that, differences do not."""
    noise = backend.capabilities.noise
    return noise is not None and noise.phase_imprecision > 0


def gradients_have_the_promised_form(backend: Backend) -> None:
    """The derivatives are (T,) and (B, F) in the request's precision, and come from the backend."""
    for dtype in TOLERANCE:
        for request in _requests(backend, dtype):
            found, case = backend.vjp(request, random_cotangent(request)), described(request.program)
            for kind, got, like in (
                ("weights", found.weights, request.weights),
                ("inputs", found.inputs, request.inputs),
            ):
                require(got.shape == like.shape, f"{case}: {kind} {tuple(got.shape)}, promised {tuple(like.shape)}")
                require(got.dtype == like.dtype, f"{case}: by the {kind} {got.dtype}, promised {like.dtype}")
                require(not got.requires_grad, f"{case}: by the {kind} attached to an autograd graph")
            require(bool(found.provenance.backend), f"{case}: the provenance names no backend")


def kept_gradients_equal_fresh_ones(backend: Backend) -> None:
    """`evaluate_with_vjp` gives the bits of `evaluate` and `vjp`, for any number of cotangents."""
    for request in _requests(backend, torch.float32):
        case = described(request.program)
        result, pull_back = backend.evaluate_with_vjp(request)
        require_same(result.values, backend.evaluate(request).values, f"{case}: values with and without a derivative")
        require(not result.values.requires_grad, f"{case}: values are attached to an autograd graph")
        for seed in range(2):
            cotangent = random_cotangent(request, seed)
            _same(pull_back(cotangent), backend.vjp(request, cotangent), f"{case}: cotangent {seed}")


def a_zero_cotangent_pulls_back_to_zero(backend: Backend) -> None:
    """No change of the values asks for no change of weights and inputs."""
    for request in _requests(backend, torch.float32, batch=1):
        if request.program.readout.space is ComputationSpace.FOCK:
            found = backend.vjp(request, torch.zeros_like(random_cotangent(request)))
            nothing = not found.weights.any() and not found.inputs.any()
            require(nothing, f"{described(request.program)}: a derivative of 0 pulls back to something else")


def _same(found: Cotangents, expected: Cotangents, what: str) -> None:
    require_same(found.weights, expected.weights, f"{what}, by the weights")
    require_same(found.inputs, expected.inputs, f"{what}, by the inputs")
