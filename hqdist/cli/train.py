"""The command `hqdist train`."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hqdist.cli.one_line import one_line_errors


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
    with one_line_errors(lambda: _how_to_resume(config, run_dir, path)):
        from rich.console import Console

        from hqdist.training import read_configuration
        from hqdist.training import train as run

        run(read_configuration(config), path, resume=resume, console=Console())


def _how_to_resume(config: Path, run_dir: Path | None, path: Path) -> str:
    started = False
    with suppress(OSError):
        started = (path / "config.toml").exists()
    if not started:
        return "hqdist: interrupted before training started"
    import shlex

    command = ["hqdist", "train", str(config), *(["--run-dir", str(run_dir)] if run_dir else []), "--resume"]
    return f"hqdist: interrupted; go on with: {shlex.join(command)}"
