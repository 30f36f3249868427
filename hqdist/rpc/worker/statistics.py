"""What a worker has done since it started."""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from hqdist.errors import HqdistError, WorkerError
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.rpc.worker.schedule import Schedule
from hqdist.rpc.worker.work import AbandonedError, Outcome, Work


class Distribution:
    """How often a quantity had which size.

    Attributes:
        bounds: Upper bounds of the classes but for the last, which has none.
        counts: How many fell into each class.
        total: Their sum.
    """

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


_SECONDS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
_SIZES = (1, 4, 16, 64, 256, 1024, 4096)


class Statistics:
    """Counts requests, rows, shots and time.

    Attributes:
        refused: Requests that were turned away because the queue was full.
        completed: Requests that were answered.
        abandoned: Requests that were given up by their callers.
        failed: Requests that failed, by the name of the error.
        rows: Rows of answered requests.
        shots: Shots of answered requests.
        credits: Credits of answered requests.
        queue_seconds: What each request that was computed had waited.
        compute_seconds: What each batch took.
        batch_rows: Rows of each batch.
        batch_requests: Requests of each batch.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.refused = self.completed = self.abandoned = self.rows = self.shots = 0
        self.credits = 0.0
        self.failed: Counter[str] = Counter()
        self.queue_seconds, self.compute_seconds = Distribution(*_SECONDS), Distribution(*_SECONDS)
        self.batch_rows, self.batch_requests = Distribution(*_SIZES), Distribution(*_SIZES)

    def batch(self, works: Sequence[Work], start: float, seconds: float) -> None:
        """Requests were computed together."""
        self.compute_seconds.add(seconds)
        self.batch_rows.add(sum(work.request.batch for work in works))
        self.batch_requests.add(len(works))
        for work in works:
            self.queue_seconds.add(start - work.ticket.arrived)

    def ended(self, work: Work, outcome: Outcome | BaseException) -> None:
        """A request has ended."""
        if isinstance(outcome, AbandonedError) or work.abandoned:
            self.abandoned += 1
        elif isinstance(outcome, BaseException):
            self.refuse(outcome)
        else:
            self.completed += 1
            self.rows += work.request.batch
            self.shots += outcome.provenance.shots
            self.credits += outcome.provenance.credits

    def refuse(self, error: BaseException) -> None:
        """A request could not be answered."""
        self.failed[(type(error) if isinstance(error, HqdistError) else WorkerError).__name__] += 1

    def message(self, schedule: Schedule) -> pb.StatisticsReply:
        """All of it."""
        return pb.StatisticsReply(
            uptime_seconds=time.monotonic() - self._started,
            queued=schedule.queued,
            queued_rows=schedule.queued_rows,
            running=schedule.running,
            completed=self.completed,
            failed=self.failed,
            refused=self.refused,
            abandoned=self.abandoned,
            batches=sum(self.batch_rows.counts),
            rows=self.rows,
            shots=self.shots,
            credits=self.credits,
            queue_seconds=self.queue_seconds.total,
            compute_seconds=self.compute_seconds.total,
        )
