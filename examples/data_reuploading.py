"""One photon in two modes learns circles and moons, once the data are uploaded often enough.

Mauser et al., "Experimental data re-uploading with provable enhanced learning capabilities" (2025), arXiv:2507.05120.
A layer is two blocks of (phase, balanced beam splitter, phase, balanced beam splitter) on the upper mode: in the first
the phases are the two features times a scale; in the second they are trained. L layers in a row see the features L
times. The photon's probability q of leaving in the upper mode is the one feature that a linear discriminant
classifies: its threshold lies half-way between the class means. Training maximises Fisher's criterion,

    log (variance between the class means) - log (mean variance within the classes).

The scale behind the published accuracies is not known for certain, so all three that are in use are run.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from reporting import run_example
from rich.progress import Progress
from rich.table import Table
from sklearn.datasets import make_circles, make_moons

import hqdist as hq

PUBLISHED = {
    "circles": {1: 0.724, 2: 0.824, 3: 0.964, 4: 0.996},
    "moons": {1: 0.824, 2: 0.868, 3: 0.954, 4: 0.994},
}
TRAINING_POINTS, TEST_POINTS = 400, 100
SCALES = {"pi/10": math.pi / 10, "pi/4": math.pi / 4, "pi/2": math.pi / 2}
SHOWN = "pi/4"
LEARNING_RATE, EPOCHS, SEEDS = 0.02, 1000, 5


@dataclass(frozen=True)
class Points:
    """Labelled points of the plane: x (B, 2), y (B,) zeros and ones."""

    x: torch.Tensor
    y: torch.Tensor


def draw_points(dataset: str, count: int, seed: int) -> Points:
    """Draw a data set as the paper describes it: circles (factor 0.6, noise 0.05) or moons (noise 0.1)."""
    if dataset == "circles":
        x, y = make_circles(count, factor=0.6, noise=0.05, random_state=seed)
    else:
        x, y = make_moons(count, noise=0.1, random_state=seed)
    return Points(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


def circuit(layers: int, scale: float) -> hq.Program:
    """The two-mode circuit; the photon enters below. A feature x is the phase ``scale * x``."""
    weights = tuple(f"w{index}" for index in range(2 * layers))
    features = [scale * hq.parameter("x0"), scale * hq.parameter("x1")]
    elements: list[hq.PhaseShifter | hq.BeamSplitter] = []
    for layer in range(layers):
        trained = [hq.parameter(name) for name in weights[2 * layer : 2 * layer + 2]]
        for angle in features + trained:
            elements += [hq.PhaseShifter(0, angle), hq.BeamSplitter((0, 1), math.pi / 2)]
    return hq.Program(2, (0, 1), tuple(elements), weights, ("x0", "x1"))


def fisher_loss(q: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Minus Fisher's criterion of one feature q (B,) for two classes."""
    zero, one = q[y == 0], q[y == 1]
    between = (zero.mean() - one.mean()) ** 2 / 4
    within = (zero.var() + one.var()) / 2
    return torch.log(within + 1e-12) - torch.log(between + 1e-12)


class Classifier:
    """The circuit and its linear discriminant.

    Args:
        layers: How often the features are uploaded.
        scale: Radians for each unit of a feature.
    """

    def __init__(self, layers: int, scale: float) -> None:
        self.layer = hq.QuantumLayer(program=circuit(layers, scale))
        torch.nn.init.uniform_(self.layer.phases, 0, math.pi)
        self.means = torch.tensor([0.0, 1.0])

    def train(self, points: Points, epochs: int) -> None:
        """Train on the whole set at each step, then place the threshold."""
        optimiser = torch.optim.Adam(self.layer.parameters(), lr=LEARNING_RATE)
        for _ in range(epochs):
            optimiser.zero_grad()
            fisher_loss(self.layer(points.x)[:, 0], points.y).backward()
            optimiser.step()
        self.place_threshold(points)

    def place_threshold(self, points: Points) -> None:
        """Put the threshold half-way between the class means."""
        with torch.no_grad():
            q = self.layer(points.x)[:, 0]
        self.means = torch.stack([q[points.y == label].mean() for label in (0, 1)])

    def score(self, x: torch.Tensor) -> torch.Tensor:
        """How far q is on the side of class one, (B,); zero on the decision boundary."""
        with torch.no_grad():
            q = self.layer(x)[:, 0]
        return (q - self.means.mean()) * torch.sign(self.means[1] - self.means[0])

    def accuracy(self, points: Points) -> float:
        """The fraction of points on the side of their class."""
        return ((self.score(points.x) > 0) == (points.y == 1)).double().mean().item()


@dataclass(frozen=True)
class Run:
    """One trained classifier and how often it is right on its own training and test points."""

    classifier: Classifier
    training: float
    test: float


def run(dataset: str, layers: int, scale: float, seed: int, epochs: int = EPOCHS) -> Run:
    """Draw data, start from random phases, train and test."""
    torch.manual_seed(seed)
    points = draw_points(dataset, TRAINING_POINTS, seed)
    classifier = Classifier(layers, scale)
    classifier.train(points, epochs)
    unseen = draw_points(dataset, TEST_POINTS, 1000 + seed)
    return Run(classifier, classifier.accuracy(points), classifier.accuracy(unseen))


