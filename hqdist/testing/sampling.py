"""Checks of values that are estimated from shots."""

from collections.abc import Iterator

import numpy as np
import torch

from hqdist.execution import Backend, Request
from hqdist.program import Probabilities, observable
from hqdist.testing.check import require, require_close, require_same
from hqdist.testing.circuits import FEW_SHOTS, SHOTS, described, largest_batch, programs, random_request
from hqdist.testing.expected import expected_acceptance, expected_values, within_reach
from hqdist.testing.reference import as_array

#: Standard errors by which an estimate may be off; a seeded check that is right is off by more once in a billion.
SIGMAS = 6.0


def _requests(backend: Backend, seed: int | None = 11, shots: int = FEW_SHOTS) -> Iterator[Request]:
    rng = np.random.default_rng(10)
    for program in programs(backend, seed=6):
        if not program.complex_valued:
            yield random_request(rng, program, largest_batch(backend, 2), torch.float64, shots=shots, seed=seed)


def estimates_agree_with_permanents(backend: Backend) -> None:
    """Values from shots are within their statistical errors of what permanents give."""
    for request in _requests(backend, shots=SHOTS):
        program = request.program
        if not within_reach(backend, program):
            continue
        expected = expected_values(backend, request)
        largest = observable(program.readout, program.states).max(initial=1.0)
        # the variance of a number between 0 and c with mean p is at most p (c - p); a few shots for what is rare
        errors = np.sqrt(np.clip(expected * (largest - expected), 0, None) / SHOTS) + largest / SHOTS
        found = as_array(backend.evaluate(request).values)
        kept = expected_acceptance(backend, request)
        require_close(
            (found - expected) * np.sqrt(kept[:, None]) / errors / SIGMAS, np.zeros_like(found), 1.0, _case(request)
        )


def estimated_probabilities_are_normalised(backend: Backend) -> None:
    """Estimated probabilities are not negative and sum to 1, in every space and grouping."""
    for request in _requests(backend):
        if isinstance(request.program.readout, Probabilities):
            values = as_array(backend.evaluate(request).values)
            require(bool((values >= 0).all()), f"{_case(request)}: a probability is negative")
            require_close(values.sum(axis=1), np.ones(len(values)), 1e-12, f"{_case(request)}: the sum")


def estimates_come_with_their_errors(backend: Backend) -> None:
    """Values from shots come with standard errors of their shape, and with the shots and the seed they took."""
    for request in _requests(backend, seed=None):
        result, case = backend.evaluate(request), _case(request)
        errors = result.standard_errors
        require(errors is not None, f"{case}: no standard errors")
        assert errors is not None
        require(errors.shape == result.values.shape, f"{case}: standard errors of shape {tuple(errors.shape)}")
        require(bool((errors >= 0).all()), f"{case}: a standard error is negative")
        spent = request.total_shots
        require(result.provenance.shots >= spent, f"{case}: {result.provenance.shots} shots reported, {spent} asked")
        require(result.provenance.seed is not None, f"{case}: the seed that was drawn is not reported")


def seeds_decide(backend: Backend) -> None:
    """The same seed gives the same values, and another seed other ones."""
    request = next(r for r in _requests(backend) if r.program.photons > 1 and r.program.modes > 2)
    other = next(r for r in _requests(backend, seed=12) if r.program == request.program)
    values = backend.evaluate(request).values
    require_same(backend.evaluate(request).values, values, f"{_case(request)}: the same seed again")
    require(not torch.equal(backend.evaluate(other).values, values), f"{_case(request)}: another seed, the same values")


def _case(request: Request) -> str:
    return f"{described(request.program)}, {request.shots} shots"
