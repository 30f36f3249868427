"""The submitted requests of a worker, by the keys that their callers chose."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from hqdist.rpc.worker.work import Work

#: Ended requests whose outcome is kept for those who ask again, and bytes of such outcomes.
_MOST, _MOST_BYTES = 1000, 256 * 2**20


@dataclass(frozen=True)
class Submitted:
    """A submitted request, and its outcome when it is there."""

    work: Work
    outcome: "asyncio.Future[Any]"


class Jobs:
    """Submitted requests: those under way, and the last that have ended."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Submitted] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        """Whether a request is known, and has not failed: what failed may be tried again."""
        job = self._jobs.get(key)
        return job is not None and not (job.outcome.done() and job.outcome.exception())

    def get(self, key: str) -> Submitted | None:
        """The request of a key; None if it is not known, or no more."""
        return self._jobs.get(key)

    def add(self, key: str, work: Work, outcome: "asyncio.Future[Any]") -> None:
        """A new request."""
        self._jobs[key] = Submitted(work, outcome)
        outcome.add_done_callback(lambda _: self._forget_old())

    def _forget_old(self) -> None:
        ended = [(key, job) for key, job in self._jobs.items() if job.outcome.done()]
        size = 0
        for place, (key, job) in enumerate(reversed(ended)):
            size += 0 if job.outcome.cancelled() or job.outcome.exception() else len(job.outcome.result())
            if place and (place >= _MOST or size > _MOST_BYTES):
                del self._jobs[key]
