"""The ledger: every job that costs something, recorded before, while and after it is paid for."""

import math
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hqdist.errors import HqdistError, LedgerError
from hqdist.execution.budget import Budget, Spending
from hqdist.execution.entry import Entry, EntryState
from hqdist.execution.lock import exclusive
from hqdist.program.checks import member, text

#: Version of the tables, as SQLite's ``user_version``.
_VERSION = 2

#: Seconds to wait for another process's transaction.
_BUSY_SECONDS = 30.0

#: Seconds between looks at a job that another caller sees through.
_LOOK_SECONDS = 0.05


class Ledger:
    """A file of jobs, in SQLite, that any number of threads and processes may use at once.

    Every change is on the disk when the call that makes it returns. The file is for its owner's eyes only, and holds no
    secrets.

    Args:
        path: The file; it is made on first use. Locks are held on files in the directory ``PATH.locks`` beside it.

    Raises:
        LedgerError: If this is no path.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(text(path, "the path of a ledger", error=LedgerError)).expanduser()

    @contextmanager
    def claim(
        self,
        key: str,
        *,
        platform: str,
        backend: str,
        name: str,
        shots: int,
        credits: float,  # noqa: A002 - the field's word
        budget: Budget | None = None,
        along: Spending | None = None,
        wait: Callable[[], None] = lambda: time.sleep(_LOOK_SECONDS),
    ) -> Iterator["Claim"]:
        """Be the only one, of all threads and processes, to see a request through.

        A request that is new, or whose last job was canceled or forgotten, becomes an intent that reserves what it will
        cost; another one is taken up where it is. Whoever claims several requests at once does so in the order of their
        keys, or two may wait for each other.

        Args:
            key: Content hash of all that decides the result.
            platform: Where it runs; budgets count what was spent there.
            backend: The backend that wants it, as a table in JSON without secrets.
            name: What the job will be called at the provider; later attempts get a number.
            shots: What it will take.
            credits: What it will cost.
            budget: What may be spent on the platform in all.
            along: What the caller has claimed for the same purpose and not submitted yet, for messages.
            wait: Called again and again while another caller has the claim; what it raises ends the waiting.

        Raises:
            BudgetError: If a new intent would exceed the budget; nothing is recorded.
            LedgerError: If the file cannot be used, or the key or a figure is none.
        """
        if not (key.isascii() and key.isalnum()):
            raise LedgerError(f"a request's key consists of letters and digits, got {key[:80]!r}")
        _check_figures(shots=shots, credits=credits)
        with self._locked(key, wait):
            with self._transaction() as db:
                entry = _last(db, key)
                if entry is None or entry.forgotten or entry.state is EntryState.CANCELED:
                    if budget is not None:
                        wanted = Spending(shots=shots, credits=credits, jobs=1)
                        budget.check(_spent(db, platform), _spent(db, platform, _OPEN), wanted, platform, along)
                    attempt = 1 if entry is None else entry.attempt + 1
                    db.execute(
                        "INSERT INTO jobs (key, attempt, state, platform, backend, name, shots, credits, intended_at) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            key,
                            attempt,
                            EntryState.INTENDED,
                            platform,
                            backend,
                            name if attempt == 1 else f"{name}-{attempt}",
                            shots,
                            credits,
                            time.time(),
                        ),
                    )
                    entry = _last(db, key)
            assert entry is not None
            yield Claim(self, entry)

    @property
    def identity(self) -> str:
        """Tells this ledger from every other, whatever their paths; it is made if it is not there yet."""
        with self._transaction() as db:
            return str(db.execute("SELECT id FROM identity").fetchone()[0])

    def entries(self, platform: str | None = None, *, results: bool = True) -> list[Entry]:
        """All entries, or those of one platform, oldest first.

        Args:
            platform: Its name; None for all.
            results: False leaves the raw results out (None), which may be large.
        """
        if not self._exists():
            return []
        columns = ", ".join(name for name in _COLUMNS if results or name != "result")
        query = f"SELECT {columns} FROM jobs WHERE ? IN (platform, '') ORDER BY number"
        with self._transaction() as db:
            return [_entry(row) for row in db.execute(query, (platform or "",))]

    def find(self, prefix: str) -> Entry:
        """The last entry of the request whose key begins so.

        Raises:
            LedgerError: If there is none, or more than one.
        """
        entry, found = None, 0
        if self._exists():
            with self._transaction() as db:
                query = "SELECT DISTINCT key FROM jobs WHERE substr(key, 1, ?) = ?"
                keys = [row["key"] for row in db.execute(query, (len(prefix), prefix))]
                entry, found = _last(db, keys[0]) if keys else None, len(keys)
        if entry is None or found != 1 or not prefix:
            many = f"{found} requests have keys that begin" if found else "no request has a key that begins"
            raise LedgerError(f"{many} with {prefix!r} in {self.path}; see: hqdist jobs list")
        return entry

    def spent(self, platform: str) -> Spending:
        """What was spent on a platform, and what is reserved."""
        with self._transaction() as db:
            return _spent(db, platform)

    def adopt(self, key: str, job_id: str) -> None:
        """Say that a request that may have been sent has become this job, for the next claim to take up.

        Raises:
            LedgerError: If the request is not an intent, or somebody is seeing it through.
        """
        with self._locked(self.find(key).key, lambda: _refuse(key)):
            self._change(
                key, (EntryState.INTENDED,), state=EntryState.SUBMITTED, job_id=job_id, submitted_at=time.time()
            )

    def forget(self, key: str, *, under_way: bool = False) -> None:
        """Let a request be paid for again. An intent is gone; what has ended still counts as spent.

        Args:
            key: Of the request.
            under_way: Also if its job has been submitted and has not ended; it will be paid for twice.

        Raises:
            LedgerError: If the job has not ended, or somebody is seeing the request through.
        """
        with self._locked(self.find(key).key, lambda: _refuse(key)):
            entry = self.find(key)
            if entry.state is EntryState.SUBMITTED and not under_way:
                raise LedgerError(
                    f"job {entry.job_id} has been submitted and has not ended; cancel it first: hqdist jobs cancel "
                    f"{entry.key[:16]}; or, if the provider does not know it any more: hqdist jobs forget "
                    f"{entry.key[:16]} --under-way"
                )
            if entry.state is EntryState.INTENDED:
                self._remove(entry)
            else:  # its time is up: nobody will tell when a job that is forgotten ends
                self._change(entry.key, (entry.state,), forgotten=1, ended_at=entry.ended_at or time.time())

    def cancel(self, key: str, reason: str, *, shots: int | None = None, credits: float | None = None) -> Entry:  # noqa: A002
        """Record that a job was canceled by us, also while another caller waits for it.

        Args:
            key: Of the request.
            reason: Why.
            shots: What it took, where that is known; it counts as if it had run otherwise.
            credits: What it cost, in the same way.

        Raises:
            LedgerError: If there is no job, or it has ended. What may have become a job has to be adopted first.
        """
        return self._change(
            key,
            (EntryState.SUBMITTED,),
            state=EntryState.CANCELED,
            error=reason,
            ended_at=time.time(),
            **_known(shots, credits),
        )

    def _change(self, key: str, allowed: tuple[EntryState, ...], **changes: Any) -> Entry:
        with self._transaction() as db:
            entry = _last(db, key)
            if entry is None or entry.state not in allowed:
                state = "is not recorded" if entry is None else f"is {entry.state}"
                raise LedgerError(f"request {key[:16]} {state} in {self.path}, not {' or '.join(allowed)}")
            names = ", ".join(f"{name} = ?" for name in changes)
            db.execute(
                f"UPDATE jobs SET {names} WHERE key = ? AND attempt = ?",
                (*changes.values(), entry.key, entry.attempt),
            )
            changed = _last(db, key)
        assert changed is not None
        return changed

    def _remove(self, entry: Entry) -> None:
        with self._transaction() as db:
            removed = db.execute(
                "DELETE FROM jobs WHERE key = ? AND attempt = ? AND state = ?",
                (entry.key, entry.attempt, EntryState.INTENDED),
            )
            if not removed.rowcount:
                raise LedgerError(f"request {entry.key[:16]} in {self.path} is no intent that could be taken back")

    def _exists(self) -> bool:
        with _told(self.path):
            return self.path.exists()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _told(self.path):
            if not self.path.exists():
                self._create()
            db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE")
                _prepare(db, self.path)
                yield db
                db.execute("COMMIT")
            finally:
                db.close()  # what was not committed is undone

    def _create(self) -> None:
        """Make the file, whole or not at all, whoever else is making it."""
        new = self.path.with_name(self.path.name + ".new")
        with self._locked("new", lambda: time.sleep(_LOOK_SECONDS)):
            if self.path.exists():
                return
            new.unlink(missing_ok=True)
            os.close(os.open(new, os.O_RDWR | os.O_CREAT, 0o600))
            db = sqlite3.connect(new, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                _prepare(db, new)
            finally:
                db.close()
            new.replace(self.path)
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)  # the name too outlasts a power cut
            finally:
                os.close(directory)

    @contextmanager
    def _locked(self, name: str, wait: Callable[[], None]) -> Iterator[None]:
        locks = self.path.with_name(self.path.name + ".locks")
        lock = exclusive(locks / name, wait)
        with _told(self.path):
            for directory in (self.path.parent, locks):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.__enter__()
        try:
            yield
        finally:
            lock.__exit__(None, None, None)


@dataclass
class Claim:
    """The right to see one request through; its methods record each step.

    Attributes:
        ledger: Where.
        entry: What is recorded now.
    """

    ledger: Ledger
    entry: Entry

    def sending(self) -> None:
        """The job is about to be sent: from now on there may be one."""
        self._record((EntryState.INTENDED,), sent=1)

    def submitted(self, job_id: str) -> None:
        """The provider has given it an id."""
        self._record((EntryState.INTENDED,), state=EntryState.SUBMITTED, job_id=job_id, submitted_at=time.time())

    def completed(self, result: str, *, shots: int | None = None, credits: float | None = None) -> None:  # noqa: A002
        """It has ended with a result; what it took and cost replaces what was reserved, where it is known."""
        self._record(
            (EntryState.SUBMITTED,),
            state=EntryState.COMPLETED,
            result=result,
            ended_at=time.time(),
            **_known(shots, credits),
        )

    def failed(
        self,
        error: str,
        *,
        result: str | None = None,
        shots: int | None = None,
        credits: float | None = None,  # noqa: A002
    ) -> None:
        """It has ended without a result, or with a part of one; figures as for `completed`."""
        self._record(
            (EntryState.SUBMITTED,),
            state=EntryState.FAILED,
            error=error,
            result=result,
            ended_at=time.time(),
            **_known(shots, credits),
        )

    def canceled(self, reason: str, *, shots: int | None = None, credits: float | None = None) -> None:  # noqa: A002
        """It was canceled, by us; figures as for `completed`."""
        self.entry = self.ledger.cancel(self.entry.key, reason, shots=shots, credits=credits)

    def rejected(self) -> None:
        """There is no job and there will be none: the intent is gone, and what it reserved is free."""
        self.ledger._remove(self.entry)

    def _record(self, allowed: tuple[EntryState, ...], **changes: Any) -> None:
        self.entry = self.ledger._change(self.entry.key, allowed, **changes)


def default_ledger_path() -> Path:
    """``$HQDIST_LEDGER``, or ``hqdist/ledger.sqlite`` in the user's state directory."""
    if named := os.environ.get("HQDIST_LEDGER"):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "hqdist" / "ledger.sqlite"


