"""Three photons in three modes classify points of the plane: linear, circular and moon-shaped data.

Gan, Leykam and Angelakis, "Fock state-enhanced expressivity of quantum machine learning models", EPJ Quantum
Technology 9, 16 (2022), arXiv:2107.05224. |111> passes an interferometer, the two features as phases on two modes, and
a second interferometer. A trainable linear functional of the output probabilities,

    f(x) = bias + sum_n lambda_n p_n(x),

is fitted to the labels -1 and +1 by least squares with a penalty ``alpha |(bias, lambda)|^2``; its sign is the class.
With three photons f is a trigonometric polynomial of degree 3 in the features and their difference.

How the data behind the published accuracies were drawn, and how many points were used, is not known here. So data are
drawn in two ways, anew for each seed and once for all seeds, which then differ in their start only; and of the 200
points drawn, half are used or all. 60 % of the points used are for training, the others for testing.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median_low, pstdev
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from reporting import run_example
from rich.progress import Progress
from rich.table import Table
from sklearn.datasets import make_circles, make_classification, make_moons
from sklearn.model_selection import train_test_split
from torch import nn

import hqdist as hq

PUBLISHED = {"linear": 0.875, "circular": 0.890, "moon": 0.920}
DRAWS = ("anew", "once")
ONCE = 42
STATE = (1, 1, 1)
DRAWN, USED, TEST_SHARE = 200, (100, 200), 0.4
SHOWN = 100
SEPARATION, CIRCLE_NOISE, MOON_NOISE = 1.5, 0.05, 0.2
LEARNING_RATE, BETAS, ALPHA, BATCH, EPOCHS, SEEDS = 0.02, (0.8, 0.999), 2e-4, 30, 150, 20


@dataclass(frozen=True)
class Points:
    """Labelled points of the plane: x (B, 2) in radians, y (B,) of -1 and +1."""

    x: torch.Tensor
    y: torch.Tensor


def draw_points(dataset: str, used: int, seed: int) -> tuple[Points, Points]:
    """Draw training and test points, classes balanced, features standardised by the training points."""
    if dataset == "linear":
        x, y = make_classification(
            DRAWN, 2, n_informative=2, n_redundant=0, n_clusters_per_class=1, class_sep=SEPARATION, random_state=seed
        )
    elif dataset == "circular":
        x, y = make_circles(DRAWN, noise=CIRCLE_NOISE, random_state=seed)
    else:
        x, y = make_moons(DRAWN, noise=MOON_NOISE, random_state=seed)
    if used < DRAWN:
        x, _, y, _ = train_test_split(x, y, train_size=used, stratify=y, random_state=seed)
    parts = train_test_split(x, y, test_size=TEST_SHARE, stratify=y, random_state=seed)
    x_training, x_test, y_training, y_test = (torch.tensor(part, dtype=torch.float32) for part in parts)
    centre, scale = x_training.mean(0), x_training.std(0, correction=0)
    training = Points((x_training - centre) / scale, 2 * y_training - 1)
    return training, Points((x_test - centre) / scale, 2 * y_test - 1)


def circuit() -> hq.Program:
    """Interferometer, a feature as the phase of each of the upper two modes, interferometer."""
    modes = range(len(STATE))
    encoding = (hq.PhaseShifter(0, hq.parameter("x0")), hq.PhaseShifter(1, hq.parameter("x1")))
    return hq.Program(
        modes=len(STATE),
        input_state=STATE,
        elements=(*hq.interferometer(modes, "before"), *encoding, *hq.interferometer(modes, "after")),
        weights=tuple(f"{place}{index}" for place in ("before", "after") for index in range(len(STATE) ** 2)),
        inputs=("x0", "x1"),
    )


class Classifier(nn.Module):
    """The circuit and the linear functional of its probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = hq.QuantumLayer(program=circuit())
        self.functional = nn.Linear(self.layer.output_size, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The functional f (B,) of points x (B, 2)."""
        f: torch.Tensor = self.functional(self.layer(x)).squeeze(1)
        return f

    def loss(self, points: Points) -> torch.Tensor:
        """Mean squared error and the penalty on the functional."""
        penalty = sum(weights.square().sum() for weights in self.functional.parameters())
        return nn.functional.mse_loss(self(points.x), points.y) + ALPHA * penalty

    @torch.no_grad()
    def accuracy(self, points: Points) -> float:
        """The fraction of points where f has the sign of the label."""
        return (self(points.x) * points.y > 0).double().mean().item()


@dataclass(frozen=True)
class Run:
    """One trained classifier, the points it was trained and tested on, and how often it is right on them."""

    classifier: Classifier
    points: tuple[Points, Points]
    training: float
    test: float


def run(dataset: str, draw: str, used: int, seed: int, epochs: int = EPOCHS) -> Run:
    """Draw data, start from random parameters, train, and test after the last epoch."""
    training, test = draw_points(dataset, used, seed if draw == "anew" else ONCE)
    torch.manual_seed(seed)
    classifier = Classifier()
    optimiser = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE, betas=BETAS)
    for _ in range(epochs):
        for batch in torch.randperm(len(training.y)).split(BATCH):
            optimiser.zero_grad()
            classifier.loss(Points(training.x[batch], training.y[batch])).backward()
            optimiser.step()
    return Run(classifier, (training, test), classifier.accuracy(training), classifier.accuracy(test))


Runs = dict[tuple[str, str, int], list[Run]]
"""Runs of all seeds by data set, way of drawing and number of points used."""


def run_all(seeds: int, progress: Progress) -> Runs:
    """Three data sets, both ways of drawing, half the points or all, from every seed."""
    runs: Runs = {(dataset, draw, used): [] for used in USED for draw in DRAWS for dataset in PUBLISHED}
    task = progress.add_task("classification", total=seeds * len(runs))
    for (dataset, draw, used), done in runs.items():
        for seed in range(seeds):
            progress.update(task, description=f"{dataset}, {used} points drawn {draw}, seed {seed}")
            done.append(run(dataset, draw, used, seed))
            progress.advance(task)
    return runs


def report(runs: Runs) -> dict[str, Any]:
    """The set-up, the published figures and those obtained."""
    setting = {
        "drawn": DRAWN,
        "test_share": TEST_SHARE,
        "separation": SEPARATION,
        "circle_noise": CIRCLE_NOISE,
        "moon_noise": MOON_NOISE,
        "learning_rate": LEARNING_RATE,
        "betas": BETAS,
        "alpha": ALPHA,
        "batch": BATCH,
        "epochs": EPOCHS,
    }
    rows = [_figures(dataset, draw, used, done) for (dataset, draw, used), done in runs.items()]
    return {"setting": setting, "accuracy": rows}


def _figures(dataset: str, draw: str, used: int, done: list[Run]) -> dict[str, Any]:
    tests, trainings = [run.test for run in done], [run.training for run in done]
    published, centre, spread = PUBLISHED[dataset], mean(tests), pstdev(tests)
    return {
        "data": dataset,
        "drawn": draw,
        "points": used,
        "published": published,
        "mean": round(centre, 6),
        "spread": round(spread, 6),
        "published_within_two_spreads": abs(published - centre) <= 2 * spread,
        "training_mean": round(mean(trainings), 6),
        "test_by_seed": tests,
        "training_by_seed": trainings,
    }


def table(figures: dict[str, Any]) -> Table:
    """The closing table: mean and standard deviation over the seeds."""
    view = Table("data", "points", "drawn", "published", "obtained", "within 2 sd", title="Test accuracy")
    for row in figures["accuracy"]:
        obtained = f"{row['mean']:.3f} ± {row['spread']:.3f}"
        within = "yes" if row["published_within_two_spreads"] else "no"
        view.add_row(row["data"], str(row["points"]), row["drawn"], f"{row['published']:.3f}", obtained, within)
    return view


def draw_picture(runs: Runs, path: Path) -> None:
    """Test accuracies of all seeds, and the decision of the median seed for each data set."""
    figure, axes = plt.subplots(2, 4, figsize=(16, 7.2), layout="constrained", width_ratios=(1.6, 1, 1, 1))
    for (chart, *maps), draw in zip(axes, DRAWS, strict=True):
        for place, dataset in enumerate(PUBLISHED):
            chart.plot([place - 0.46, place + 0.46], [PUBLISHED[dataset]] * 2, "k--", linewidth=1.2)
            for shift, used, colour in zip((-0.4, 0.06), USED, ("C0", "C1"), strict=True):
                _draw_accuracies(chart, place + shift, [run.test for run in runs[dataset, draw, used]], colour)
        chart.set(xticks=range(len(PUBLISHED)), xticklabels=list(PUBLISHED), ylabel="test accuracy", ylim=(0.35, 1.08))
        chart.set_title(
            "data drawn anew for each seed" if draw == "anew" else "data drawn once: seeds differ in the start"
        )
        for axis, dataset in zip(maps, PUBLISHED, strict=True):
            done = runs[dataset, draw, SHOWN]
            middle = median_low(run.test for run in done)
            seed = next(seed for seed, run in enumerate(done) if run.test == middle)
            _draw_decision(axis, done[seed])
            axis.set_title(f"{dataset}, {SHOWN} points, seed {seed}: {middle:.3f}")
    axes[0, 0].plot([], [], "k--", label="published")
    for used, colour in zip(USED, ("C0", "C1"), strict=True):
        axes[0, 0].errorbar([], [], [], fmt="o", color=colour, capsize=4, label=f"{used} points, mean ± 2 sd and seeds")
    axes[0, 0].legend(loc="lower left", frameon=False)
    axes[0, 3].legend(loc="lower right", fontsize="small", framealpha=0.9)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def _draw_accuracies(chart: Axes, place: float, tests: list[float], colour: str) -> None:
    chart.errorbar(place, mean(tests), 2 * pstdev(tests), fmt="o", color=colour, capsize=4)
    values, counts = np.unique(np.round(tests, 6), return_counts=True)
    for value, count in zip(values, counts, strict=True):  # equal accuracies side by side
        shifts = 0.06 + min(0.035, 0.28 / count) * np.arange(count)
        chart.plot(place + shifts, [value] * count, ".", color=colour, markersize=4.5)


def _draw_decision(axis: Axes, shown: Run) -> None:
    training, test = shown.points
    everything = torch.cat([training.x, test.x])
    low, high = everything.min(0).values.numpy() - 0.4, everything.max(0).values.numpy() + 0.4
    first, second = np.meshgrid(np.linspace(low[0], high[0], 140), np.linspace(low[1], high[1], 140))
    grid = torch.tensor(np.stack([first.ravel(), second.ravel()], axis=1), dtype=torch.float32)
    with torch.no_grad():
        f = shown.classifier(grid).numpy().reshape(first.shape)
    axis.contourf(first, second, f.clip(-1.5, 1.5), levels=np.linspace(-1.5, 1.5, 21), cmap="RdBu", alpha=0.7)
    axis.contour(first, second, f, levels=[0.0], colors="black", linewidths=1.4)
    for label, colour in ((-1, "tab:red"), (1, "tab:blue")):
        axis.scatter(*training.x[training.y == label].T, s=16, color=colour, edgecolor="white", linewidth=0.4)
        axis.scatter(*test.x[test.y == label].T, s=26, color=colour, edgecolor="black", linewidth=0.9, marker="s")
    axis.scatter([], [], s=16, color="0.5", edgecolor="white", linewidth=0.4, label="training")
    axis.scatter([], [], s=26, color="0.5", edgecolor="black", linewidth=0.9, marker="s", label="test")
    axis.set(xticks=[], yticks=[])


def main() -> None:
    """Train, print the table, and write the results and the picture."""
    run_example(
        "vqc_classification",
        "Classification with three photons in three modes (Gan et al. 2022)",
        SEEDS,
        train=run_all,
        report=report,
        table=table,
        draw=draw_picture,
    )


if __name__ == "__main__":
    main()
