"""How a worker is set up: where it listens, what it takes, and whom it trusts."""

import ipaddress
from dataclasses import dataclass, field

from hqdist.errors import ConfigurationError
from hqdist.program.checks import seconds, text, whole
from hqdist.rpc.worker.schedule import QueueLimits


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a worker takes at most.

    Attributes:
        message_bytes: Bytes of a message, in either direction.
        batch: Samples in a request.
        modes: Modes of a program.
        photons: Photons of a program.
    """

    message_bytes: int = 64 * 2**20
    batch: int = 100_000
    modes: int = 256
    photons: int = 64


@dataclass(frozen=True, kw_only=True)
class Security:
    """Whom a worker trusts. Files are read when the worker starts, the token's whenever it changes.

    Attributes:
        certificate: PEM file of the worker's certificate, and those that sign it.
        key: PEM file of its private key.
        client_authority: PEM file of the authority whose certificates clients have to show; None asks for none.
        token_file: File of the tokens that callers have to show, one a line; any of them is taken.
        token_variable: Environment variable of a token, instead of a file.
        insecure: Listen beyond this machine without TLS or without a token, knowing what that means.

    Raises:
        ConfigurationError: If a certificate comes without its key, or an option is no text.
    """

    certificate: str | None = None
    key: str | None = None
    client_authority: str | None = None
    token_file: str | None = None
    token_variable: str | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        for option in ("certificate", "key", "client_authority", "token_file", "token_variable"):
            if (value := getattr(self, option)) is not None:
                object.__setattr__(self, option, text(value, option))
        if (self.certificate is None) != (self.key is None):
            raise ConfigurationError("TLS needs both a certificate and its key")
        if self.client_authority is not None and self.certificate is None:
            raise ConfigurationError("certificates of clients are only looked at over TLS: give certificate and key")
        if self.token_file is not None and self.token_variable is not None:
            raise ConfigurationError("the token comes from token_file or from token_variable, not from both")

    @property
    def asks_for_token(self) -> bool:
        """Whether callers have to show a token."""
        return self.token_file is not None or self.token_variable is not None


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How a worker is set up.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 lets the system choose.
        limits: What it takes at most.
        queue: What may wait, and what is computed together.
        security: Whom it trusts.
        drain_seconds: How long it goes on with what it has when it is told to end.
        metrics_port: Port for Prometheus, on the same address; 0 lets the system choose, None serves none.

    Raises:
        ConfigurationError: If a figure does not fit, or if it would listen beyond this machine without both TLS and a
            token, unless told so.
    """

    host: str = "127.0.0.1"
    port: int = 0
    limits: Limits = field(default_factory=Limits)
    queue: QueueLimits = field(default_factory=QueueLimits)
    security: Security = field(default_factory=Security)
    drain_seconds: float = 30.0
    metrics_port: int | None = None

    def __post_init__(self) -> None:
        for option in ("port", "metrics_port"):
            if (value := getattr(self, option)) is not None:
                whole(value, option, least=0, most=65535, error=ConfigurationError)
        seconds(self.drain_seconds, "drain_seconds", zero=True)
        security = self.security
        if is_loopback(self.host) or security.insecure:
            return
        missing = [
            what
            for what, there in (
                ("TLS (certificate and key)", security.certificate is not None),
                ("a token (token_file or token_variable)", security.asks_for_token),
            )
            if not there
        ]
        if missing:
            raise ConfigurationError(
                f"listening on {self.host} lets others in; give {' and '.join(missing)}, or say insecure if the "
                "network is trusted"
            )


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own and nobody else's."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
