"""What the ledger records of a job."""

from dataclasses import dataclass
from enum import StrEnum


class EntryState(StrEnum):
    """Where a job is, as far as is recorded.

    INTENDED: what it will cost is reserved; it may have been sent. SUBMITTED: the provider has given it an id.
    COMPLETED: its result is here. FAILED: it ended without one, or with a part of it. CANCELED: by us.
    """

    INTENDED = "intended"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is recorded of a job.

    Attributes:
        key: Content hash of all that decides its result.
        attempt: From 1; a request whose job was canceled or forgotten can be asked for once more.
        state: Where it is.
        sent: Whether it may have been sent to the provider.
        forgotten: Whether it stands in the way of another attempt no longer.
        platform: Where it runs.
        backend: The backend that wants it, as a table in JSON.
        name: What it is called at the provider.
        shots: What it takes, or is known to have taken.
        credits: What it costs, or is known to have cost.
        intended_at, submitted_at, ended_at: When, in seconds since 1970; None where it has not happened.
        job_id: The provider's id.
        result: The raw result, or the part of it that came.
        error: Why there is none.
    """

    key: str
    attempt: int
    state: EntryState
    sent: bool
    forgotten: bool
    platform: str
    backend: str
    name: str
    shots: int
    credits: float
    intended_at: float
    submitted_at: float | None
    ended_at: float | None
    job_id: str | None
    result: str | None
    error: str | None

    @property
    def uncertain(self) -> bool:
        """Whether only the provider knows if there is a job."""
        return self.state is EntryState.INTENDED and self.sent
