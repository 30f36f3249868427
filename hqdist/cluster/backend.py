"""The backend behind ``ray://name``: requests that a pool's workers evaluate."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from hqdist.cluster.pool import Pool
from hqdist.errors import ConfigurationError, WorkerUnavailableError
from hqdist.rpc.client.client import Client
from hqdist.rpc.client.fleet import Fleet
from hqdist.rpc.client.transport import Transport
from hqdist.rpc.client.workers import WorkersBackend, options_from

#: Seconds for which the directory's word about where the workers are is taken.
_FRESH = 0.5


@dataclass(frozen=True, kw_only=True)
class PoolBackend(WorkersBackend):
    """Evaluates at the workers of a pool: ``hq.backend("ray://name")``.

    Like `WorkersBackend`, but the pool's directory tells where the workers are: those that come, go, die and are
    restarted elsewhere are followed during a call. Whether they speak TLS is the pool's to say, unless `transport`
    does. This process is connected to the Ray cluster on first use.

    Attributes:
        pool: Its name.
        shots: See `WorkersBackend`, as for the following.
        timeout: See `WorkersBackend`.
        rows_per_call: See `WorkersBackend`.
        transport: See `WorkersBackend`.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "ray"

    pool: str

    def __post_init__(self) -> None:
        if not isinstance(self.pool, str) or not self.pool:
            raise ConfigurationError(f"a pool has a name, got {self.pool!r}")
        super().__post_init__()

    @classmethod
    def from_uri(cls, uri: str, **options: Any) -> Self:
        """A pool by ``ray://name``; options as for the class.

        Raises:
            ConfigurationError: If the URI or an option is not valid.
        """
        parts = urlsplit(uri)
        if not parts.netloc or parts.path.strip("/") or ":" in parts.netloc:
            raise ConfigurationError(f"a pool is ray://name, got {uri!r}; the cluster's address goes into RAY_ADDRESS")
        return cls(pool=parts.netloc, **options_from(cls, uri, options, "pool"))

    @property
    def client(self) -> Client:
        """Asks the workers of the pool.

        Raises:
            ConfigurationError: If there is no such pool, or no cluster.
        """
        return Client(_fleet(self.pool, self.transport), self.timeout, self.rows_per_call)


class _Addresses:
    """Where the workers of a pool are, asked for again when the answer is old; the last answer while none comes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._known: tuple[str, ...] = pool.endpoints()
        self._asked = time.monotonic()

    def __call__(self) -> tuple[str, ...]:
        with self._lock:
            if time.monotonic() - self._asked > _FRESH:
                with suppress(WorkerUnavailableError):
                    self._known = self._pool.endpoints(timeout=5.0)
                self._asked = time.monotonic()
            return self._known


@lru_cache(maxsize=64)
def _fleet(name: str, transport: Transport) -> Fleet:
    pool = Pool.find(name)
    if transport.tls is None:  # the pool knows whether its workers speak TLS
        transport = replace(transport, tls=pool.status()["plan"]["security"]["certificate"] is not None)
    return Fleet(_Addresses(pool), transport)
