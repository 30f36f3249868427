"""The commands `hqdist jobs ...`: what the ledger knows of jobs at providers."""

import csv
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqdist.cli.one_line import one_line_errors
from hqdist.errors import ConfigurationError, LedgerError

if TYPE_CHECKING:
    from rich.table import Table

    from hqdist.execution import Entry, Ledger

jobs = typer.Typer(help="Tell of jobs at providers, as the ledger knows them, and manage them.", no_args_is_help=True)

LedgerPath = Annotated[
    Path | None, typer.Option("--ledger", help="The ledger, if it is not the user's own or $HQDIST_LEDGER.")
]
Key = Annotated[str, typer.Argument(help="Of the request: its first characters, as `hqdist jobs list` shows them.")]
Platform = Annotated[str | None, typer.Option("--platform", help="Only those of one platform.")]

#: Characters of a key that are shown; fewer where that keeps a job on one line.
_SHOWN = 16

#: Columns that a list needs for every figure of it.
_WIDE = 160

#: Columns that a narrower terminal has no room for; `hqdist jobs show` tells them.
_ONLY_WIDE = ("job", "seconds")

#: Fewest characters of a key that are shown.
_SHORTEST = 8


@jobs.command("list")
def list_jobs(platform: Platform = None, ledger: LedgerPath = None) -> None:
    """List jobs, oldest first, and what was spent on each platform."""
    with one_line_errors():
        from rich.console import Console

        book = _book(ledger)
        entries = book.entries(platform, results=False)
        console = Console()
        if not console.is_terminal:
            console.width = max(console.width, _WIDE)  # whatever reads a pipe wants each job on one line
        if not entries:
            console.print(f"no jobs in {book.path}", soft_wrap=True, highlight=False, markup=False)
            return
        console.print(_entries_table(entries, console.width))
        console.print(_spending_table(book, entries))


@jobs.command()
def show(key: Key, ledger: LedgerPath = None) -> None:
    """Show all that is recorded of a request's job, its result included."""
    with one_line_errors():
        for name, value in _told(_book(ledger).find(key)).items():
            typer.echo(f"{name:13} {value}")


@jobs.command()
def cancel(key: Key, ledger: LedgerPath = None) -> None:
    """Cancel a request's job at its provider. It counts as spent: nobody tells how far it came."""
    with one_line_errors():
        from hqdist.execution import EntryState, backend

        book = _book(ledger)
        entry = book.find(key)
        if entry.state is not EntryState.SUBMITTED or entry.job_id is None:
            raise LedgerError(f"request {entry.key[:_SHOWN]} is {entry.state}: there is no job to cancel")
        try:
            table = json.loads(entry.backend)
        except ValueError as error:
            raise LedgerError(f"request {entry.key[:_SHOWN]} names no backend that could cancel its job") from error
        backend(table).cancel(entry.job_id)
        book.cancel(entry.key, "canceled by hqdist jobs cancel")
        typer.echo(f"canceled job {entry.job_id} on {entry.platform}")


@jobs.command()
def adopt(
    key: Key, job_id: Annotated[str, typer.Argument(help="The provider's id.")], ledger: LedgerPath = None
) -> None:
    """Say which job a request has become, where the provider does not tell."""
    with one_line_errors():
        book = _book(ledger)
        book.adopt(book.find(key).key, job_id)
        typer.echo(f"the next run takes up job {job_id}")


@jobs.command()
def forget(
    key: Key,
    under_way: Annotated[bool, typer.Option("--under-way", help="Also a job that has not ended.")] = False,
    ledger: LedgerPath = None,
) -> None:
    """Let a request be paid for again: one that failed, or an intent that never became a job."""
    with one_line_errors():
        book = _book(ledger)
        entry = book.find(key)
        book.forget(entry.key, under_way=under_way)
        typer.echo(f"the next run pays for request {entry.key[:_SHOWN]} again")


