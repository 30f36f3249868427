"""The console command `hqdist` and its sub-commands."""

from typing import Annotated

import typer

from hqdist.cli.backends import backends
from hqdist.cli.jobs import jobs
from hqdist.cli.plugins import WithPlugins
from hqdist.cli.pool import pool
from hqdist.cli.train import train
from hqdist.cli.worker import worker

app = typer.Typer(
    cls=WithPlugins,
    help="Hybrid classical-quantum models in which where the photons are is configuration.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(train)
app.command()(backends)
app.command()(worker)
app.add_typer(jobs, name="jobs")
app.add_typer(pool, name="pool")


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
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
