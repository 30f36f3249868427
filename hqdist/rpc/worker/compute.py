"""The part of a worker that computes: batches of requests, by its backend."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import torch

from hqdist.errors import HqdistError
from hqdist.execution import Backend, Provenance, Request, Result
from hqdist.rpc.rows import rows_at_a_time
from hqdist.rpc.worker.work import AbandonedError, Outcome, Work

#: Most rows of exact values that are computed before it is seen whether anybody still waits, and most amplitudes.
_SLICE_ROWS, _SLICE_AMPLITUDES = 1024, 2**24


def compute(backend: Backend, batch: Sequence[Work], worker: str) -> list[Outcome | BaseException]:
    """Compute a batch, and say of each request how it ended.

    Args:
        backend: Who evaluates.
        batch: Requests that may be computed together.
        worker: The name that results come from.
    """
    start = time.monotonic()
    waiting = [work for work in batch if not work.abandoned]
    outcomes: dict[Work, Outcome | BaseException] = {}
    if len(waiting) > 1:
        with suppress(HqdistError, AbandonedError):  # of one of them, perhaps: then each is computed alone
            outcomes = dict(zip(waiting, _together(backend, waiting), strict=True))
    for work in batch:
        if work not in outcomes:
            try:
                outcomes[work] = _alone(backend, work)
            except BaseException as error:
                outcomes[work] = error
    return [_told(outcomes[work], worker, work, start) for work in batch]


def _together(backend: Backend, batch: Sequence[Work]) -> list[Result]:
    joined = replace(batch[0].request, inputs=torch.cat([work.request.inputs for work in batch]), first_row=0)
    result = _evaluated(backend, joined, batch)
    sizes = [work.request.batch for work in batch]
    accepted = [None] * len(batch) if result.acceptance is None else torch.split(result.acceptance, sizes)
    each = result.provenance.compute_seconds / max(1, joined.batch)  # the time that all took, shared out
    return [
        replace(
            result,
            values=values,
            acceptance=kept,
            provenance=replace(result.provenance, compute_seconds=each * len(values)),
        )
        for values, kept in zip(torch.split(result.values, sizes), accepted, strict=True)
    ]


def _alone(backend: Backend, work: Work) -> Outcome:
    if work.abandoned:
        raise AbandonedError
    request = work.request
    if work.cotangent is not None:
        return backend.vjp(request, work.cotangent)
    if backend.capabilities.ledger is not None:  # a provider's job, which can be cancelled
        job = backend.submit(request)
        work.when_abandoned(job.cancel)
        return job.result()
    return _evaluated(backend, request, [work])


def _evaluated(backend: Backend, request: Request, batch: Sequence[Work]) -> Result:
    """Values, a slice of rows after another, until nobody waits for them."""
    size = rows_at_a_time(request.program, _SLICE_AMPLITUDES, _SLICE_ROWS)
    if request.seed is None and request.shots is not None:  # one seed for all slices: the backend's to draw
        size = max(1, request.batch)
    parts = []
    for first in range(0, max(1, request.batch), size):
        if all(work.abandoned for work in batch):
            raise AbandonedError
        parts.append(backend.evaluate(request if size >= request.batch else request.rows(first, first + size)))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: Sequence[Result]) -> Result:
    def joined(tensors: list[torch.Tensor | None]) -> torch.Tensor | None:
        there = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(there) if there else None

    return Result(
        values=torch.cat([part.values for part in parts]),
        standard_errors=joined([part.standard_errors for part in parts]),
        acceptance=joined([part.acceptance for part in parts]),
        provenance=Provenance.joined([part.provenance for part in parts]),
    )


def _told(outcome: Outcome | BaseException, worker: str, work: Work, start: float) -> Outcome | BaseException:
    """The outcome, with the worker's and the request's name and the time spent in the queue in the provenance."""
    if isinstance(outcome, BaseException):
        return outcome
    came = outcome.provenance
    name = worker if came.worker is None else f"{came.worker} by {worker}"
    queued = came.queue_seconds + start - work.ticket.arrived
    told = replace(came, worker=name, queue_seconds=queued, request_id=work.request_id)
    return replace(outcome, provenance=told)
