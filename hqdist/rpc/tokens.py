"""Tokens: read from a file or the environment when they are needed, compared in constant time, never stored."""

import hashlib
import hmac
import os
from pathlib import Path

from hqdist.errors import AuthenticationError

#: The metadata of a call that carries the token.
KEY, PREFIX = "authorization", "Bearer "


class Tokens:
    """The tokens in a file, one a line, or the one in an environment variable. A changed file is read again."""

    def __init__(self, *, file: str | None = None, variable: str | None = None) -> None:
        self._path = None if file is None else Path(file).expanduser()
        self._variable = variable
        self._read: tuple[tuple[int, int, int], tuple[str, ...]] | None = None

    def all(self) -> tuple[str, ...]:
        """The tokens as they are now; the first is the one to show.

        Raises:
            AuthenticationError: If there is none, or one cannot be sent.
        """
        tokens = self._from_file(self._path) if self._path is not None else self._from_variable()
        where = self._path if self._path is not None else f"${self._variable}"
        if not tokens:
            raise AuthenticationError(f"there is no token in {where}")
        if not all(token.isascii() and token.isprintable() for token in tokens):
            raise AuthenticationError(f"a token in {where} has other characters than ASCII's printable ones")
        return tokens

    def accept(self, shown: str) -> bool:
        """Whether a token is one of these. Takes as long whatever is wrong with it."""
        try:
            tokens = self.all()
        except AuthenticationError:
            return False
        digest = hashlib.sha256(shown.encode()).digest()
        matches = [hmac.compare_digest(hashlib.sha256(token.encode()).digest(), digest) for token in tokens]
        return any(matches)

    def _from_variable(self) -> tuple[str, ...]:
        return tuple(os.environ.get(self._variable or "", "").split())

    def _from_file(self, path: Path) -> tuple[str, ...]:
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_ino, status.st_size)
            if self._read is None or self._read[0] != version:
                self._read = version, tuple(path.read_text().split())
        except (OSError, UnicodeError) as error:
            raise AuthenticationError(f"the token file {path} cannot be read: {error}") from error
        return self._read[1]