_COLUMNS = [field.name for field in fields(Entry)]


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise LedgerError(f"{path} was written by a newer hqdist (version {version} of the ledger); use that")
    if version < 1:
        db.execute(
            "CREATE TABLE jobs (number INTEGER PRIMARY KEY, key TEXT NOT NULL, attempt INTEGER NOT NULL, "
            "state TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0, forgotten INTEGER NOT NULL DEFAULT 0, "
            "platform TEXT NOT NULL, backend TEXT NOT NULL, name TEXT NOT NULL, shots INTEGER NOT NULL, "
            "credits REAL NOT NULL, intended_at REAL NOT NULL, submitted_at REAL, ended_at REAL, job_id TEXT, "
            "result TEXT, error TEXT, UNIQUE (key, attempt))"
        )
        db.execute("CREATE INDEX jobs_by_platform ON jobs (platform)")
    if version < 2:
        db.execute("CREATE TABLE identity (id TEXT NOT NULL)")
        db.execute("INSERT INTO identity VALUES (?)", (uuid.uuid4().hex,))
    if version < _VERSION:
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _last(db: sqlite3.Connection, key: str) -> Entry | None:
    row = db.execute("SELECT * FROM jobs WHERE key = ? ORDER BY attempt DESC LIMIT 1", (key,)).fetchone()
    return None if row is None else _entry(row)


