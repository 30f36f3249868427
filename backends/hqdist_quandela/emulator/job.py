"""One job of the emulator and the states it goes through."""

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from perceval.serialization import serialize

from hqdist_quandela.emulator.faults import Faults
from hqdist_quandela.emulator.payload import Task
from hqdist_quandela.emulator.platform import Platform
from hqdist_quandela.emulator.statistics import JobRecord

FINAL = frozenset({"completed", "error", "canceled"})


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What the faults have in store for a job, settled when it is created; None where nothing is."""

    failing: Faults | None = None
    truncated: Faults | None = None
    incomplete: Faults | None = None


@dataclass(eq=False, kw_only=True)
class EmulatedJob:
    """A job; its service's lock guards whatever changes.

    Attributes:
        index: How many jobs were created before it.
        token: Whose it is.
        body: What was posted, for reruns.
        status: waiting, running, cancel_requested, completed, error or canceled.
        outcome: What the result call answers in its field `results`.
    """

    index: int
    token: str
    name: str
    platform: Platform
    task: Task
    body: dict[str, Any]
    fate: Fate
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=time.time)
    status: str = "waiting"
    message: str = ""
    started: float = 0.0
    ended: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    shots: int = 0
    credits: float = 0.0
    paid: bool = False
    outcome: str | None = None

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL

    @property
    def iterations(self) -> int:
        """How many results it is to give."""
        return max(len(self.task.iterations), 1)

    def start(self) -> None:
        """A worker has taken it."""
        self.status, self.started = "running", time.time()

    def add(self, row: dict[str, Any], shots: int) -> None:
        """An iteration is done."""
        self.rows.append(row)
        self.shots += shots

    def end(self, status: str, message: str = "") -> None:
        """Settle its state, its results and its price."""
        self.outcome = self._outcome(status)
        self.status, self.message, self.ended = status, message, time.time()
        self.started = self.started or self.ended
        self.paid = status == "completed" or bool(self.rows)
        if self.paid:
            self.credits = self.platform.credits_per_job + self.platform.credits_per_shot * self.shots

    def status_body(self) -> dict[str, Any]:
        """The answer to a status call."""
        return {
            "status": self.status,
            "progress": len(self.rows) / self.iterations,
            "progress_message": f"{len(self.rows)} of {self.iterations} iterations",
            "status_message": self.message,
            "creation_datetime": self.created,
            "start_time": self.started,
            "duration": int(self.ended - self.started),
        }

    def listing(self) -> dict[str, Any]:
        """Its entry in the list of jobs."""
        return {
            "id": self.id,
            "job_id": self.id,
            "job_name": self.name,
            "name": self.name,
            "status": self.status,
            "platform_name": self.platform.name,
            "creation_datetime": self.created,
        }

    def record(self) -> JobRecord:
        """Its entry in the statistics."""
        return JobRecord(
            id=self.id,
            name=self.name,
            platform=self.platform.name,
            command=self.task.command,
            status=self.status,
            iterations=self.iterations,
            rows=len(self.rows),
            shots=self.shots,
            credits=self.credits,
            paid=self.paid,
            created=self.created,
        )

    def _outcome(self, status: str) -> str | None:
        if status == "error" and self.fate.failing is not None:
            return {"null": None, "text": "Traceback: the job has failed", "string": json.dumps("the job has failed")}[
                self.fate.failing.failure_results
            ]
        if not self.rows:
            return None
        if self.task.iterations:
            gone = self.fate.incomplete.missing_rows if self.fate.incomplete is not None else ()
            results: dict[str, Any] = {"results_list": [row for i, row in enumerate(self.rows) if i not in gone]}
        else:
            results = dict(self.rows[0])
        if self.task.context is not None:
            results["job_context"] = self.task.context
        return json.dumps(serialize(results))
