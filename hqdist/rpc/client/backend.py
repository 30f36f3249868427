"""The backend behind ``grpc://host:port``: requests that workers evaluate."""

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import torch

from hqdist.errors import ConfigurationError
from hqdist.execution import Backend, Capabilities, Cotangents, Job, Request, Result
from hqdist.execution.options import as_value
from hqdist.program.checks import real, whole
from hqdist.rpc.client.client import Client
from hqdist.rpc.client.fleet import Fleet
from hqdist.rpc.client.transport import Transport


@dataclass(frozen=True, kw_only=True)
class RemoteBackend(Backend):
    """Evaluates at workers: ``hq.backend("grpc://host:port,host:port")``.

    What it can do is what the workers' backend can do. A batch is cut into parts of a fixed size, which go to the
    workers with the least to do; a part whose worker fails goes to another one. Values, and derivatives, are the same
    bits whoever answers.

    Attributes:
        addresses: Of the workers, host:port.
        shots: Shots for each sample where a layer names none; None for exact values.
        timeout: Seconds for a call with all its parts, and all that is tried again for it.
        rows_per_call: Rows of a part; None for what suits the program.
        transport: How workers are spoken to, or a table of it: TLS, certificates, the token; see `Transport`.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "grpc"

    addresses: tuple[str, ...]
    shots: int | None = None
    timeout: float = 600.0
    rows_per_call: int | None = None
    transport: Transport = field(default_factory=Transport)

    def __post_init__(self) -> None:
        given = (self.addresses,) if isinstance(self.addresses, str) else tuple(self.addresses)
        object.__setattr__(self, "addresses", tuple(dict.fromkeys(_address(address) for address in given)))
        if not self.addresses:
            raise ConfigurationError("a remote backend has the address of at least one worker, such as 'host:50051'")
        check_options(self)

    @classmethod
    def from_uri(cls, uri: str, **options: Any) -> Self:
        """Workers by ``grpc://host:port[,host:port...]``; options as for the class.

        Raises:
            ConfigurationError: If the URI or an option is not valid.
        """
        parts = urlsplit(uri)
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ConfigurationError(f"workers are grpc://host:port[,host:port...], got {uri!r}")
        addresses = tuple(filter(None, parts.netloc.split(",")))
        return cls(addresses=addresses, **options_from(cls, uri, options, "addresses"))

    @property
    def capabilities(self) -> Capabilities:
        """What the workers' backend can do; the first time, one of them is asked.

        Raises:
            WorkerUnavailableError: If none can be reached.
            AuthenticationError: If they do not take the token.
        """
        return self._client.capabilities

    def evaluate(self, request: Request) -> Result:
        """Evaluate at the workers.

        Raises:
            CapabilityError: If the workers' backend cannot take the request.
            DeadlineError: If the values are not there within `timeout`.
            WorkerUnavailableError: If no worker could be reached in that time.
            AuthenticationError: If the workers do not take the token.
            HqdistError: What the workers' backend raises.
        """
        self.check(request)
        return self._client.evaluate(request)

    def submit(self, request: Request) -> Job:
        """Start evaluating at the workers; cancelling stops what is paid for, too."""
        self.check(request)
        return self._client.submit(request)

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product, by the workers; errors as for `evaluate`."""
        self.check(request)
        return self._client.vjp(request, cotangent)

    @property
    def _client(self) -> Client:
        return Client(_fleet(self.addresses, self.transport), self.timeout, self.rows_per_call)


@lru_cache(maxsize=256)
def _fleet(addresses: tuple[str, ...], transport: Transport) -> Fleet:
    return Fleet(lambda: addresses, transport)


def _address(text: object) -> str:
    """host:port, as gRPC takes it."""
    if isinstance(text, str):
        host, _, port = text.strip().rpartition(":")
        if host and port.isdecimal() and 0 < int(port) < 65536:
            return f"{host}:{int(port)}"
    raise ConfigurationError(f"a worker's address is host:port, such as 'worker.example:50051', got {text!r}")


def check_options(backend: Any) -> None:
    """Check and convert the options that backends at workers share: shots, rows_per_call, timeout, transport.

    Raises:
        ConfigurationError: If one is not valid.
    """
    for option in ("shots", "rows_per_call"):
        value = getattr(backend, option)
        if value is not None:
            object.__setattr__(backend, option, whole(value, option, least=1, error=ConfigurationError))
    timeout = real(backend.timeout, "timeout", error=ConfigurationError)
    if not timeout > 0:
        raise ConfigurationError(f"timeout is a number of seconds above zero, got {timeout:g}")
    object.__setattr__(backend, "timeout", timeout)
    transport = as_value(Transport, backend.transport, "transport") or Transport()
    object.__setattr__(backend, "transport", transport)


def options_from(kind: type[Backend], uri: str, options: dict[str, Any], besides: str) -> dict[str, Any]:
    """The options that come with a URI, if the backend has them.

    Raises:
        ConfigurationError: If it has not.
    """
    known = [option.name for option in fields(kind) if option.name != besides]  # type: ignore[arg-type]
    if unknown := sorted(set(options) - set(known)):
        raise ConfigurationError(f"{uri}: no option {', '.join(unknown)}; its options: {', '.join(known)}")
    return options
