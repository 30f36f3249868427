"""Shots drawn from the exact distribution, for programs whose distribution fits in memory."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hqdist.execution import Backend, Counts, Request
from hqdist.program import Probabilities
from hqdist_sampling._random import row_generator


def distribution_request(request: Request) -> Request:
    """The request for the exact probabilities, in float64, of every state of the readout's space."""
    program = replace(request.program, readout=Probabilities(request.program.readout.space))
    weights, inputs = request.weights.double().cpu(), request.inputs.double().cpu()
    return replace(request, program=program, weights=weights, inputs=inputs, shots=None)


def draw_from_distribution(request: Request, seed: int, exact: Backend) -> Iterator[Counts]:
    """The detections of each row that count; how many do is binomial, and which ones they are multinomial."""
    result = exact.evaluate(replace(distribution_request(request), seed=seed))
    states = np.asarray(request.program.states)
    probabilities = result.values.numpy()
    acceptances = np.ones(request.batch) if result.acceptance is None else result.acceptance.numpy()
    for row, shots in enumerate(request.row_shots.tolist()):
        rng = row_generator(seed, request.first_row + row)
        accepted = rng.binomial(shots, min(float(acceptances[row]), 1.0))
        counts = rng.multinomial(accepted, _normalised(probabilities[row]))
        seen = counts.nonzero()[0]
        yield Counts(states[seen], counts[seen], shots, seen)


def _normalised(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = probabilities.clip(min=0.0)  # rounding
    shares: NDArray[np.float64] = positive / positive.sum()
    return shares
