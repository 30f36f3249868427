"""A photonic reservoir on digits: a known figure reproduced, and the comparisons it leaves out.

Three photons in twelve modes, two interferometers at random phases that nobody trains, and between them eleven
principal components of an image as phases: the 364 output probabilities are features for a logistic regression. The
figure to reproduce: principal components alone 93.5 %, with the reservoir 96.3 %. Beside it the same number of random
features without photons (cosines of random projections; Rahimi and Recht, 2007), and a regression on the pixels.
scikit-learn's digits, five splits, 30 % held out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from reporting import run_example
from rich.progress import Progress
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import hqdist as hq
from hqdist.analysis.statistics import Mean

COMPONENTS, MODES, PHOTONS, SPLITS = 11, 12, 3, 5
PUBLISHED = {"components": 93.5, "components, reservoir": 96.3}

Features = NDArray[np.float64]
Map = Callable[[Features], Features]


def reservoir(seed: int, components: Features) -> Map:
    """From components to the probabilities of a random circuit; the range of these is taken to [0, 1]."""
    torch.manual_seed(seed)
    experiment = hq.Experiment(hq.CircuitType.SERIES, n_modes=MODES, n_photons=PHOTONS, reservoir_mode=True)
    ansatz = hq.AnsatzFactory.create(experiment, COMPONENTS, output_mapping_strategy=hq.OutputMappingStrategy.NONE)
    layer = hq.QuantumLayer(COMPONENTS, ansatz, dtype=torch.float64)
    into = MinMaxScaler(clip=True).fit(components)
    return lambda points: layer(torch.from_numpy(into.transform(points))).numpy()


def cosines(seed: int, components: Features, number: int) -> Map:
    """As many random features without photons."""
    rng = np.random.default_rng(seed)
    directions, shifts = 0.3 * rng.normal(size=(COMPONENTS, number)), rng.uniform(0, 2 * np.pi, number)
    scaled = StandardScaler().fit(components)
    return lambda points: np.cos(scaled.transform(points) @ directions + shifts)


def accuracies(seed: int) -> dict[str, float]:
    """Of a logistic regression on each set of features, on the images held out, in percent."""
    images, digits = load_digits(return_X_y=True)
    x, held_out, y, truth = train_test_split(images, digits, test_size=0.3, random_state=seed, stratify=digits)
    projection = PCA(COMPONENTS, random_state=seed).fit(x)
    components = projection.transform(x)
    photons = reservoir(seed, components)
    waves = cosines(seed, components, photons(components[:1]).shape[1])

    def joined(further: Map) -> Map:
        return lambda points: np.concatenate([points, further(points)], axis=1)

    maps: dict[str, Map] = {
        "components": lambda points: points,
        "components, reservoir": joined(photons),
        "components, cosines": joined(waves),
    }
    found = {name: _accuracy(of(components), y, of(projection.transform(held_out)), truth) for name, of in maps.items()}
    return found | {"pixels": _accuracy(x, y, held_out, truth)}


def _accuracy(x: Features, y: NDArray[np.int64], held_out: Features, truth: NDArray[np.int64]) -> float:
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000)).fit(x, y)
    return 100 * float(fitted.score(held_out, truth))


def train_all(seeds: int, progress: Progress) -> dict[str, list[float]]:
    """The accuracies of all splits, by features."""
    found: dict[str, list[float]] = {}
    with torch.no_grad():
        for seed in progress.track(range(seeds), description="splits"):
            for name, accuracy in accuracies(seed).items():
                found.setdefault(name, []).append(accuracy)
    return found


def report(found: dict[str, list[float]]) -> dict[str, Any]:
    """The figures, by features."""
    setting = {"components": COMPONENTS, "modes": MODES, "photons": PHOTONS, "held_out": 0.3}
    return {
        "setting": setting,
        "features": {
            name: {"published": PUBLISHED.get(name), "by_split": [round(one, 3) for one in each]}
            for name, each in found.items()
        },
    }


def table(figures: dict[str, Any]) -> Table:
    """The figures with their intervals, and each against the reservoir's."""
    drawn = Table(title="Test accuracy (%): mean and 95% interval over the splits")
    for column in ("features", "published", "accuracy", "less than with the reservoir"):
        drawn.add_column(column)
    photons = figures["features"]["components, reservoir"]["by_split"]
    for name, row in figures["features"].items():
        less = Mean.of([a - b for a, b in zip(photons, row["by_split"], strict=True)])
        published = "" if row["published"] is None else f"{row['published']}"
        drawn.add_row(
            name, published, _shown(Mean.of(row["by_split"])), "" if row["by_split"] == photons else _shown(less)
        )
    return drawn


def draw(found: dict[str, list[float]], path: Path) -> None:
    """Each split, and the means with their intervals."""
    figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
    for row, (name, each) in enumerate(found.items()):
        colour, mean = "#ee6677" if "reservoir" in name else "#4477aa", Mean.of(each)
        axes.plot(each, [row] * len(each), ".", color=colour, alpha=0.4)
        axes.errorbar(mean.value, row, xerr=_half(mean), fmt="o", color=colour, capsize=4)
        if name in PUBLISHED:
            axes.plot(
                PUBLISHED[name], row, "|", color="black", markersize=18, label="known figure" if row == 0 else None
            )
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlabel("test accuracy (%)")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _half(mean: Mean) -> float:
    return 0.0 if mean.number == 1 else mean.half_width


def _shown(mean: Mean) -> str:
    return f"{mean.value:.2f}" if mean.number == 1 else f"{mean.value:.2f} ± {mean.half_width:.2f}"


if __name__ == "__main__":
    run_example(
        "reservoir", "A photonic reservoir on digits.", SPLITS, train=train_all, report=report, table=table, draw=draw
    )
