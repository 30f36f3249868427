"""Where the token comes from: the environment or a file, read when it is needed and kept nowhere."""

import os
from pathlib import Path

from hqdist.errors import AuthenticationError


def read_token(variable: str, file: str | None) -> str:
    """The token, from a file if one is named, else from an environment variable.

    Raises:
        AuthenticationError: If there is none. The message never contains a token.
    """
    if file is not None:
        try:
            token = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AuthenticationError(f"the token file {file} cannot be read: {type(error).__name__}") from None
        what = f"the token file {file} is empty"
    else:
        token = os.environ.get(variable, "").strip()
        what = f"no token: set the environment variable {variable}, or give token_file"
    if not token:
        raise AuthenticationError(what)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise AuthenticationError("the token has characters that no token has; it is one word of letters and digits")
    return token
