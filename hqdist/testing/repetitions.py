"""Checks of many estimates of the same values: their mean, their spread, and what they say of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.execution import Backend, Request
from hqdist.testing.check import require, require_close, require_same
from hqdist.testing.circuits import described, largest_batch, programs, random_request
from hqdist.testing.expected import expected_acceptance, expected_values
from hqdist.testing.reference import as_array
from hqdist.testing.sampling import SIGMAS

#: How often the same values are estimated, and from how many shots each time.
REPETITIONS, REPEATED_SHOTS = 100, 1_000


@dataclass(frozen=True)
class _Repeated:
    """Estimates of one row: values and standard errors (N, R), acceptances (N,) if the backend says any."""

    request: Request
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    acceptance: NDArray[np.float64] | None

    def __str__(self) -> str:
        return f"{described(self.request.program)}, {len(self.values)} times {REPEATED_SHOTS} shots"


def estimates_are_unbiased(backend: Backend) -> None:
    """Estimates spread around what permanents give, and so do acceptances, with the noise that is declared."""
    noise = backend.capabilities.noise
    if noise is not None and noise.random_phases:  # each row has phases of its own
        return
    for repeated in _all_repeated(backend):
        request, program = repeated.request, repeated.request.program
        expected = expected_values(backend, request)[0]
        deviations = (repeated.values.mean(axis=0) - expected) / _error_of_mean(repeated.values)
        require_close(deviations / SIGMAS, np.zeros_like(expected), 1.0, f"{repeated}: the mean, in {SIGMAS} sigma")
        if noise is None and not program.readout.space.post_selects:
            continue
        require(repeated.acceptance is not None, f"{repeated}: no acceptance, though shots are discarded")
        assert repeated.acceptance is not None
        share = expected_acceptance(backend, request)
        deviation = (repeated.acceptance.mean() - share) / _error_of_mean(repeated.acceptance)
        require_close(deviation / SIGMAS, np.zeros(1), 1.0, f"{repeated}: the acceptance, in {SIGMAS} sigma")


def standard_errors_tell_the_spread(backend: Backend) -> None:
    """The square of the standard errors is the variance of estimates, in every space."""
    noise = backend.capabilities.noise
    if noise is not None and noise.random_phases:  # each row has phases of its own
        return
    for space, group in groupby(
        sorted(_all_repeated(backend), key=lambda r: r.request.program.readout.space),
        key=lambda r: r.request.program.readout.space,
    ):
        ratios = []
        for repeated in group:
            stated = (repeated.errors**2).mean(axis=0).sum()
            if stated > 0 or repeated.values.var(axis=0).any():
                ratios.append(repeated.values.var(axis=0, ddof=1).sum() / max(stated, np.finfo(float).tiny))
        # of one variance from N estimates: sqrt(2 / N), whatever else is averaged over
        allowed = SIGMAS * np.sqrt(2 / REPETITIONS / max(1, len(ratios)))
        mean = float(np.mean(ratios)) if ratios else 1.0
        require(
            abs(mean - 1) <= allowed,
            f"{space}: estimates have {mean:.2f} times the variance that their standard errors tell, "
            f"{1 - allowed:.2f} to {1 + allowed:.2f} is allowed",
        )


def estimates_do_not_depend_on_the_split(backend: Backend) -> None:
    """A row's estimate is the same in every bit in its batch and in a part of it that says where it stood."""
    rng = np.random.default_rng(14)
    for program in programs(backend, seed=8):
        if program.complex_valued or program.input_state != (1, 0, 1, 0):
            continue
        batch = largest_batch(backend, 5)
        shots = [REPEATED_SHOTS + row for row in range(batch)]
        whole = random_request(rng, program, batch, torch.float64, shots=shots, seed=3)
        values = backend.evaluate(whole).values
        for first, last in ((0, 1), (1, batch), (batch - 1, batch)):
            if first < last:
                part = backend.evaluate(whole.rows(first, last)).values
                require_same(part, values[first:last], f"{described(program)}: rows {first} to {last} of {batch}")


def _all_repeated(backend: Backend) -> Iterator[_Repeated]:
    rng = np.random.default_rng(13)
    for program in programs(backend, seed=7):
        if program.complex_valued or program.input_state != (1, 0, 1, 0):
            continue
        size = largest_batch(backend, REPETITIONS)
        once = random_request(rng, program, 1, torch.float64, shots=REPEATED_SHOTS, seed=9)
        results = []
        for first in range(0, REPETITIONS, size):
            inputs = once.inputs.expand(min(size, REPETITIONS - first), -1)
            results.append(backend.evaluate(replace(once, inputs=inputs, first_row=first)))
        errors = [result.standard_errors for result in results]
        require(all(part is not None for part in errors), f"{described(program)}: no standard errors")
        shares = [result.acceptance for result in results]
        yield _Repeated(
            once,
            np.concatenate([as_array(result.values) for result in results]),
            np.concatenate([as_array(part) for part in errors if part is not None]),
            np.concatenate([as_array(part) for part in shares if part is not None]) if shares[0] is not None else None,
        )


def _error_of_mean(estimates: NDArray[np.float64]) -> NDArray[np.float64]:
    """One standard deviation of the mean of estimates, by their spread; not below what a single shot more makes."""
    spread: NDArray[np.float64] = estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))
    return spread + 1 / (REPEATED_SHOTS * len(estimates))
