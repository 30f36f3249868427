"""The worker's queue at work: the schedule, with a clock and threads that compute."""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import torch

from hqdist.errors import DeadlineError, HqdistError
from hqdist.execution import Backend, Capabilities, Request
from hqdist.rpc.worker.compute import compute
from hqdist.rpc.worker.pace import Pace
from hqdist.rpc.worker.reply import Reply, reply
from hqdist.rpc.worker.schedule import QueueLimits, Schedule, Ticket
from hqdist.rpc.worker.statistics import Statistics
from hqdist.rpc.worker.work import AbandonedError, Outcome, Work, group_of, is_repeatable


class Queue:
    """Takes requests, has them computed, and tells whoever asked. Used from one event loop only.

    Attributes:
        statistics: What it has done.
    """

    def __init__(self, backend: Backend, limits: QueueLimits, name: str) -> None:
        """Start without work.

        Args:
            backend: Who evaluates.
            limits: What may wait, and what is computed together.
            name: Of the worker, for provenance.
        """
        self.statistics = Statistics()
        self._backend = backend
        self._capabilities: Capabilities | None = None
        self._name = name
        self._schedule = Schedule(limits)
        self._pace = Pace()
        self._threads = ThreadPoolExecutor(limits.slots, thread_name_prefix="hqdist-compute")
        self._works: dict[int, Work] = {}
        self._ids = count()
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def schedule(self) -> Schedule:
        """What waits and what runs, to be read."""
        return self._schedule

    def put(
        self,
        request: Request,
        cotangent: torch.Tensor | None,
        *,
        in_pieces: bool,
        capabilities: Capabilities,
        deadline: float,
        request_id: str,
        done: Callable[[Outcome | BaseException, Reply | BaseException], None],
    ) -> Work:
        """Queue a request.

        Args:
            request: What is to be evaluated.
            cotangent: For a vector-Jacobian product; None for values.
            in_pieces: Whether its values are sent in pieces.
            capabilities: Of the backend.
            deadline: When nobody waits any longer, in this machine's monotonic seconds.
            request_id: Its name in logs.
            done: Called once, in the event loop, with the outcome and its reply; with what went wrong, for both.

        Raises:
            WorkerOverloadedError: If there is no room.
        """
        repeatable = is_repeatable(request, capabilities)
        ticket = Ticket(
            id=next(self._ids),
            group=group_of(request) if repeatable and cotangent is None else None,
            rows=request.batch,
            arrived=time.monotonic(),
            deadline=deadline,
        )
        work = Work(ticket, request, cotangent, repeatable, in_pieces, request_id, done)
        try:
            self._schedule.admit(ticket)
        except HqdistError:
            self.statistics.refused += 1
            raise
        self._works[ticket.id] = work
        self._idle.clear()
        self._pump()
        return work

    def abandon(self, work: Work) -> None:
        """Nobody waits for a request any longer."""
        if work.ticket.id not in self._works:
            return
        work.abandon()
        if self._schedule.drop(work.ticket.id):
            gone = AbandonedError()
            self._end(work, gone, gone)
            self._pump()

    async def empty(self) -> None:
        """Wait until nothing is queued or computed."""
        await self._idle.wait()

    def close(self) -> None:
        """Let go of the threads; what is being computed goes on unheeded."""
        if self._timer is not None:
            self._timer.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _pump(self) -> None:
        """Let run what may run, drop what is late, and come back when there will be more to do."""
        now = time.monotonic()
        for ticket in self._schedule.expired(now):
            late = DeadlineError("the deadline passed while the request was queued")
            self._end(self._works[ticket.id], late, late)
        while batch := self._schedule.next_batch(now):
            self._run(batch)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._schedule.wake_at()
        if at < math.inf:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - now), self._pump)
        if self._schedule.idle:
            self._idle.set()

    def _run(self, batch: list[Ticket]) -> None:
        """Have a batch computed: here and now if that takes no time to speak of, else by a thread."""
        works = [self._works[ticket.id] for ticket in batch]
        for work in works:
            work.begun.set()
        loop, start = asyncio.get_running_loop(), time.monotonic()

        def run() -> tuple[float, list[Outcome | BaseException], list[Reply | BaseException]]:
            outcomes = compute(self._backend, works, self._name)
            replies = [reply(outcome, in_pieces=work.in_pieces) for outcome, work in zip(outcomes, works, strict=True)]
            return time.monotonic() - start, outcomes, replies

        def ended(
            seconds: float, outcomes: list[Outcome | BaseException], replies: list[Reply | BaseException]
        ) -> None:
            self._schedule.finished(batch, seconds)
            self._pace.took(works, seconds)
            self.statistics.batch(works, start, seconds)
            for work, outcome, answer in zip(works, outcomes, replies, strict=True):
                self._end(work, outcome, answer)

        def come_back(*computed: Any) -> None:
            ended(*computed)
            self._pump()

        if self._backend.in_process and self._pace.is_quick(works):
            ended(*run())
        else:
            self._threads.submit(lambda: loop.call_soon_threadsafe(come_back, *run()))

    def _end(self, work: Work, outcome: Outcome | BaseException, answer: Reply | BaseException) -> None:
        del self._works[work.ticket.id]
        work.begun.set()
        self.statistics.ended(work, outcome)
        work.done(outcome, answer)