@jobs.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="A file .jsonl or .csv; JSON lines on stdout if not given.")
    ] = None,
    platform: Platform = None,
    ledger: LedgerPath = None,
) -> None:
    """Write all that is recorded, one job a line."""
    with one_line_errors():
        from hqdist.execution import Entry

        kind = ".jsonl" if file is None else file.suffix
        if kind not in (".jsonl", ".csv"):
            raise ConfigurationError(f"jobs are exported to .jsonl or .csv, not {kind or 'a file without an ending'!r}")
        rows = [asdict(entry) for entry in _book(ledger).entries(platform)]
        try:
            with nullcontext(sys.stdout) if file is None else file.open("w", newline="", encoding="utf-8") as out:
                if kind == ".jsonl":
                    out.writelines(json.dumps(row) + "\n" for row in rows)
                else:
                    writer = csv.DictWriter(out, [field.name for field in fields(Entry)])
                    writer.writeheader()
                    writer.writerows(rows)
        except OSError as error:
            raise ConfigurationError(f"cannot write {file}: {error.strerror}") from error


def _book(path: Path | None) -> "Ledger":
    from hqdist.execution import Ledger, default_ledger_path

    return Ledger(path or default_ledger_path())


def _entries_table(entries: "Sequence[Entry]", width: int) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text  # names of others are no markup

    wide = width >= _WIDE
    table = Table(box=SIMPLE_HEAD, padding=(0, 1 if wide else 0, 0, 0))
    for column, right in (
        ("request", False),
        ("state", False),
        ("platform", False),
        ("job", False),
        ("shots", True),
        ("credits", True),
        ("intended", False),
        ("seconds", True),
    ):
        if wide or column not in _ONLY_WIDE:
            folds = column in ("platform", "state")
            table.add_column(
                column,
                justify="right" if right else "left",
                no_wrap=not folds,
                min_width=_SHORTEST if column == "request" else 1,
                overflow="fold" if folds else "ellipsis",
            )
    shown = _SHOWN if wide else _shortest_keys(entries)
    for entry in entries:
        took = None if entry.submitted_at is None or entry.ended_at is None else entry.ended_at - entry.submitted_at
        cells = {
            "request": entry.key[:shown],
            "state": _state(entry),
            "platform": entry.platform,
            "job": entry.job_id or "",
            "shots": f"{entry.shots:,}",
            "credits": f"{entry.credits:,.10g}",
            "intended": _moment(entry.intended_at)[: 16 if wide else 10],
            "seconds": "" if took is None else f"{took:.1f}",
        }
        table.add_row(*(Text(cell) for column, cell in cells.items() if wide or column not in _ONLY_WIDE))
    return table


def _shortest_keys(entries: "Sequence[Entry]") -> int:
    """Characters that tell all keys apart, as `Ledger.find` needs them."""
    keys = {entry.key for entry in entries}
    return next(
        (length for length in range(_SHORTEST, _SHOWN) if len({key[:length] for key in keys}) == len(keys)), _SHOWN
    )


def _spending_table(book: "Ledger", entries: "Sequence[Entry]") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title="spent and reserved", title_justify="left")
    table.add_column("platform")
    for column in ("jobs", "shots", "credits", "seconds"):
        table.add_column(column, justify="right")
    for platform in dict.fromkeys(entry.platform for entry in entries):
        spent = book.spent(platform)
        table.add_row(
            platform, f"{spent.jobs:,}", f"{spent.shots:,}", f"{spent.credits:,.10g}", f"{spent.seconds:,.1f}"
        )
    return table


def _state(entry: "Entry") -> str:
    return "uncertain" if entry.uncertain else f"{entry.state}{' (forgotten)' if entry.forgotten else ''}"


def _told(entry: "Entry") -> dict[str, Any]:
    told: dict[str, Any] = {name: value for name, value in asdict(entry).items() if value is not None}
    told |= {name: _moment(told[name]) for name in ("intended_at", "submitted_at", "ended_at") if name in told}
    return told | {"state": _state(entry)}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="seconds")
