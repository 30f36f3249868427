"""Training through shots and through a processor: gradient methods compared by what they spend.

The single-photon re-uploading classifier of data_reuploading.py, two layers, learns the moons in 60 steps of 64 points:
exactly; through the sampling backend and through a processor, by the photonic parameter-shift rule; and through the
processor with cheaper, biased gradients: a surrogate (backward through the exact simulator with the processor's noise)
and SPSA. The processor is the cloud emulator's, an offline stand-in on this machine which Perceval's own client talks
to; shots are counted by the service.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib.pyplot as plt
import torch
from data_reuploading import PUBLISHED, Classifier, Points, draw_points, fisher_loss
from hqdist_quandela.emulator import CloudEmulator, Platform
from reporting import run_example
from rich.progress import Progress
from rich.table import Table

import hqdist as hq

DATASET, LAYERS, SCALE = "moons", 2, math.pi / 4
STEPS, BATCH, LEARNING_RATE, SHOTS, SEEDS = 60, 64, 0.2, 100, 3

PROCESSOR = Platform(
    "qpu:two-modes",
    commands=("sample_count",),
    max_modes=2,
    max_photons=1,
    support_multi_photon=False,
    threshold_detectors=True,
    hardware="architecture",
)

#: Who evaluates and how it is differentiated, by the name in the table.
CASES = {
    "exact, adjoint": ("exact", "adjoint"),
    "sampling, parameter shift": ("sampling", "parameter_shift"),
    "processor, parameter shift": ("processor", "parameter_shift"),
    "processor, surrogate": ("processor", "surrogate"),
    "processor, SPSA": ("processor", "spsa"),
}


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        losses: The exact loss of the whole training set before each step and after the last.
        shots: Shots spent until then.
        test: Accuracy on unseen points, evaluated exactly.
    """

    losses: list[float]
    shots: list[int]
    test: float


Runs = dict[str, list[Run]]


def train(
    points: Points, backend: Mapping[str, Any], gradient: str, seed: int
) -> tuple[Classifier, list[float], list[int]]:
    """Train a classifier from random phases; the exact loss and the shots spent after each step."""
    torch.manual_seed(seed)
    classifier = Classifier(LAYERS, SCALE)
    layer, watched = classifier.layer, Classifier(LAYERS, SCALE).layer
    layer.backend, layer.gradient = hq.backend(backend), gradient
    watched.phases = layer.phases  # the same phases, evaluated exactly
    optimiser = torch.optim.Adam(layer.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    losses, shots = [_exact_loss(watched, points)], [0]
    with hq.record_provenance() as record:
        for _ in range(STEPS):
            chosen = torch.randperm(len(points.y))[:BATCH]
            optimiser.zero_grad()
            fisher_loss(layer(points.x[chosen])[:, 0], points.y[chosen]).backward()
            optimiser.step()
            schedule.step()
            losses.append(_exact_loss(watched, points))
            shots.append(record.shots)
    layer.backend = hq.backend("exact")
    classifier.place_threshold(points)
    return classifier, losses, shots


def _exact_loss(layer: hq.QuantumLayer, points: Points) -> float:
    with torch.no_grad():
        return fisher_loss(layer(points.x)[:, 0], points.y).item()


def run_all(seeds: int, progress: Progress) -> Runs:
    """Every case from every seed."""
    os.environ.setdefault("PCVL_CLOUD_TOKEN", "emulator-token")
    os.environ["NO_PROXY"] = "127.0.0.1"
    task = progress.add_task("training", total=seeds * len(CASES))
    runs: Runs = {case: [] for case in CASES}
    for case, (name, gradient) in CASES.items():
        for seed in range(seeds):
            progress.update(task, description=f"{case}, seed {seed}")
            with CloudEmulator([PROCESSOR], seed=seed) as cloud, TemporaryDirectory() as directory:
                backend: dict[str, dict[str, Any]] = {
                    "exact": {"name": "exact"},
                    "sampling": {"name": "sampling", "shots": SHOTS},
                    "processor": {
                        "name": "quandela",
                        "platform": PROCESSOR.name,
                        "url": cloud.url,
                        "shots": SHOTS,
                        "poll_seconds": 0.05,
                        "rows_per_job": 1000,
                        "ledger": str(Path(directory) / "ledger.sqlite"),
                    },
                }
                points = draw_points(DATASET, 400, seed)
                classifier, losses, shots = train(points, backend[name], gradient, seed)
                if name == "processor" and cloud.statistics().shots != shots[-1]:
                    raise RuntimeError(f"the service counted {cloud.statistics().shots} shots, we {shots[-1]}")
                test = classifier.accuracy(draw_points(DATASET, 100, 1000 + seed))
            runs[case].append(Run(losses, shots, test))
            progress.advance(task)
    return runs


def report(runs: Runs) -> dict[str, Any]:
    """The set-up, the published figure and those obtained."""
    return {
        "setting": {
            "data": DATASET,
            "layers": LAYERS,
            "steps": STEPS,
            "batch": BATCH,
            "learning_rate": LEARNING_RATE,
            "shots_per_evaluation": SHOTS,
            "published_accuracy": PUBLISHED[DATASET][LAYERS],
        },
        "cases": [
            {
                "case": case,
                "test_accuracy": round(mean(run.test for run in done), 4),
                "test_by_seed": [run.test for run in done],
                "loss": round(mean(run.losses[-1] for run in done), 4),
                "shots": round(mean(run.shots[-1] for run in done)),
                "curves": [
                    {"shots": run.shots[::5], "losses": [round(loss, 4) for loss in run.losses[::5]]} for run in done
                ],
            }
            for case, done in runs.items()
        ],
    }


def table(figures: Mapping[str, Any]) -> Table:
    """The closing table."""
    published = figures["setting"]["published_accuracy"]
    view = Table(
        "who, how", "test accuracy", "loss", "shots", title=f"{DATASET}, {LAYERS} layers (published {published})"
    )
    for case in figures["cases"]:
        view.add_row(case["case"], f"{case['test_accuracy']:.3f}", f"{case['loss']:.2f}", f"{case['shots']:,}")
    return view


def draw(runs: Runs, path: Path) -> None:
    """Loss against shots, one line a seed."""
    figure, (by_shots, by_step) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
    for index, (case, done) in enumerate(runs.items()):
        for seed, run in enumerate(done):
            style = {"color": f"C{index}", "label": case if seed == 0 else None, "lw": 1.2, "alpha": 0.8}
            by_step.plot(range(len(run.losses)), run.losses, **style)
            if run.shots[-1]:
                by_shots.plot(run.shots[1:], run.losses[1:], **style)
    exact = mean(run.losses[-1] for run in next(iter(runs.values())))
    by_shots.axhline(exact, color="C0", ls="--", lw=1)
    by_shots.set(xscale="log", xlabel="shots spent", ylabel="Fisher loss (exact, all points)", title="what it costs")
    by_step.set(xlabel="step", title="how fast it learns")
    by_step.legend(frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Train, print the table, and write the results and the picture."""
    run_example(
        "training_with_shots",
        "Gradient methods through shots and a processor, compared by what they spend",
        SEEDS,
        train=run_all,
        report=report,
        table=table,
        draw=draw,
    )


if __name__ == "__main__":
    main()
