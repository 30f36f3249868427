"""Quandela's HTTP calls, as Perceval's client makes them, answered by the emulated service."""

import json
import select
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from hqdist_quandela.emulator.faults import FaultPlan
from hqdist_quandela.emulator.refusal import CallRefusedError
from hqdist_quandela.emulator.service import Service

#: Seconds between looks at whether a client that gets no answer has gone.
_LOOK = 0.02


class LoopbackServer(ThreadingHTTPServer):
    """A server on 127.0.0.1, a thread for each call; closing it ends them all."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, port: int, service: Service, plan: FaultPlan, listing: bool) -> None:
        self.service = service
        self.plan = plan
        self.listing = listing
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), _Call)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that have gone; everything else is shown."""
        import sys

        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Dropped(Exception):  # noqa: N818 - no error, but what is to happen
    """The connection is to be dropped without an answer."""


class _Call(BaseHTTPRequestHandler):
    server: LoopbackServer
    server_version = "hqdist-cloud-emulator"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
        """Say nothing: it is a library."""

    def _serve(self, method: str) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, body = 200, self._answer(method, text)
        except CallRefusedError as refusal:
            status, body = refusal.status, refusal.body()
        except _Dropped:
            self.close_connection = True
            return
        answer = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, method: str, text: bytes) -> Any:
        call, argument = _route(method, urlsplit(self.path).path)
        self.server.service.count(call)
        if self._strike("bad_token"):
            raise CallRefusedError(401, "Invalid token")
        if self._strike("locked"):
            raise CallRefusedError(403, "Access to this resource is locked")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.service.check_token(token)
        return self._dispatch(call, token, argument, text)

    def _dispatch(self, call: str, token: str, argument: str, text: bytes) -> Any:
        service = self.server.service
        answers: dict[str, Callable[[], Any]] = {
            "GET /api/platforms/{name}/processor": lambda: service.platform_details(argument),
            "GET /api/platform/{name}": lambda: service.platform_details(argument),
            "POST /api/job": lambda: self._create(token, text),
            "GET /api/job/status/{id}": lambda: self._status(token, argument),
            "GET /api/job/result/{id}": lambda: self._results(token, argument),
            "POST /api/job/cancel/{id}": lambda: service.cancel(token, argument),
            "POST /api/job/rerun/{id}": lambda: {"job_id": service.rerun(token, argument)},
            "GET /api/jobs/availability": lambda: service.availability(token),
        }
        if self.server.listing:
            answers["GET /api/job"] = lambda: service.jobs(token)
        if call not in answers:
            raise CallRefusedError(404, "Not found")
        return answers[call]()

    def _create(self, token: str, text: bytes) -> Any:
        try:
            body = json.loads(text)
        except ValueError:
            raise CallRefusedError(400, "The body is not JSON") from None
        if self._strike("create_drops_uncreated"):
            raise _Dropped
        job_id = self.server.service.create(token, body)
        if self._strike("create_refused_but_created"):
            raise CallRefusedError(400, "The job could not be created")
        if self._strike("create_timeouts"):
            self._outwait_client()
            raise _Dropped
        if self._strike("create_drops"):
            raise _Dropped
        return {"job_id": job_id}

    def _status(self, token: str, job_id: str) -> Any:
        if self._strike("not_found"):
            raise CallRefusedError(404, f"Unknown job {job_id!r}")
        if faults := self._strike("status_errors"):
            raise CallRefusedError(faults.status_error_code, "The service is unavailable")
        if self._strike("status_drops"):
            raise _Dropped
        if faults := self._strike("slow_status"):
            self.server.stopping.wait(faults.slow_status_seconds)
        body = self.server.service.status(token, job_id)
        if self._strike("suspended"):
            body["status"] = "suspended"
        if faults := self._strike("unknown_status"):
            body["status"] = faults.unknown_status_word
        return body

    def _results(self, token: str, job_id: str) -> Any:
        if self._strike("not_found"):
            raise CallRefusedError(404, f"Unknown job {job_id!r}")
        if faults := self._strike("result_errors"):
            raise CallRefusedError(faults.result_error_code, "The service is unavailable")
        if self._strike("result_drops"):
            raise _Dropped
        return self.server.service.results(token, job_id)

    def _strike(self, name: str) -> Any:
        return self.server.plan.strike(name)

    def _outwait_client(self) -> None:
        """Wait until the client has hung up or the server stops."""
        while not self.server.stopping.wait(_LOOK):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable:
                return


def _route(method: str, path: str) -> tuple[str, str]:
    """A call's pattern and the name or id in it, such as ("GET /api/job/status/{id}", "42")."""
    match [method, *path.strip("/").split("/")]:
        case ["GET", "api", "platforms", name, "processor"]:
            return "GET /api/platforms/{name}/processor", unquote_plus(name)
        case ["GET", "api", "platform", name]:
            return "GET /api/platform/{name}", unquote_plus(name)
        case ["GET", "api", "job", ("status" | "result") as what, job_id]:
            return f"GET /api/job/{what}/{{id}}", job_id
        case ["POST", "api", "job", ("cancel" | "rerun") as what, job_id]:
            return f"POST /api/job/{what}/{{id}}", job_id
    return f"{method} {path}", ""