Runs = dict[tuple[str, int, str], list[Run]]
"""Runs of all seeds by data set, layers and scale."""


def run_all(seeds: int, progress: Progress) -> Runs:
    """Both data sets, one to four layers, three scales, from every seed."""
    cases = [(dataset, layers, scale) for dataset in PUBLISHED for layers in PUBLISHED[dataset] for scale in SCALES]
    task = progress.add_task("re-uploading", total=seeds * len(cases))
    runs: Runs = {case: [] for case in cases}
    for (dataset, layers, scale), done in runs.items():
        for seed in range(seeds):
            progress.update(task, description=f"{dataset}, layers: {layers}, scale {scale}, seed {seed}")
            done.append(run(dataset, layers, SCALES[scale], seed))
            progress.advance(task)
    return runs


def report(runs: Runs) -> dict[str, Any]:
    """The set-up, the published figures and those obtained."""
    setting = {
        "training_points": TRAINING_POINTS,
        "test_points": TEST_POINTS,
        "scales": SCALES,
        "learning_rate": LEARNING_RATE,
        "epochs": EPOCHS,
    }
    rows = [
        {
            "data": dataset,
            "layers": layers,
            "published": PUBLISHED[dataset][layers],
            "scale": scale,
            "mean": round(mean(run.test for run in done), 6),
            "spread": round(pstdev(run.test for run in done), 6),
            "test_by_seed": [run.test for run in done],
            "training_by_seed": [run.training for run in done],
        }
        for (dataset, layers, scale), done in runs.items()
    ]
    return {"setting": setting, "accuracy": rows}


def table(figures: dict[str, Any]) -> Table:
    """The closing table: mean and spread over the seeds, for each scale."""
    view = Table("data", "layers", "published", *(f"scale {scale}" for scale in SCALES), title="Test accuracy")
    rows = figures["accuracy"]
    for first in range(0, len(rows), len(SCALES)):
        row, cells = rows[first], rows[first : first + len(SCALES)]
        obtained = (f"{cell['mean']:.3f} ± {cell['spread']:.3f}" for cell in cells)
        view.add_row(row["data"], str(row["layers"]), f"{row['published']:.3f}", *obtained)
    return view


def draw(runs: Runs, path: Path) -> None:
    """Accuracy against layers, and the median classifier's decision for each number of layers at one scale."""
    figure, axes = plt.subplots(2, 5, figsize=(16, 6.2), layout="constrained", width_ratios=(1.35, 1, 1, 1, 1))
    for (chart, *maps), (dataset, published) in zip(axes, PUBLISHED.items(), strict=True):
        layers = list(published)
        chart.plot(layers, list(published.values()), "ks--", label="published")
        for shift, scale in zip((-0.06, 0, 0.06), SCALES, strict=True):
            tests = [[run.test for run in runs[dataset, count, scale]] for count in layers]
            places, means, spreads = [count + shift for count in layers], map(mean, tests), map(pstdev, tests)
            chart.errorbar(places, list(means), list(spreads), marker="o", capsize=3, label=f"hqdist, {scale}")
        chart.set(title=dataset, xlabel="layers", ylabel="test accuracy", xticks=layers, ylim=(0.65, 1.03))
        chart.legend(loc="lower right", frameon=False)
        for axis, count in zip(maps, layers, strict=True):
            done = runs[dataset, count, SHOWN]
            seed = sorted(range(len(done)), key=lambda seed, done=done: done[seed].test)[len(done) // 2]
            _draw_decision(axis, done[seed].classifier, draw_points(dataset, TEST_POINTS, 1000 + seed))
            plural = "s" if count > 1 else ""
            axis.set_title(f"{count} layer{plural}, {SHOWN}: {done[seed].test:.2f}")
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def _draw_decision(axis: Axes, classifier: Classifier, points: Points) -> None:
    low, high = points.x.min(0).values.numpy() - 0.35, points.x.max(0).values.numpy() + 0.35
    first, second = np.meshgrid(np.linspace(low[0], high[0], 120), np.linspace(low[1], high[1], 120))
    grid = torch.tensor(np.stack([first.ravel(), second.ravel()], axis=1), dtype=torch.float32)
    score: NDArray[np.float32] = classifier.score(grid).numpy().reshape(first.shape)
    reach = float(np.abs(score).max())
    axis.contourf(first, second, score, levels=np.linspace(-reach, reach, 21), cmap="RdBu", alpha=0.75)
    axis.contour(first, second, score, levels=[0.0], colors="black", linewidths=1.2)
    for label, colour in enumerate(("tab:red", "tab:blue")):
        axis.scatter(*points.x[points.y == label].T, s=14, color=colour, edgecolor="white", linewidth=0.4)
    axis.set(xticks=[], yticks=[])


def main() -> None:
    """Train, print the table, and write the results and the picture."""
    run_example(
        "data_reuploading",
        "Photonic data re-uploading on circles and moons (Mauser et al. 2025)",
        SEEDS,
        train=run_all,
        report=report,
        table=table,
        draw=draw,
    )


if __name__ == "__main__":
    main()
