"""Shots drawn from the exact distribution, for programs whose distribution is of moderate size."""

from dataclasses import replace

import numpy as np
from hqdist_exact.parallel import in_parallel

from hqdist.execution import Backend, Counts, Request
from hqdist.program import Probabilities
from hqdist_sampling._multinomial import multinomial, multinomial_work
from hqdist_sampling._random import row_generator


def distribution_request(request: Request) -> Request:
    """The request for the exact probabilities, in float64, of every state of the readout's space."""
    program = replace(request.program, readout=Probabilities(request.program.readout.space))
    weights, inputs = request.weights.double().cpu(), request.inputs.double().cpu()
    return replace(request, program=program, weights=weights, inputs=inputs, shots=None)


def draw_from_distribution(request: Request, seed: int, exact: Backend) -> list[Counts]:
    """The detections of each row that count; how many do is binomial, and which ones they are multinomial."""
    result = exact.evaluate(replace(distribution_request(request), seed=seed))
    states = request.program.states
    probabilities = result.values.numpy().clip(min=0.0)  # rounding
    acceptances = np.ones(request.batch) if result.acceptance is None else result.acceptance.numpy().clip(0.0, 1.0)
    row_shots = request.row_shots.tolist()
    rows: list[Counts] = [Counts(states, np.empty(0), 0.0)] * request.batch

    def draw(first: int, last: int) -> None:
        for row in range(first, last):
            rng = row_generator(seed, request.first_row + row)
            accepted = int(rng.binomial(row_shots[row], acceptances[row]))
            counts = multinomial(rng, accepted, probabilities[row])
            seen = counts.nonzero()[0]
            rows[row] = Counts(states[seen], counts[seen], row_shots[row], seen)

    work = multinomial_work(max(row_shots, default=0), len(states))
    in_parallel(draw, request.batch, work)
    return rows
