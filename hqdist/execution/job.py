"""A request under way."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from enum import StrEnum

from hqdist.execution.result import Result


class JobStatus(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class Job:
    """A request that is being evaluated while the caller goes on.

    Attributes:
        id: A name for it, unique.
    """

    def __init__(self, evaluate: Callable[[], Result]) -> None:
        """Start evaluating in a thread of its own."""
        self.id = uuid.uuid4().hex
        self._outcome: Future[Result] = Future()
        self._canceled = threading.Event()
        threading.Thread(target=self._run, args=(evaluate,), name=f"hqdist-job-{self.id[:8]}", daemon=True).start()

    @property
    def status(self) -> JobStatus:
        """Where the job is now."""
        if self._canceled.is_set():
            return JobStatus.CANCELED
        if not self._outcome.done():
            return JobStatus.RUNNING
        return JobStatus.FAILED if self._outcome.exception() else JobStatus.COMPLETED

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: If it is not there in time; the job goes on.
            concurrent.futures.CancelledError: If the job was cancelled.
            HqdistError: Whatever the evaluation raised.
        """
        if self._canceled.is_set():
            raise CancelledError(f"job {self.id} was cancelled")
        return self._outcome.result(timeout)

    def cancel(self) -> bool:
        """Give the job up; its result is discarded. False if it had ended already."""
        if self._outcome.done():
            return False
        self._canceled.set()
        return True

    def _run(self, evaluate: Callable[[], Result]) -> None:
        try:
            self._outcome.set_result(evaluate())
        except BaseException as error:
            self._outcome.set_exception(error)
