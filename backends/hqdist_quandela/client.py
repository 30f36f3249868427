"""The narrow adapter around Perceval's client: six calls, each with typed errors."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import requests

from hqdist.errors import (
    AuthenticationError,
    CreditsError,
    JobFailedError,
    PermissionDeniedError,
    PlatformUnavailableError,
    ProviderError,
    QueueFullError,
)

T = TypeVar("T")

#: States in which a job will not change any more, as both providers name them.
ENDED = ("completed", "error", "canceled")

#: States in which it may still bring a result.
UNDER_WAY = ("waiting", "running", "suspended", "cancel_requested")

_STATUS = re.compile(r"status code (\d{3})|^(\d{3}) ")

#: What error texts contain, with or without a status code, and what they mean. A 401 is not always about the token.
_MEANINGS: tuple[tuple[int | None, str, type[ProviderError]], ...] = (
    (401, "not enough", CreditsError),
    (401, "credits are reserved", CreditsError),
    (401, "", AuthenticationError),
    (402, "", CreditsError),
    (400, "cannot create more than", QueueFullError),
    (403, "running quantum toolbox jobs", QueueFullError),
    (403, "", PermissionDeniedError),
    (400, "create job disabled", PlatformUnavailableError),
    (400, "maintenance", PlatformUnavailableError),
    (400, "not accepting", PlatformUnavailableError),
    # Perceval's client for Scaleway passes the answer on without its status code.
    (None, "denied_authentication", AuthenticationError),
    (None, "permissions_denied", PermissionDeniedError),
    (None, "insufficient_permissions", PermissionDeniedError),
    (None, "quotas_exceeded", CreditsError),
    (None, "out_of_stock", PlatformUnavailableError),
    (None, "invalid_arguments", ProviderError),
)


class TransientError(Exception):
    """An answer that says nothing about the job: a dropped connection, a time-out, a busy or broken server."""


class Rpc(Protocol):
    """The part of Perceval's RPC handlers that is used here."""

    def fetch_platform_details(self) -> dict[str, Any]:
        """What the platform says of itself."""
        ...

    def create_job(self, cloud_data: dict[str, Any]) -> str:
        """Create a job: its id."""
        ...

    def get_job_status(self, job_id: str) -> dict[str, Any]:
        """Where a job is."""
        ...

    def get_job_results(self, job_id: str) -> dict[str, Any]:
        """What a job has given."""
        ...

    def cancel_job(self, job_id: str) -> None:
        """Ask for a job to be cancelled."""
        ...


@dataclass(frozen=True)
class JobState:
    """What the provider says of a job.

    Attributes:
        status: One of `UNDER_WAY` or `ENDED`, or a word of the provider's that is neither.
        message: Why it failed, if it did.
        progress: From 0 to 1.
        queue_seconds: From creation to start.
        compute_seconds: How long it ran.
    """

    status: str
    message: str = ""
    progress: float = 0.0
    queue_seconds: float = 0.0
    compute_seconds: float = 0.0


@dataclass(frozen=True)
class Client:
    """One platform of one provider. It makes no retries: what is safe to ask again is for the caller to know.

    Attributes:
        where: The platform and its provider, for messages.
        rpc: Perceval's handler, which holds the token.
        list_jobs: Gives all jobs of the account, for providers that list them; None for others.
    """

    where: str
    rpc: Rpc = field(repr=False)
    list_jobs: Callable[[], list[dict[str, Any]]] | None = field(default=None, repr=False)

    def platform(self) -> dict[str, Any]:
        """What the platform says of itself."""
        with typed_errors(f"asking for the platform {self.where}", transient=PlatformUnavailableError):
            return dict(self.rpc.fetch_platform_details())

    def create(self, body: dict[str, Any]) -> str:
        """Create a job: its id.

        Raises:
            TransientError: If it is unknown whether the job was created.
            QueueFullError: If the account has too many jobs; with this provider even that may have created one.
            ProviderError: If the provider refused for another reason; no job was created.
        """
        with typed_errors("creating a job"):
            return str(self.rpc.create_job(body))

    def find(self, name: str) -> str | None:
        """The id of the job of this name; None if the account has none.

        Raises:
            NotImplementedError: If the provider does not list jobs.
            TransientError: If it does not answer.
        """
        if self.list_jobs is None:
            raise NotImplementedError
        with typed_errors("listing jobs"):
            jobs = self.list_jobs()
        for job in jobs:
            if name in (job.get("job_name"), job.get("name")):
                return str(job.get("job_id") or job["id"])
        return None

    def state(self, job: str) -> JobState:
        """Where a job is."""
        with typed_errors(f"asking after job {job}"):
            answer = self.rpc.get_job_status(job)
        created, started = _number(answer, "creation_datetime"), _number(answer, "start_time")
        return JobState(
            status=str(answer.get("status", "")),
            message=str(answer.get("status_message") or ""),
            progress=_number(answer, "progress"),
            queue_seconds=max(0.0, started - created) if created and started else 0.0,
            compute_seconds=_number(answer, "duration"),
        )

    def results(self, job: str) -> str | None:
        """The raw result of a job: JSON text of Perceval's serialisation, or whatever the provider put there."""
        with typed_errors(f"fetching the result of job {job}"):
            found = self.rpc.get_job_results(job).get("results")
        return None if found is None else str(found)

    def cancel(self, job: str) -> None:
        """Ask for one job to be cancelled."""
        with typed_errors(f"cancelling job {job}"):
            self.rpc.cancel_job(job)


@contextmanager
def typed_errors(doing: str, transient: type[Exception] = TransientError) -> Iterator[None]:
    """Turn what Perceval's client and `requests` raise into errors of ours; what says nothing becomes `transient`."""
    try:
        yield
    except (requests.Timeout, requests.ConnectionError) as error:
        raise transient(f"{doing}: {type(error).__name__}: {_in_words(str(error))}") from None
    except (ProviderError, NotImplementedError):
        raise
    except requests.RequestException as error:
        status, text = _status_of(error), str(error)
        meaning = _meaning(status, text)
        if meaning is not None:
            raise meaning(f"{doing}: {_in_words(text)}") from None
        if status is None or status in (408, 409, 421, 423, 425, 429) or status >= 500:
            raise transient(f"{doing}: {_in_words(text)}") from None
        if status == 404:
            raise (PlatformUnavailableError if "platform" in doing else JobFailedError)(
                f"{doing}: {_in_words(text)}"
            ) from None
        raise ProviderError(f"{doing}: {_in_words(text)}") from None
    except (KeyError, AssertionError, TypeError, ValueError, AttributeError) as error:
        # what Perceval's client does with an answer that is not as it expects
        raise transient(f"{doing}: an answer that cannot be read ({type(error).__name__}: {error})") from None


def _status_of(error: requests.RequestException) -> int | None:
    if error.response is not None:
        return int(error.response.status_code)
    found = _STATUS.search(str(error))
    return int(found[1] or found[2]) if found else None


def _meaning(status: int | None, text: str) -> type[ProviderError] | None:
    lower = text.lower()
    return next((kind for code, words, kind in _MEANINGS if code == status and words in lower), None)


def _in_words(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 500 else f"{line[:500]}…"


def _number(answer: Mapping[str, Any], key: str) -> float:
    try:
        return float(answer.get(key) or 0.0)
    except (TypeError, ValueError):
        return 0.0
