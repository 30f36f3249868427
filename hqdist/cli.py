"""The command line: `hqdist train` and `hqdist backends`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hqdist.errors import HqdistError

if TYPE_CHECKING:
    from rich.table import Table

    from hqdist.execution import Capabilities

app = typer.Typer(
    help="Hybrid classical-quantum models in which where the photons are is configuration.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


#: Most characters of an error that are shown: what it quotes from a file may have any length.
_LONGEST = 2000


def main() -> None:
    """The console command `hqdist`."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"hqdist {version('hqdist')}")
        raise typer.Exit()


@app.callback()
def _hqdist(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    pass


@app.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to train; see examples/.")],
    run_dir: Annotated[
        Path | None, typer.Option(help="Where everything goes; runs/ and the configuration's name if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is there; start it if there is none yet.")
    ] = False,
) -> None:
    """Train and evaluate a hybrid model.

    The run directory gets the metrics, a checkpoint after every epoch, the whole configuration and the training curves.
    An interrupted run goes on with --resume and ends with the same numbers.
    """
    path = run_dir or Path("runs") / config.stem
    with _one_line_errors(lambda: _how_to_resume(config, run_dir, path)):
        from rich.console import Console

        from hqdist.training import read_configuration
        from hqdist.training import train as run

        run(read_configuration(config), path, resume=resume, console=Console())


@app.command()
def backends() -> None:
    """List the backends, whether they are ready, and what each can do."""
    with _one_line_errors():
        from rich.console import Console

        Console().print(_backend_table())


@contextmanager
def _one_line_errors(interrupted: Callable[[], str] = lambda: "hqdist: interrupted") -> Iterator[None]:
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


def _how_to_resume(config: Path, run_dir: Path | None, path: Path) -> str:
    started = False
    with suppress(OSError):
        started = (path / "config.toml").exists()
    if not started:
        return "hqdist: interrupted before training started"
    import shlex

    command = ["hqdist", "train", str(config), *(["--run-dir", str(run_dir)] if run_dir else []), "--resume"]
    return f"hqdist: interrupted; go on with: {shlex.join(command)}"


def _backend_table() -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from hqdist.execution import available_backends, backend, backend_class

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 1, 0))
    for column in ("backend", "ready", "values", "gradient", "readouts", "spaces", "devices", "limits"):
        table.add_column(column, no_wrap=column in ("backend", "readouts", "spaces"), min_width=len(column))
    for name in available_backends():
        try:
            backend_class(name)
        except HqdistError as error:
            table.add_row(name, "[red]no[/]", escape(str(error)))
            continue
        try:
            table.add_row(name, "[green]yes[/]", *_abilities(backend(name).capabilities))
        except HqdistError as error:
            table.add_row(name, "[yellow]with options[/]", escape(str(error)))
    return table


def _abilities(can: "Capabilities") -> tuple[str, ...]:
    limits = {"modes": can.max_modes, "photons": can.max_photons, "samples": can.max_batch}
    return (
        "\n".join(word for word, has in (("exact", can.exact), ("sampled", can.sampled)) if has),
        "adjoint" if can.adjoint else "none",
        "\n".join(kind.__name__ for kind in can.readouts),
        "\n".join(can.spaces),
        "\n".join(can.devices),
        "\n".join(f"{most} {what}" for what, most in limits.items() if most is not None) or "none",
    )
