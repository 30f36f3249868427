"""Scaleway's HTTP as Perceval's handler makes it, in front of the cloud emulator, which runs its jobs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from hqdist_quandela.emulator import CloudEmulator

KEY = "scaleway-secret"


class Scaleway:
    """One project, its sessions, and what was asked for.

    Attributes:
        sessions: The bodies that opened sessions, by the session's id.
        jobs: For each of the emulator's jobs, the session that it came in.
        silent: While set, calls get no answer.
        refusal: An error that every new job gets.
    """

    def __init__(self, cloud: CloudEmulator, token: str) -> None:
        self.cloud, self.token = cloud, token
        self.sessions: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, str] = {}
        self.url = ""
        self.silent = threading.Event()
        self.refusal: dict[str, Any] | None = None

    def end_sessions(self) -> None:
        """End every session, as idle ones end."""
        for body in self.sessions.values():
            body["ended"] = True

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:  # noqa: PLR0911
        match [method, *path.removeprefix("/qaas/v1alpha1/").split("/")]:
            case ["GET", "platforms"]:
                return 200, {"platforms": [self._platform(query["name"][0])]}
            case ["POST", "sessions"]:
                return 200, {"id": self._session(body)}
            case ["POST", "jobs"]:
                return self._create(body)
            case ["GET", "jobs"]:
                page, size = int(query["page"][0]), int(query["page_size"][0])
                jobs = [self._job(job["job_id"]) for job in self._ask("GET", "/api/job")]
                return 200, {"jobs": jobs[(page - 1) * size : page * size], "total_count": len(jobs)}
            case ["GET", "jobs", job]:
                return 200, self._job(job)
            case ["GET", "jobs", job, "results"]:
                results = self._ask("GET", f"/api/job/result/{job}")["results"]
                return 200, {"job_id": job, "job_results": [{"result": results, "created_at": _now()}]}
            case ["POST", "jobs", job, "cancel"]:
                return 200, self._ask("POST", f"/api/job/cancel/{job}")
        return 404, {"type": "not_found", "message": path}

    def _platform(self, name: str) -> dict[str, Any]:
        details = self._ask("GET", f"/api/platforms/{name}/processor")
        return {"id": name, "name": name, "type": details["type"], "metadata": json.dumps(details["specs"])}

    def _session(self, body: dict[str, Any]) -> str:
        for name, session in self.sessions.items():
            if session["deduplication_id"] == body["deduplication_id"] and "ended" not in session:
                return name
        name = f"session-{len(self.sessions)}"
        self.sessions[name] = body
        return name

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.refusal is not None:
            return 403, self.refusal
        session = self.sessions[body["session_id"]]
        if "ended" in session:
            return 412, {"type": "precondition_failed", "message": "the session has ended"}
        payload = json.loads(body["circuit"]["percevalCircuit"])
        job = {"platform_name": session["platform_id"], "job_name": body["name"], "payload": payload}
        created = self._ask("POST", "/api/job", job)["job_id"]
        self.jobs[created] = body["session_id"]
        return 200, {"id": created}

    def _job(self, job: str) -> dict[str, Any]:
        record, state = self.cloud.statistics().job(job), self._ask("GET", f"/api/job/status/{job}")
        status = {"canceled": "cancelled", "cancel_requested": "cancelling"}.get(state["status"], state["status"])
        return {"id": job, "name": record.name, "status": status, "created_at": _now(), "started_at": _now()}

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method, self.cloud.url + path, json=body, headers={"Authorization": f"Bearer {self.token}"}, timeout=10
        )
        answer.raise_for_status()
        return answer.json()


@contextmanager
def scaleway(cloud: CloudEmulator, token: str) -> Iterator[Scaleway]:
    """The service, while the context lasts."""
    service = Scaleway(cloud, token)

    class Call(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
            pass

        def _serve(self, method: str) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if service.silent.is_set():
                ended.wait()
                return
            url = urlsplit(self.path)
            if self.headers["X-Auth-Token"] != KEY:
                status, answer = 401, {"type": "denied_authentication", "message": "authentication is denied"}
            else:
                status, answer = service.answer(method, url.path, parse_qs(url.query), json.loads(text or "null"))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    ended = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Call)
    server.daemon_threads = False
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        ended.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat() + "Z"
