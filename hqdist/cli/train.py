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
    backend: Annotated[
        str | None, typer.Option(help="Who evaluates the circuit, a name or a URI, in place of what CONFIG.toml says.")
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
    options: list[tuple[str, object]] = [("--run-dir", run_dir), ("--backend", backend)]
    with one_line_errors(lambda: _how_to_resume(config, options, path)):
        from rich.console import Console

        from hqdist.training import read_configuration
        from hqdist.training import train as run

        configuration = read_configuration(config)
        if backend is not None:
            configuration = configuration.model_copy(update={"backend": backend})
        run(configuration, path, resume=resume, console=Console())


def _how_to_resume(config: Path, options: list[tuple[str, object]], path: Path) -> str:
    started = False
    with suppress(OSError):
        started = (path / "config.toml").exists()
    if not started:
        return "hqdist: interrupted before training started"
    import shlex

    given = [text for option, value in options if value for text in (option, str(value))]
    command = ["hqdist", "train", str(config), *given, "--resume"]
    return f"hqdist: interrupted; go on with: {shlex.join(command)}"
