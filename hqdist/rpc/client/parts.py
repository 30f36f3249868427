"""How a request is cut into parts, one for each call, and how their answers are put together.

The cut follows from the program and the batch alone, never from how many workers there are, and sums over a batch are
taken part by part in order: the same request gives the same bits whoever answers which part.
"""

import math
from collections.abc import Sequence

import torch

from hqdist.execution import Cotangents, Provenance, Request, Result
from hqdist.rpc.rows import LANES, rows_at_a_time

#: Amplitudes in a part, about: some milliseconds of computing, as a call of its own costs about one.
_AMPLITUDES = 2**24

#: Most rows of a part.
_MOST = 1024


def part_rows(request: Request, wanted: int | None, message_bytes: int, max_batch: int | None) -> int:
    """Rows of a part, the last one apart; about as many in each, and an even number of parts unless it is one.

    Args:
        request: What is cut.
        wanted: What the user asks for; None leaves it to the size of the program.
        message_bytes: Bytes that an answer may have.
        max_batch: Most rows that the workers' backend takes.
    """
    program = request.program
    if wanted is None:
        parts = math.ceil(request.batch / rows_at_a_time(program, _AMPLITUDES, _MOST))
        parts += parts % 2 if parts > 1 else 0
        wanted = math.ceil(request.batch / max(1, parts) / LANES) * LANES
    fitting = message_bytes // (16 * max(program.outputs, len(program.inputs), 1))
    return max(1, min(wanted, fitting, max_batch or wanted))


def cut(request: Request, rows: int) -> list[tuple[int, int]]:
    """First and last-plus-one row of each part; one part without rows for a batch without."""
    return [(first, min(first + rows, request.batch)) for first in range(0, max(1, request.batch), rows)]


def joined_results(values: torch.Tensor, parts: Sequence[Result]) -> Result:
    """The result of a request from those of its parts, whose values are together already."""

    def joined(tensors: list[torch.Tensor | None]) -> torch.Tensor | None:
        there = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(there).to(values.device) if there else None

    return Result(
        values=values,
        standard_errors=joined([part.standard_errors for part in parts]),
        acceptance=joined([part.acceptance for part in parts]),
        provenance=Provenance.joined([part.provenance for part in parts]),
    )


def joined_cotangents(request: Request, parts: Sequence[Cotangents]) -> Cotangents:
    """The vector-Jacobian product of a request from those of its parts; sums over rows in float64, in order."""
    weights = torch.zeros_like(parts[0].weights, dtype=torch.float64)
    for part in parts:
        weights += part.weights
    return Cotangents(
        weights=weights.to(request.weights),
        inputs=torch.cat([part.inputs for part in parts]).to(request.inputs.device),
        provenance=Provenance.joined([part.provenance for part in parts]),
    )
