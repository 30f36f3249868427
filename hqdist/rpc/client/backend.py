"""The backend behind ``grpc://host:port``: workers at given addresses."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from hqdist.errors import ConfigurationError
from hqdist.rpc.client.client import Client
from hqdist.rpc.client.fleet import Fleet
from hqdist.rpc.client.transport import Transport
from hqdist.rpc.client.workers import WorkersBackend, options_from


@dataclass(frozen=True, kw_only=True)
class RemoteBackend(WorkersBackend):
    """Evaluates at workers of given addresses: ``hq.backend("grpc://host:port,host:port")``.

    Attributes:
        addresses: Of the workers, host:port.
        shots: See `WorkersBackend`, as for the following.
        timeout: See `WorkersBackend`.
        rows_per_call: See `WorkersBackend`.
        transport: See `WorkersBackend`.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "grpc"

    addresses: tuple[str, ...]

    def __post_init__(self) -> None:
        given = (self.addresses,) if isinstance(self.addresses, str) else tuple(self.addresses)
        object.__setattr__(self, "addresses", tuple(dict.fromkeys(_address(address) for address in given)))
        if not self.addresses:
            raise ConfigurationError("a remote backend has the address of at least one worker, such as 'host:50051'")
        super().__post_init__()

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
    def client(self) -> Client:
        """Asks the workers at the addresses."""
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
