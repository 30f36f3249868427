"""Certificates and keys, from the PEM files that a user names."""

import ssl
from pathlib import Path

from hqdist.errors import ConfigurationError


def read_pem(path: str, what: str) -> bytes:
    """The bytes of a file.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be read: {error}") from error


def read_pair(certificate: str, key: str) -> tuple[bytes, bytes]:
    """A private key, and the certificate that belongs to it.

    Raises:
        ConfigurationError: If a file cannot be read, or they do not belong together.
    """
    pair = read_pem(key, "the key"), read_pem(certificate, "the certificate")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            Path(certificate).expanduser(), Path(key).expanduser(), password=b""
        )
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"certificate {certificate} and key {key} are no pair: {error}") from error
    return pair
