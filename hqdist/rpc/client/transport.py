"""Channels to workers: one for each address, shared by all threads of a process."""

import os
from dataclasses import dataclass
from functools import lru_cache

import grpc

from hqdist.errors import ConfigurationError
from hqdist.program.checks import instance, text
from hqdist.rpc.pem import read_pair, read_pem
from hqdist.rpc.service import Stub
from hqdist.rpc.tokens import KEY, PREFIX, Tokens
from hqdist.rpc.worker.settings import is_loopback

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # the worker's limit is told in its metadata and kept to
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 5_000),  # so that a link that was cut, or a frozen worker, is noticed
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),  # of the same ping; gRPC waits for it by this clock as well, 60 s by default
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How workers are spoken to.

    Attributes:
        authority: PEM file of who signs the workers' certificates; None for those that the system trusts.
        certificate: PEM file of the certificate to show, if workers ask for one.
        key: PEM file of its private key.
        server_name: The name in the workers' certificate, if it is not that of the address.
        token_file: File with the token to show.
        token_variable: Environment variable with it, instead of a file.
        tls: Whether to use TLS; None uses it for every address beyond this machine.

    Raises:
        ConfigurationError: If options contradict each other.
    """

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None
    token_file: str | None = None
    token_variable: str | None = None
    tls: bool | None = None

    def __post_init__(self) -> None:
        for option in ("authority", "certificate", "key", "server_name", "token_file", "token_variable"):
            if (value := getattr(self, option)) is not None:
                object.__setattr__(self, option, text(value, f"{option} of a transport"))
        instance(self.tls, bool | None, "tls of a transport", error=ConfigurationError)
        if (self.certificate is None) != (self.key is None):
            raise ConfigurationError("a certificate is shown with its key: give both certificate and key")
        if self.token_file is not None and self.token_variable is not None:
            raise ConfigurationError("the token comes from token_file or from token_variable, not from both")
        if self.tls is False and any((self.authority, self.certificate, self.server_name)):
            raise ConfigurationError("certificates mean nothing without TLS; leave tls out")

    def secure(self, address: str) -> bool:
        """Whether an address is spoken to over TLS."""
        if self.tls is not None:
            return self.tls
        return any((self.authority, self.certificate, self.server_name)) or not is_loopback(address.rpartition(":")[0])

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a call carries to be let in.

        Raises:
            AuthenticationError: If there should be a token and is none.
        """
        if self.token_file is None and self.token_variable is None:
            return ()
        return ((KEY, PREFIX + _tokens(self.token_file, self.token_variable).all()[0]),)


def stub(transport: Transport, address: str) -> Stub:
    """The stub for a worker, over this process's channel to it."""
    return _stub(transport, address, os.getpid())


@lru_cache(maxsize=1024)
def _stub(transport: Transport, address: str, process: int) -> Stub:
    # by process: a channel does not survive a fork
    options: list[tuple[str, str | int]] = list(_OPTIONS)
    if not transport.secure(address):
        return Stub(grpc.insecure_channel(address, options))
    if transport.server_name is not None:
        options.append(("grpc.ssl_target_name_override", transport.server_name))
    authority, certificate, key = transport.authority, transport.certificate, transport.key
    credentials = grpc.ssl_channel_credentials(
        None if authority is None else read_pem(authority, "the workers' authority"),
        *((None, None) if certificate is None or key is None else read_pair(certificate, key)),
    )
    return Stub(grpc.secure_channel(address, credentials, options))


@lru_cache(maxsize=64)
def _tokens(file: str | None, variable: str | None) -> Tokens:
    return Tokens(file=file, variable=variable)
