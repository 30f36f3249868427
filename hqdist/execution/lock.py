"""Locks by name that hold between threads and between processes, and end with whoever holds them."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock while the context lasts. A process that is killed holds it no longer.

    Args:
        path: A file that stands for the lock; it is there only while the lock is held or waited for.
        wait: Called while another holds it, again and again; what it raises ends the waiting.

    Raises:
        OSError: If the file cannot be made.
    """
    descriptor = _acquired(path, wait)
    holder = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == holder:  # a child that was forked meanwhile leaves this block too, and holds nothing
            path.unlink(missing_ok=True)  # before the lock is given up: whoever waits on this file sees that it is gone
            _close(descriptor)


def _let_go() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


#: Descriptors of the locks that this process holds or waits for; a forked child would hold them after it was killed.
_held: set[int] = set()
os.register_at_fork(after_in_child=_let_go)


def _acquired(path: Path, wait: Callable[[], None]) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _held.add(descriptor)
        try:
            while not _locked(descriptor):
                wait()
            if _names(path, descriptor):
                return descriptor
        except BaseException:
            _close(descriptor)
            raise
        _close(descriptor)


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _names(path: Path, descriptor: int) -> bool:
    """Whether a path still names the file that is open, and not one that came after it."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))
