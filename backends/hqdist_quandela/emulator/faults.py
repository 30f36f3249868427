"""How the emulator misbehaves when it is told to."""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Literal

#: What a failed job has for results: nothing, text that is no JSON, or a JSON string that is no object.
FailureResults = Literal["null", "text", "string"]


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Misbehaviour to come. Each number says how many of the next matching calls (or jobs) it strikes.

    Fields that are no counts say how a fault looks. What happens to jobs is settled when they are created.

    Attributes:
        create_refused_but_created: Creations answered 400 although the job was created.
        create_timeouts: Creations whose answer never comes although the job was created.
        create_drops: Creations whose connection is dropped after the job was created.
        create_drops_uncreated: Creations whose connection is dropped before there is a job.
        no_credits: Creations and reruns answered 401 "Not enough credits".
        queue_full: Creations answered 400 "Cannot create more than N jobs".
        not_accepting: Creations answered 400, the platform being in maintenance.
        bad_token: Calls of any kind answered 401, the token being invalid.
        locked: Calls of any kind answered 403.
        not_found: Status and result calls answered 404.
        status_errors: Status calls answered `status_error_code`.
        status_error_code: Such as 408, 409, 421, 423, 429 (which Perceval's client bears), 500 or 503.
        status_drops: Status calls whose connection is dropped.
        slow_status: Status calls answered `slow_status_seconds` late.
        slow_status_seconds: How late, in seconds.
        suspended: Status calls answered with the state "suspended".
        unknown_status: Status calls answered with the state `unknown_status_word`.
        unknown_status_word: A word that no client knows.
        result_errors: Result calls answered `result_error_code`.
        result_error_code: Such as 503.
        result_drops: Result calls whose connection is dropped.
        failing_jobs: Jobs that end in error after having been run for nothing.
        failure_message: What the status of a failed job says.
        failure_results: What a failed job has for results.
        truncated_jobs: Jobs that end canceled after `truncated_rows` iterations, which are kept and paid.
        truncated_rows: How many iterations a truncated job keeps.
        incomplete_jobs: Jobs that complete without the rows `missing_rows` in their results_list.
        missing_rows: Indices of iterations.
    """

    create_refused_but_created: int = 0
    create_timeouts: int = 0
    create_drops: int = 0
    create_drops_uncreated: int = 0
    no_credits: int = 0
    queue_full: int = 0
    not_accepting: int = 0
    bad_token: int = 0
    locked: int = 0
    not_found: int = 0
    status_errors: int = 0
    status_error_code: int = 503
    status_drops: int = 0
    slow_status: int = 0
    slow_status_seconds: float = 1.0
    suspended: int = 0
    unknown_status: int = 0
    unknown_status_word: str = "in_limbo"
    result_errors: int = 0
    result_error_code: int = 503
    result_drops: int = 0
    failing_jobs: int = 0
    failure_message: str = "The job has failed on the platform"
    failure_results: FailureResults = "null"
    truncated_jobs: int = 0
    truncated_rows: int = 1
    incomplete_jobs: int = 0
    missing_rows: tuple[int, ...] = (0,)


class FaultPlan:
    """Which faults are still to strike; safe to use from several threads."""

    def __init__(self, faults: Faults) -> None:
        self._lock = threading.Lock()
        self.replace(faults)

    @property
    def faults(self) -> Faults:
        """The faults as they were given; what has struck already is not subtracted."""
        return self._faults

    def replace(self, faults: Faults) -> None:
        """Forget what was planned and plan these."""
        with self._lock:
            self._faults = faults
            self._struck: Counter[str] = Counter()

    def strike(self, name: str) -> Faults | None:
        """The faults, if the one of this name strikes now (which uses it up once); None if it does not."""
        with self._lock:
            if self._struck[name] >= getattr(self._faults, name):
                return None
            self._struck[name] += 1
            return self._faults
