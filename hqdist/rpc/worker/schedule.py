"""What a worker computes next: a queue that admits, groups and drops requests. No clock, no threads, no sockets."""

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from hqdist.errors import ConfigurationError, WorkerOverloadedError
from hqdist.program.checks import seconds, whole

#: How much the latest batch counts in the mean time for a row.
_WEIGHT = 0.2


@dataclass(frozen=True, kw_only=True)
class QueueLimits:
    """What may wait, and what is computed together.

    Attributes:
        requests: Most requests that wait.
        rows: Most rows that wait, but one request may always.
        batch_rows: Most rows that are computed together; a single request may have more.
        batch_delay: Seconds that a request waits at most for others to be computed with; 0 computes at once what is
            there. Worth its time on devices whose jobs take longer than this whatever is in them.
        slots: Batches that are computed at the same time.

    Raises:
        ConfigurationError: If a figure does not fit.
    """

    requests: int = 1000
    rows: int = 1_000_000
    batch_rows: int = 1024
    batch_delay: float = 0.0
    slots: int = 1

    def __post_init__(self) -> None:
        for option in ("requests", "rows", "batch_rows", "slots"):
            whole(getattr(self, option), option, least=1, error=ConfigurationError)
        seconds(self.batch_delay, "batch_delay", zero=True)


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A request in the queue.

    Attributes:
        id: Its own.
        group: Requests of the same group may be computed together; None for those that stay alone.
        rows: Its samples.
        arrived: When it came.
        deadline: When nobody waits for it any longer.
    """

    id: int
    group: Hashable
    rows: int
    arrived: float
    deadline: float = math.inf


class Schedule:
    """The queue of a worker, first come, first served. Times are seconds of one monotonic clock.

    A ticket is queued, then running, then gone. `admit` queues it; `next_batch` lets some run; `finished` and `drop`
    end it.
    """

    def __init__(self, limits: QueueLimits) -> None:
        self._limits = limits
        self._queued: OrderedDict[int, Ticket] = OrderedDict()
        self._queued_rows = 0
        self._running: dict[int, Ticket] = {}
        self._batches = 0
        self._seconds_per_row = 0.0

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._queued)

    @property
    def queued_rows(self) -> int:
        """Their rows."""
        return self._queued_rows

    @property
    def running(self) -> int:
        """Requests that are computed."""
        return len(self._running)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._queued and not self._running

    def admit(self, ticket: Ticket) -> None:
        """Queue a request.

        Raises:
            WorkerOverloadedError: If there is no room; it says when there may be.
        """
        limits = self._limits
        full = self.queued >= limits.requests or (self._queued and self._queued_rows + ticket.rows > limits.rows)
        if full:
            seconds = self._queued_rows * self._seconds_per_row / limits.slots
            raise WorkerOverloadedError(
                f"{self.queued} requests with {self._queued_rows} rows wait already; try again later, or elsewhere",
                retry_after=min(max(seconds / 2, 0.05), 10.0),
            )
        self._queued[ticket.id] = ticket
        self._queued_rows += ticket.rows

    def drop(self, ticket_id: int) -> bool:
        """Forget a request that nobody waits for; whether it was still queued. One that runs goes on until finished."""
        ticket = self._queued.pop(ticket_id, None)
        if ticket is not None:
            self._queued_rows -= ticket.rows
        return ticket is not None

    def expired(self, now: float) -> list[Ticket]:
        """The queued requests whose deadline has passed; they are queued no longer."""
        late = [ticket for ticket in self._queued.values() if ticket.deadline <= now]
        for ticket in late:
            self.drop(ticket.id)
        return late

    def next_batch(self, now: float) -> list[Ticket]:
        """The requests to be computed together now; none if there is no slot, or they should wait for others."""
        if self._batches >= self._limits.slots or not self._queued:
            return []
        batch = self._together(next(iter(self._queued.values())))
        if now < self._due(batch):
            return []
        for ticket in batch:
            self.drop(ticket.id)
            self._running[ticket.id] = ticket
        self._batches += 1
        return batch

    def wake_at(self) -> float:
        """When `next_batch` or `expired` will have something without anything else happening; infinity for never."""
        if not self._queued:
            return math.inf
        soonest = min(ticket.deadline for ticket in self._queued.values())
        if self._batches >= self._limits.slots:
            return soonest
        return min(soonest, self._due(self._together(next(iter(self._queued.values())))))

    def finished(self, batch: list[Ticket], seconds: float) -> None:
        """A batch has been computed, or given up, after so many seconds."""
        for ticket in batch:
            del self._running[ticket.id]
        self._batches -= 1
        per_row = seconds / max(1, sum(ticket.rows for ticket in batch))
        self._seconds_per_row += (per_row - self._seconds_per_row) * (_WEIGHT if self._seconds_per_row else 1.0)

    def _together(self, head: Ticket) -> list[Ticket]:
        """The head and those that can be computed with it, in the order of arrival."""
        batch, rows = [head], head.rows
        if head.group is None:
            return batch
        for ticket in self._queued.values():
            if rows >= self._limits.batch_rows:
                break
            if ticket is not head and ticket.group == head.group and rows + ticket.rows <= self._limits.batch_rows:
                batch.append(ticket)
                rows += ticket.rows
        return batch

    def _due(self, batch: list[Ticket]) -> float:
        """When a batch is to be computed: at once if nothing more fits, else when its oldest request has waited."""
        head = batch[0]
        full = head.group is None or sum(ticket.rows for ticket in batch) >= self._limits.batch_rows
        return head.arrived if full else head.arrived + self._limits.batch_delay
