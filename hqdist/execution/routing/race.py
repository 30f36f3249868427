"""Attempts at one thing that run side by side, and jobs that are cancelled together."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from hqdist.execution.job import Job
from hqdist.execution.result import Result

T = TypeVar("T")


class Race(Generic[T]):
    """Attempts in threads of their own, in the order of their completion."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[Future[T]] = SimpleQueue()

    def start(self, attempt: Callable[[], T]) -> None:
        """Start an attempt."""
        threading.Thread(target=copy_context().run, args=(self._run, attempt), name="hqdist-hedge", daemon=True).start()

    def next(self, timeout: float | None = None) -> Future[T] | None:
        """The next attempt that has ended; None if none does within so many seconds."""
        try:
            return self._ended.get(timeout=timeout)
        except Empty:
            return None

    def _run(self, attempt: Callable[[], T]) -> None:
        outcome: Future[T] = Future()
        try:
            outcome.set_result(attempt())
        except BaseException as error:
            outcome.set_exception(error)
        self._ended.put(outcome)


class Jobs:
    """Jobs that are cancelled together, those that come later included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._members: list[Job | Jobs] = []

    def wait_for(self, job: Job) -> Result:
        """The job's result.

        Raises:
            concurrent.futures.CancelledError: If it was cancelled.
        """
        self._add(job)
        return job.result()

    def part(self) -> "Jobs":
        """Some of these jobs, which can be cancelled without the others."""
        part = Jobs()
        self._add(part)
        return part

    def cancel(self) -> None:
        """Cancel them all."""
        with self._lock:
            self._cancelled = True
            members = tuple(self._members)
        for member in members:
            member.cancel()

    def _add(self, member: "Job | Jobs") -> None:
        with self._lock:
            self._members.append(member)
            cancelled = self._cancelled
        if cancelled:
            member.cancel()
