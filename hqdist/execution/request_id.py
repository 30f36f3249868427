"""The name that follows a request from a layer's call to whoever answers it, through logs, errors and traces."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str | None] = ContextVar("hqdist_request_id", default=None)


def new_request_id() -> str:
    """A name that nothing else has."""
    return secrets.token_hex(8)


def current_request_id() -> str:
    """The name of the request that is being answered in this context, or a new one."""
    return _current.get() or new_request_id()


@contextmanager
def request_id(name: str) -> Iterator[None]:
    """Within this context (in this thread), whatever is asked of backends belongs to the request of this name."""
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)
