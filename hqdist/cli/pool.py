"""The commands `hqdist pool`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqdist.cli.one_line import one_line_errors

if TYPE_CHECKING:
    from rich.table import Table

pool = typer.Typer(help="Pools of workers that Ray keeps alive.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="Name of the pool.")]


@pool.command()
def start(
    name: _Name,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file with the keys of the plan, its backend in a table; see docs/pools.md."),
    ] = None,
    backend: Annotated[str | None, typer.Option(help="Who evaluates, by name; options need a file.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="How many workers.")] = None,
    least: Annotated[int | None, typer.Option(min=0, help="Fewest workers that autoscaling leaves.")] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Most workers that autoscaling makes.")] = None,
    cpus: Annotated[float | None, typer.Option(min=0, help="CPUs of each worker.")] = None,
    gpus: Annotated[float | None, typer.Option(min=0, help="GPUs of each worker.")] = None,
    metrics: Annotated[bool, typer.Option("--metrics", help="Serve metrics for Prometheus.")] = False,
) -> None:
    """Start a pool; its backend is then ray://NAME. Without a Ray cluster, one is started on this machine."""
    with one_line_errors():
        from hqdist.cluster import Pool, PoolPlan

        given = {
            "workers": workers,
            "least": least,
            "most": most,
            "cpus": cpus,
            "gpus": gpus,
            "metrics": metrics or None,
        }
        keys: dict[str, Any] = {**_keys(config), **{key: value for key, value in given.items() if value is not None}}
        if backend is not None:
            keys["backend"] = {"name": backend}
        started = Pool.start(_plan(PoolPlan, name, keys))
        typer.echo(f'pool {name}: {len(started.endpoints())} workers serve; backend = "ray://{name}"')


@pool.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the pool; all of them if not given.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
) -> None:
    """Show the workers of a pool, where they are and what they have to do."""
    with one_line_errors(lambda: ""):
        from rich.console import Console, Group
        from rich.live import Live

        from hqdist.cluster import Pool

        def tables() -> Group:
            pools = Pool.all() if name is None else (Pool.find(name),)
            return Group(*(_table(one.name, one.status()) for one in pools))

        console = Console()
        if not watch:
            console.print(tables())
            return
        import time

        with Live(tables(), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(1.0)
                live.update(tables(), refresh=True)


@pool.command()
def scale(name: _Name, workers: Annotated[int, typer.Argument(min=1, help="How many workers.")]) -> None:
    """Have so many workers from now on."""
    with one_line_errors():
        from hqdist.cluster import Pool

        Pool.find(name).scale(workers)


@pool.command()
def replace(name: _Name) -> None:
    """Put a new worker in the place of each, one after another, while the pool serves."""
    with one_line_errors():
        from hqdist.cluster import Pool

        Pool.find(name).replace()


@pool.command()
def drain(name: _Name) -> None:
    """Let the workers finish what they have, and end them; the pool takes nothing new."""
    with one_line_errors():
        from hqdist.cluster import Pool

        Pool.find(name).drain()


@pool.command()
def stop(name: _Name) -> None:
    """End a pool, whatever its workers have to do."""
    with one_line_errors():
        from hqdist.cluster import Pool

        Pool.find(name).stop()


def _keys(config: Path | None) -> dict[str, Any]:
    import tomllib

    from hqdist.errors import ConfigurationError

    if config is None:
        return {}
    try:
        return tomllib.loads(config.read_text())
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{config} cannot be read: {error}") from error


def _plan(kind: type, name: str, keys: dict[str, Any]) -> Any:
    from dataclasses import fields

    from hqdist.errors import ConfigurationError

    known = [field.name for field in fields(kind) if field.name != "name"]
    if unknown := sorted(set(keys) - set(known)):
        raise ConfigurationError(f"a pool has no {', '.join(unknown)}; it has {', '.join(known)}")
    return kind(name=name, **keys)


def _table(name: str, status: dict[str, Any]) -> "Table":
    from urllib.parse import urlsplit

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    plan = status["plan"]
    bounds = f", {plan['least']} to {plan['most']}" if plan["least"] != plan["most"] else ""
    title = f"{name}: {plan['backend']['name']}, {status['wanted']} wanted{bounds}"
    failed = f"the last worker that was made could not start: {status['failures'][-1]}" if status["failures"] else None
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, caption=failed, caption_justify="left")
    for column in ("worker", "state", "address"):
        table.add_column(column)
    for column in ("queued", "rows", "running", "idle"):
        table.add_column(column, justify="right")
    for worker in status["workers"]:
        metrics = worker.get("metrics")  # at the same host
        table.add_row(
            worker["name"].rpartition(":")[2],
            worker["state"],
            worker.get("address", "") + (f"\nmetrics :{urlsplit(metrics).port}" if metrics else ""),
            *(str(worker.get(key, "")) for key in ("queued", "queued_rows", "running")),
            f"{worker['idle_seconds']:.0f} s",
        )
    return table