def _entry(row: sqlite3.Row) -> Entry:
    values: dict[str, Any] = dict.fromkeys(_COLUMNS) | dict(row)
    values.pop("number", None)
    values |= {
        "state": member(EntryState, row["state"], error=LedgerError),
        "sent": bool(row["sent"]),
        "forgotten": bool(row["forgotten"]),
    }
    return Entry(**values)


#: States whose jobs reserve what they have not spent yet.
_OPEN = (EntryState.INTENDED, EntryState.SUBMITTED)


def _spent(db: sqlite3.Connection, platform: str, states: Sequence[EntryState] = tuple(EntryState)) -> Spending:
    # A clock that is set back must not make time that was used up available again.
    shots, credits_, jobs, seconds = db.execute(
        "SELECT coalesce(sum(shots), 0), coalesce(sum(credits), 0), count(*), "
        "coalesce(sum(max(0, coalesce(ended_at, ?) - submitted_at)), 0) FROM jobs "
        f"WHERE platform = ? AND state IN ({', '.join('?' * len(states))})",
        (time.time(), platform, *states),
    ).fetchone()
    return Spending(shots=shots, credits=credits_, jobs=jobs, seconds=seconds)


def _known(shots: int | None, credits: float | None) -> dict[str, float]:  # noqa: A002
    figures = {name: value for name, value in (("shots", shots), ("credits", credits)) if value is not None}
    _check_figures(**figures)
    return figures


def _check_figures(**figures: float) -> None:
    for name, value in figures.items():
        if not 0 <= value < math.inf:  # a negative one would make room in a budget
            raise LedgerError(f"{name} of a job are a number from 0, got {value!r}")


def _refuse(key: str) -> None:
    raise LedgerError(f"request {key[:16]} is being seen through by another caller; end that one first, or wait for it")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except HqdistError:  # some are OSErrors too: a deadline
        raise
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"the ledger {path} cannot be used ({type(error).__name__}: {error}); nothing is paid for without one. "
            "See to the file, or name another one: HQDIST_LEDGER, or the backend's option ledger"
        ) from error
