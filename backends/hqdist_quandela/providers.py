"""Where jobs go: Quandela Cloud or Scaleway, each through Perceval's own handler of its calls."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests

from hqdist.errors import MissingDependencyError, PlatformUnavailableError
from hqdist_quandela.client import Client, Rpc, typed_errors

T = TypeVar("T")

_MISSING = 'Perceval is needed for this and is not installed: pip install "hqdist[perceval]"'

#: Seconds after which a session of Scaleway's ends, and ends if it has nothing to do.
_SESSION_SECONDS, _SESSION_IDLE_SECONDS = 3600, 1200

#: Jobs in a page of Scaleway's list.
_PAGE = 100


def quandela_client(platform: str, url: str | None, token: str, timeout: float) -> Client:
    """A client of Quandela Cloud.

    Args:
        platform: Such as ``qpu:belenos``.
        url: Of the service; None for Perceval's default.
        token: The bearer token.
        timeout: Seconds for each HTTP call.
    """
    try:
        from perceval.providers.quandela.rpc_handler import RPCHandler
    except ImportError as error:
        raise MissingDependencyError(_MISSING) from error
    rpc = RPCHandler(platform, url.rstrip("/") if url else None, token)
    rpc.request_timeout = timeout

    def list_jobs() -> list[dict[str, Any]]:
        # Not among the calls of Perceval's client; the service answers it to scripts of its users.
        try:
            answer = rpc.get_request(rpc.build_endpoint("/api/job"))
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code in (404, 405, 501):
                raise NotImplementedError from error
            raise
        if not (isinstance(answer, list) and all(isinstance(job, dict) for job in answer)):
            raise NotImplementedError
        return answer

    return Client(f"{platform} at {rpc.url}", rpc, list_jobs)


def scaleway_client(platform: str, url: str | None, token: str, project: str, session: str, timeout: float) -> Client:
    """A client of Scaleway's quantum service. Each job goes to the running session of a name, or to a new one.

    Args:
        platform: Such as ``sim:ascella``.
        url: Of the service; None for Perceval's default.
        token: The secret key.
        project: The project's id.
        session: A name for the session; processes that give the same name share it.
        timeout: Seconds for each HTTP call, for which Perceval's handler would wait for ever.
    """
    try:
        from perceval.providers.scaleway.scaleway_rpc_handler import RPCHandler
    except ImportError as error:
        raise MissingDependencyError(_MISSING) from error

    def connect() -> Any:
        return RPCHandler(project, token, url.rstrip("/") if url else None, None, platform, None)

    def connect_to_session() -> Any:
        # A handler holds one session for good, but sessions end. Not through Perceval's `Session`, which passes the
        # idle time as the longest time.
        rpc = connect()
        rpc.create_session(session, _SESSION_SECONDS, _SESSION_IDLE_SECONDS)
        return rpc

    def list_jobs() -> list[dict[str, Any]]:
        # Not among the calls of Perceval's handler; the service documents it.
        jobs: list[dict[str, Any]] = []
        while True:
            query = urlencode({"project_id": project, "page": len(jobs) // _PAGE + 1, "page_size": _PAGE})
            answer = requests.get(f"{rpc.url}/qaas/v1alpha1/jobs?{query}", headers=rpc.headers, timeout=timeout)
            answer.raise_for_status()
            page = answer.json()["jobs"]
            jobs += page
            if len(page) < _PAGE:
                return jobs

    with typed_errors(f"asking Scaleway for the platform {platform}", transient=PlatformUnavailableError):
        rpc = _within(timeout, connect)
    return Client(f"{platform} at {rpc.url}", _Bounded(rpc, connect_to_session, timeout), list_jobs)


@dataclass(frozen=True)
class _Bounded:
    """Perceval's handler, each of whose calls takes no longer than a time-out; jobs are created in a live session."""

    rpc: Rpc
    connect_to_session: Callable[[], Rpc]
    timeout: float

    def fetch_platform_details(self) -> dict[str, Any]:
        return _within(self.timeout, self.rpc.fetch_platform_details)

    def create_job(self, cloud_data: dict[str, Any]) -> str:
        return _within(self.timeout, lambda: self.connect_to_session().create_job(cloud_data))

    def get_job_status(self, job_id: str) -> dict[str, Any]:
        return _within(self.timeout, lambda: self.rpc.get_job_status(job_id))

    def get_job_results(self, job_id: str) -> dict[str, Any]:
        return _within(self.timeout, lambda: self.rpc.get_job_results(job_id))

    def cancel_job(self, job_id: str) -> None:
        _within(self.timeout, lambda: self.rpc.cancel_job(job_id))


def _within(seconds: float, call: Callable[[], T]) -> T:
    """What a call gives, if it does so in time; it is left behind if not."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except Exception as error:  # for the caller to see
            outcome.set_exception(error)

    threading.Thread(target=run, name="hqdist-scaleway-call", daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError as error:
        if outcome.done():
            raise
        raise requests.Timeout(f"no answer within {seconds:g} seconds") from error
