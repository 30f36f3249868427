"""A worker: a gRPC server around a backend, from its start to its drained end."""

import asyncio
import logging
import os
import secrets
import socket
from importlib.metadata import version

import grpc

from hqdist.errors import ConfigurationError
from hqdist.execution import Backend
from hqdist.rpc.health import Health
from hqdist.rpc.pem import read_pair, read_pem
from hqdist.rpc.service import SERVICE, handler
from hqdist.rpc.tokens import Tokens
from hqdist.rpc.worker.accept import Acceptor, metadata
from hqdist.rpc.worker.authenticate import Authenticate
from hqdist.rpc.worker.condition import Condition
from hqdist.rpc.worker.metrics import MetricsServer
from hqdist.rpc.worker.queue import Queue
from hqdist.rpc.worker.reply import refuse
from hqdist.rpc.worker.settings import Security, WorkerSettings

_log = logging.getLogger("hqdist.worker")


class Worker:
    """Serves a backend over gRPC. Used from one event loop.

    Attributes:
        name: Made anew for each worker: host, process and a random part.
        port: Where it listens; 0 until it has started.
        metrics_port: Where it serves metrics; None if it does not.
    """

    def __init__(self, backend: Backend, settings: WorkerSettings | None = None) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            backend: Who evaluates.
            settings: How it is set up.
        """
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.port = 0
        self.metrics_port: int | None = None
        self._backend = backend
        self._settings = settings or WorkerSettings()
        self._health = Health((SERVICE,), "starting")
        self._condition = Condition(self._health)
        self._queue = Queue(backend, self._settings.queue, self.name)
        self._server: grpc.aio.Server | None = None
        self._metrics: MetricsServer | None = None

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            ConfigurationError: If it cannot listen there, or a file cannot be read.
            MissingDependencyError: If it should serve metrics, and the package for that is not installed.
            HqdistError: Whatever the backend raises when it is asked what it can do.
        """
        settings, security = self._settings, self._settings.security
        server = grpc.aio.server(
            interceptors=[Authenticate(_tokens(security))] if security.asks_for_token else [],
            options=[
                ("grpc.max_receive_message_length", settings.limits.message_bytes + 2**20),
                ("grpc.max_send_message_length", settings.limits.message_bytes + 2**20),
                ("grpc.so_reuseport", 0),  # two workers on one port are a mistake
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 2000),
            ],
        )
        host = f"[{settings.host}]" if ":" in settings.host.strip("[]") else settings.host
        try:
            self.port = _listen(server, f"{host}:{settings.port}", security)
        except RuntimeError as error:
            raise ConfigurationError(f"cannot listen on {host}:{settings.port}: {error}") from error
        server.add_generic_rpc_handlers((self._health.handler(),))
        told = await asyncio.to_thread(metadata, self._backend, settings.limits, self.name, version("hqdist"))
        acceptor = Acceptor(self._backend, self._queue, settings.limits, told, self._condition)
        server.add_generic_rpc_handlers((handler(acceptor, refuse),))
        if settings.metrics_port is not None:
            labels = {"worker": self.name, "backend": self._backend.name}
            told_by = (self._queue.statistics, self._queue.schedule, self._backend.budget_left)
            self._metrics = MetricsServer(*told_by, labels, (settings.host, settings.metrics_port))
            self.metrics_port = self._metrics.port
        await server.start()
        self._server = server
        self._condition.serve()
        _log.info("worker %s serves %s on %s:%s", self.name, self._backend.name, host, self.port)

    async def drain(self) -> None:
        """Take nothing new, and go on with what is there, for as long as the settings give."""
        if self._server is None:
            return
        self._condition.end()
        _log.info("worker %s drains: %s", self.name, self.load())
        try:
            await asyncio.wait_for(self._queue.empty(), self._settings.drain_seconds)
        except TimeoutError:
            _log.warning("worker %s ends with %s", self.name, self.load())

    async def stop(self, grace: float = 1.0) -> None:
        """End; calls that are under way get so many seconds to send their replies."""
        if self._server is not None:
            await self._server.stop(grace)
        if self._metrics is not None:
            await asyncio.to_thread(self._metrics.close)
        self._queue.close()

    def load(self) -> dict[str, int]:
        """What waits and what runs."""
        schedule = self._queue.schedule
        return {"queued": schedule.queued, "queued_rows": schedule.queued_rows, "running": schedule.running}

    @property
    def failing(self) -> bool:
        """Whether the backend has failed of late, and has not been seen to work since."""
        return self._condition.failing


def _listen(server: grpc.aio.Server, address: str, security: Security) -> int:
    if security.certificate is None or security.key is None:
        return int(server.add_insecure_port(address))
    authority = security.client_authority
    credentials = grpc.ssl_server_credentials(
        [read_pair(security.certificate, security.key)],
        root_certificates=None if authority is None else read_pem(authority, "the clients' authority"),
        require_client_auth=authority is not None,
    )
    return int(server.add_secure_port(address, credentials))


def _tokens(security: Security) -> Tokens:
    tokens = Tokens(file=security.token_file, variable=security.token_variable)
    tokens.all()  # a worker without one would turn everybody away
    return tokens
