"""Errors of ours as one line on stderr."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from hqdist.errors import HqdistError

#: Most characters of an error that are shown: what it quotes from a file may have any length.
_LONGEST = 2000


@contextmanager
def one_line_errors(interrupted: Callable[[], str] = lambda: "hqdist: interrupted") -> Iterator[None]:
    """Turn an error of ours into one line on stderr and exit code 2; Ctrl-C into the line `interrupted` and 130."""
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one must not interrupt the goodbye
        typer.echo(interrupted(), err=True)
        raise typer.Exit(130) from None
    except HqdistError as error:
        line = " ".join(str(error).split())
        typer.echo(f"hqdist: {line if len(line) <= _LONGEST else line[:_LONGEST] + '…'}", err=True)
        raise typer.Exit(2) from None
