"""Runs every comparison and writes raw output, a table and a picture: ``python -m benchmarks``."""

import argparse
from pathlib import Path

from benchmarks import layer_speed, noise_speed, sampler_speed, sampling_speed, worker_speed
from benchmarks.machine import pin_threads
from benchmarks.picture import draw
from benchmarks.results import FOLDER, Record
from benchmarks.table import write_table

#: Those of the table and the picture, and the others.
COMPARISONS = (layer_speed.COMPARISON, sampler_speed.COMPARISON)
OTHERS = (noise_speed.COMPARISON, sampling_speed.COMPARISON, worker_speed.COMPARISON)


def main() -> None:
    """Run what the arguments ask for."""
    arguments = _arguments()
    threads = pin_threads(arguments.threads)
    folder: Path = arguments.output
    if layer_speed.COMPARISON in arguments.only:
        print(f"A training step, MerLin against hqdist, {threads} threads")
        layer_speed.run(threads, arguments.rounds).write(folder)
    if sampler_speed.COMPARISON in arguments.only:
        print(f"A batch of {arguments.iterations}, Perceval's Sampler against hqdist, {threads} threads")
        sampler_speed.run(arguments.iterations, max(3, arguments.rounds // 4)).write(folder)
    if noise_speed.COMPARISON in arguments.only:
        print(f"A training step with noise, MerLin against hqdist, {threads} threads")
        noise_speed.run(max(2, arguments.rounds // 4)).write(folder)
    if sampling_speed.COMPARISON in arguments.only:
        print(f"Shots, MerLin against hqdist, {threads} threads")
        sampling_speed.run(max(3, arguments.rounds // 4)).write(folder)
    if worker_speed.COMPARISON in arguments.only:
        print(f"In this process against workers in others, {threads} threads")
        worker_speed.run(arguments.rounds, threads).write(folder)
    missing = [comparison for comparison in COMPARISONS if not (folder / f"{comparison}.json").exists()]
    if missing:
        print(f"No table and no picture yet: {', '.join(missing)} has no results in {folder}.")
        return
    records = [Record.read(comparison, folder) for comparison in COMPARISONS]
    write_table(*records, folder / "speed.md")
    draw(*records, folder / "speed.png")
    print((folder / "speed.md").read_text())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how often everybody is timed at each point")
    parser.add_argument("--iterations", type=int, default=100, help="iterations of Perceval's Sampler")
    parser.add_argument("--threads", type=int, default=None, help="threads for everybody; by default one a core")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results are written")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=COMPARISONS + OTHERS,
        default=COMPARISONS + OTHERS,
        help="which to run; the others' last results stay",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
