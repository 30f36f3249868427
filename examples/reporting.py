"""What the examples share: their two options, a progress bar, and where results go."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Runs = TypeVar("Runs")

RESULTS = Path(__file__).parent / "results"


def run_example(
    name: str,
    description: str,
    seeds: int,
    *,
    train: Callable[[int, Progress], Runs],
    report: Callable[[Runs], dict[str, Any]],
    table: Callable[[dict[str, Any]], Table],
    draw: Callable[[Runs, Path], None],
) -> None:
    """Train, print the table, and write the results and the picture.

    Args:
        name: What the files are called.
        description: What the example does.
        seeds: Number of seeds by default.
        train: From a number of seeds to the runs.
        report: From the runs to the figures.
        table: From the figures to what is printed.
        draw: From the runs to a picture.
    """
    arguments = options(description, seeds)
    torch.set_num_threads(1)  # the circuits are small: a second thread costs more than it saves
    console = Console()
    with progress_bar() as progress:
        runs = train(arguments.seeds, progress)
    figures = report(runs)
    console.print(table(figures))
    write_json(arguments.out / f"{name}.json", figures)
    draw(runs, arguments.out / f"{name}.png")
    console.print(f"results and picture: {name}.json and {name}.png in", str(arguments.out))


def options(description: str, seeds: int | None) -> argparse.Namespace:
    """The command line: how many seeds, and the folder for the results.

    Args:
        description: What the example does.
        seeds: Number of seeds by default; the seeds are 0, 1, ...; None for an example with one seed.
    """
    parser = argparse.ArgumentParser(description=description)
    if seeds is not None:
        parser.add_argument("--seeds", type=int, default=seeds, help=f"number of seeds, from 0 (default {seeds})")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results (default examples/results)")
    arguments = parser.parse_args()
    if seeds is not None and arguments.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {arguments.seeds}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments


def progress_bar() -> Progress:
    """A bar that says what is being trained, how many runs are done, and for how long it has been going."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
    )


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Write a report that reads well in a diff: indented, keys in the order given."""
    path.write_text(json.dumps(report, indent=2) + "\n")
