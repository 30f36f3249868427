"""A request under way."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
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

    def __init__(self, evaluate: Callable[[], Result], on_cancel: Callable[[], None] | None = None) -> None:
        """Start evaluating in a thread of its own.

        Args:
            evaluate: Gives the result.
            on_cancel: Called once if the job is cancelled, to stop what is under way for it and nothing else.
        """
        self._on_cancel = on_cancel
        self.id = uuid.uuid4().hex
        self._outcome: Future[Result] = Future()
        threading.Thread(target=self._run, args=(evaluate,), name=f"hqdist-job-{self.id[:8]}", daemon=True).start()

    @property
    def status(self) -> JobStatus:
        """Where the job is now."""
        if self._outcome.cancelled():
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
        try:
            return self._outcome.result(timeout)
        except CancelledError:
            raise CancelledError(f"job {self.id} was cancelled") from None

    def cancel(self) -> bool:
        """Give the job up and wake whoever waits for it; its result is discarded. False if it had ended already."""
        first = not self._outcome.cancelled()
        given_up = self._outcome.cancel()
        if given_up and first and self._on_cancel is not None:
            self._on_cancel()
        return given_up

    def _run(self, evaluate: Callable[[], Result]) -> None:
        try:
            result = evaluate()
        except BaseException as error:
            with suppress(InvalidStateError):  # cancelled meanwhile
                self._outcome.set_exception(error)
        else:
            with suppress(InvalidStateError):
                self._outcome.set_result(result)
