"""What a worker has done since it started."""

import time
from collections import Counter
from collections.abc import Sequence

from hqdist.errors import HqdistError, WorkerError
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.rpc.worker.schedule import Schedule
from hqdist.rpc.worker.work import AbandonedError, Outcome, Work


class Statistics:
    """Counts requests, rows, shots and time.

    Attributes:
        refused: Requests that were turned away because the queue was full.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.refused = 0
        self._completed = self._abandoned = self._batches = self._rows = self._shots = 0
        self._credits = self._queue_seconds = self._compute_seconds = 0.0
        self._failed: Counter[str] = Counter()

    def batch(self, works: Sequence[Work], start: float, seconds: float) -> None:
        """Requests were computed together."""
        self._batches += 1
        self._compute_seconds += seconds
        self._queue_seconds += sum(start - work.ticket.arrived for work in works)

    def ended(self, work: Work, outcome: Outcome | BaseException) -> None:
        """A request has ended."""
        if isinstance(outcome, AbandonedError) or work.abandoned:
            self._abandoned += 1
        elif isinstance(outcome, BaseException):
            self.failed(outcome)
        else:
            self._completed += 1
            self._rows += work.request.batch
            self._shots += outcome.provenance.shots
            self._credits += outcome.provenance.credits

    def failed(self, error: BaseException) -> None:
        """A request could not be answered."""
        self._failed[(type(error) if isinstance(error, HqdistError) else WorkerError).__name__] += 1

    def message(self, schedule: Schedule) -> pb.StatisticsReply:
        """All of it."""
        return pb.StatisticsReply(
            uptime_seconds=time.monotonic() - self._started,
            queued=schedule.queued,
            queued_rows=schedule.queued_rows,
            running=schedule.running,
            completed=self._completed,
            failed=self._failed,
            refused=self.refused,
            abandoned=self._abandoned,
            batches=self._batches,
            rows=self._rows,
            shots=self._shots,
            credits=self._credits,
            queue_seconds=self._queue_seconds,
            compute_seconds=self._compute_seconds,
        )
