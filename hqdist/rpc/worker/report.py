"""What a worker tells of each request: a line in its log, and a span if OpenTelemetry is installed."""

import logging
from collections.abc import Mapping
from typing import Any

from hqdist.errors import HqdistError
from hqdist.execution import Request
from hqdist.rpc.tracing import ServerSpan
from hqdist.rpc.worker.work import AbandonedError, Outcome

_log = logging.getLogger("hqdist.worker")


class Report:
    """One request, from when it is let in to its end."""

    def __init__(self, request_id: str, request: Request, headers: Mapping[str, str], *, values: bool) -> None:
        """Begin.

        Args:
            request_id: What it is called.
            request: What is asked.
            headers: Of the call.
            values: Whether values are asked for, or derivatives.
        """
        self._known = {
            "request_id": request_id,
            "program": request.program.digest[:16],
            "rows": request.batch,
            "asked": "values" if values else "derivatives",
        }
        self._span = ServerSpan("hqdist.worker.evaluate" if values else "hqdist.worker.gradient", headers)

    def ended(self, outcome: Outcome | BaseException) -> None:
        """It has ended, with values, derivatives or an exception."""
        if isinstance(outcome, BaseException):
            self._failed(outcome)
            return
        came = outcome.provenance
        self._span.end(self._attributes(came.queue_seconds, came.compute_seconds), None)
        if _log.isEnabledFor(logging.DEBUG):
            told = {"outcome": "answered", "queue_seconds": came.queue_seconds, "compute_seconds": came.compute_seconds}
            if came.shots:
                told["shots"] = came.shots
            _log.debug("request %s answered", self._known["request_id"], extra=self._known | told)

    def _failed(self, error: BaseException) -> None:
        name = self._known["request_id"]
        known: dict[str, Any] = self._known | {"outcome": "failed", "reason": type(error).__name__}
        self._span.end(self._attributes(None, None), error)
        if isinstance(error, AbandonedError):
            _log.debug("request %s was given up", name, extra=known | {"outcome": "given up"})
        elif isinstance(error, HqdistError):
            _log.debug("request %s failed: %s", name, error, extra=known)
        else:
            _log.error("request %s failed: %s", name, error, extra=known, exc_info=error)

    def _attributes(self, queue: float | None, compute: float | None) -> dict[str, Any]:
        times = {"queue_seconds": queue, "compute_seconds": compute}
        return {f"hqdist.{key}": value for key, value in (self._known | times).items() if value is not None}
