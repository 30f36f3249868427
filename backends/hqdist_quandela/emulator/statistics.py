"""What the emulator has counted, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """One job that the emulator has created.

    Attributes:
        id: The identifier that the client was (or should have been) given.
        name: The client's name for it.
        platform: The platform it was made for.
        command: probs, sample_count or samples.
        status: The service's word for its state.
        iterations: How many iterations it asks for; 1 where it has no iterator.
        rows: How many of them were computed.
        shots: Shots spent. `probs` fires none.
        credits: What was charged.
        paid: Whether it was charged as a job: it ran to its end or left results.
        created: Seconds since the epoch.
    """

    id: str
    name: str
    platform: str
    command: str
    status: str
    iterations: int
    rows: int
    shots: int
    credits: float
    paid: bool
    created: float


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What the emulator has counted since it was made.

    Attributes:
        jobs: Every job, in the order of creation; reruns are jobs of their own.
        requests: Calls received, by method and path, such as "GET /api/job/status/{id}"; refused ones count too.
    """

    jobs: tuple[JobRecord, ...]
    requests: Mapping[str, int]

    @property
    def created(self) -> int:
        """Number of jobs created."""
        return len(self.jobs)

    @property
    def paid(self) -> int:
        """Number of jobs that ran to their end or left results."""
        return sum(job.paid for job in self.jobs)

    @property
    def shots(self) -> int:
        """Shots spent by all jobs."""
        return sum(job.shots for job in self.jobs)

    @property
    def credits(self) -> float:
        """Credits charged for all jobs."""
        return sum(job.credits for job in self.jobs)

    def job(self, job_id: str) -> JobRecord:
        """The job of this id; KeyError if there is none."""
        for job in self.jobs:
            if job.id == job_id:
                return job
        raise KeyError(job_id)
