"""Callers who claim requests, in this process and in others."""

import multiprocessing
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

import hqdist as hq
from hqdist.execution import EntryState, Ledger

KEY, OTHER = "a" * 64, "b" * 64

#: Processes come from one that has imported everything, and start in milliseconds.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["hqdist.execution", "pytest"])


def claim(ledger: Ledger, key: str = KEY, **options):
    job = {"platform": "qpu:one", "backend": '{"name": "quandela"}', "name": f"hqdist-{key[:8]}", "shots": 10}
    return ledger.claim(key, **job | {"credits": 0.5} | options)


def run(ledger: Ledger, key: str = KEY, **options) -> None:
    with claim(ledger, key, **options) as claimed:
        claimed.sending()
        claimed.submitted("job-1")
        claimed.completed('{"result": 1}')


def enough() -> None:
    """For a caller who does not wait."""
    raise hq.DeadlineError("enough")


@contextmanager
def other_process(behaviour: Callable[..., None], ledger: Ledger, **options) -> Iterator[tuple]:
    """Another process that behaves so: it, and the connection over which it tells; it ends with the context."""
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=behaviour, args=(ledger, theirs), kwargs=options)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        ours.close()  # whoever waits for our answer goes on
        process.join(30)
        assert process.exitcode is not None


def hold(ledger: Ledger, told: Connection, key: str = KEY, steps: tuple[str, ...] = (), **options) -> None:
    """Claim, take some steps, and hold the claim."""
    try:
        with claim(ledger, key, **options) as claimed:
            for step in steps:
                if step == "sending":
                    claimed.sending()
                elif step == "submitted":
                    claimed.submitted("job-1")
                else:
                    _fill_the_disk(claimed)
            _say_and_wait(told)
    except hq.HqdistError as error:
        told.send(type(error).__name__)


def hold_and_fork(ledger: Ledger, told: Connection) -> None:
    """Claim, and have a child while the claim is held that lives on."""
    with claim(ledger):
        ready, started = os.pipe()
        if os.fork() == 0:
            os.write(started, b"!")
            with suppress(EOFError):
                told.recv()
            os._exit(0)
        os.read(ready, 1)
        _say_and_wait(told)


def hold_and_leave_in_child(ledger: Ledger, told: Connection) -> None:
    """Claim, and have a child that leaves the claim before its parent does."""
    with claim(ledger):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            _say_and_wait(told)
    if child == 0:
        os._exit(0)


def pay_if_new(ledger: Ledger, told: Connection) -> None:
    """Claim, tell what was found, and see it through if nobody has."""
    with claim(ledger) as claimed:
        found = claimed.entry.state
        if found is EntryState.INTENDED:
            claimed.sending()
            claimed.submitted(f"job of {os.getpid()}")
            claimed.completed("{}")
    told.send(str(found))


def _say_and_wait(told: Connection) -> None:
    told.send("holding")
    with suppress(EOFError):
        told.recv()


def _fill_the_disk(claimed) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    claimed.completed("x" * 1_000_000)
