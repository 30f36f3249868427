"""A photonic circuit fits a Fourier series of degree n with n photons, and no better with fewer.

Gan, Leykam and Angelakis, "Fock state-enhanced expressivity of quantum machine learning models", EPJ Quantum
Technology 9, 16 (2022), arXiv:2107.05224. Light in three modes passes an interferometer, a phase x on the centre mode
and a second interferometer; the model is a trainable linear functional of the output probabilities,

    f(x) = bias + sum_n lambda_n p_n(x),

so with n photons f is a trigonometric polynomial of degree n. Fitted to a target of degree 3, its mean squared error
cannot fall below the power in the degrees that n photons do not reach: the floor.

Above a floor the gradients of the batches do not vanish, and Adam's rate is constant, so the error after the last epoch
fluctuates from epoch to epoch; the best epoch is therefore reported beside the last.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from reporting import run_example
from rich.progress import Progress
from rich.table import Table
from torch import nn

import hqdist as hq

COEFFICIENTS = (0.2, 0.69 + 0.52j, 0.81 + 0.41j, 0.68 + 0.82j)
POINTS, STEP = 378, 0.05
LEARNING_RATE, BATCH, EPOCHS, SEEDS = 0.02, 32, 120, 5


@dataclass(frozen=True)
class Published:
    """A published mean squared error, and how far from it a fit may be to count as agreeing."""

    mse: float
    tolerance: float

    def agrees(self, mse: float) -> bool:
        """Whether a fit's error is within the tolerance."""
        return abs(mse - self.mse) <= self.tolerance


PUBLISHED = {
    (1, 0, 0): Published(3.912, tolerance=0.02),
    (1, 1, 0): Published(2.274, tolerance=0.02),
    (1, 1, 1): Published(0.000, tolerance=1e-4),
}


@dataclass(frozen=True)
class Fit:
    """One training run.

    Attributes:
        curve: Mean squared error over all points after each epoch.
        values: What the trained model says at each point.
    """

    curve: list[float]
    values: NDArray[np.float64]

    @property
    def mse(self) -> float:
        """The mean squared error after the last epoch."""
        return self.curve[-1]

    @property
    def best(self) -> float:
        """The least mean squared error after any epoch."""
        return min(self.curve)


def points() -> NDArray[np.float64]:
    """The 378 points x from -3 pi to 3 pi."""
    return -3 * math.pi + STEP * np.arange(POINTS)


def target(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Fourier series ``sum_k c_k exp(i k x)`` over k = -3..3 with ``c_-k = conj(c_k)``."""
    constant, *harmonics = COEFFICIENTS
    return constant + sum(2 * (c * np.exp(1j * k * x)).real for k, c in enumerate(harmonics, start=1))


def floor(photons: int) -> float:
    """The least mean squared error of any trigonometric polynomial of this degree."""
    x = points()
    frequencies = range(-photons, photons + 1)
    basis = np.stack([np.cos(k * x) if k >= 0 else np.sin(k * x) for k in frequencies], axis=1)
    best, *_ = np.linalg.lstsq(basis, target(x))
    return round(float(np.mean((basis @ best - target(x)) ** 2)), 6)


def circuit(state: tuple[int, ...]) -> hq.Program:
    """Interferometer, phase x on the centre mode, interferometer; all Fock probabilities come back."""
    modes = range(len(state))
    encoding = hq.PhaseShifter(len(state) // 2, hq.parameter("x"))
    return hq.Program(
        modes=len(state),
        input_state=state,
        elements=(*hq.interferometer(modes, "before"), encoding, *hq.interferometer(modes, "after")),
        weights=tuple(f"{place}{index}" for place in ("before", "after") for index in range(len(state) ** 2)),
        inputs=("x",),
    )


def fit(state: tuple[int, ...], seed: int, epochs: int = EPOCHS) -> Fit:
    """Train the model with one input state from one random start."""
    torch.manual_seed(seed)
    x = torch.tensor(points(), dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(target(points()), dtype=torch.float32).unsqueeze(1)
    layer = hq.QuantumLayer(program=circuit(state))
    model = nn.Sequential(layer, nn.Linear(layer.output_size, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    curve = []
    for _ in range(epochs):
        for batch in torch.randperm(POINTS).split(BATCH):
            optimiser.zero_grad()
            nn.functional.mse_loss(model(x[batch]), y[batch]).backward()
            optimiser.step()
        with torch.no_grad():
            values = model(x)
            curve.append(nn.functional.mse_loss(values, y).item())
    return Fit(curve, values.squeeze(1).double().numpy())


def fit_all(seeds: int, progress: Progress) -> dict[tuple[int, ...], list[Fit]]:
    """Every input state from every seed."""
    task = progress.add_task("Fourier fit", total=len(PUBLISHED) * seeds)
    fits: dict[tuple[int, ...], list[Fit]] = {state: [] for state in PUBLISHED}
    for state, runs in fits.items():
        for seed in range(seeds):
            progress.update(task, description=f"{ket(state)} seed {seed}")
            runs.append(fit(state, seed))
            progress.advance(task)
    return fits


def ket(state: tuple[int, ...]) -> str:
    """A Fock state as it is written."""
    return f"|{''.join(map(str, state))}>"


def report(fits: dict[tuple[int, ...], list[Fit]]) -> dict[str, Any]:
    """The set-up, the published figures and those obtained."""
    setting = {
        "points": POINTS,
        "step": STEP,
        "coefficients": [[complex(c).real, complex(c).imag] for c in COEFFICIENTS],
        "learning_rate": LEARNING_RATE,
        "batch": BATCH,
        "epochs": EPOCHS,
    }
    return {"setting": setting, "states": {ket(state): _figures(state, runs) for state, runs in fits.items()}}


def _figures(state: tuple[int, ...], runs: list[Fit]) -> dict[str, Any]:
    published = PUBLISHED[state]
    last, best = [run.mse for run in runs], [run.best for run in runs]
    return {
        "published": published.mse,
        "tolerance": published.tolerance,
        "floor": floor(sum(state)),
        "last_epoch_by_seed": last,
        "best_epoch_by_seed": best,
        "median": median(last),
        "worst": max(last),
        "agree_at_last_epoch": sum(map(published.agrees, last)),
        "agree_at_best_epoch": sum(map(published.agrees, best)),
    }


def table(figures: dict[str, Any]) -> Table:
    """The closing table."""
    view = Table("input", "published", "floor", "median", "worst", "agree, last", "agree, best")
    view.title = "Mean squared error over all points"
    for state, row in figures["states"].items():
        seeds = len(row["last_epoch_by_seed"])
        view.add_row(
            state,
            *(f"{row[name]:.4g}" for name in ("published", "floor", "median", "worst")),
            *(f"{row[name]} of {seeds}" for name in ("agree_at_last_epoch", "agree_at_best_epoch")),
        )
    return view


def draw(fits: dict[tuple[int, ...], list[Fit]], path: Path) -> None:
    """The median fit of each input state beside the target, and all learning curves."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 6.5), layout="constrained")
    curves = axes[1, 1]
    for (state, runs), axis, colour in zip(fits.items(), axes.flat, ("C0", "C1", "C2"), strict=False):
        middle = sorted(runs, key=lambda run: run.mse)[len(runs) // 2]
        axis.plot(points() / math.pi, target(points()), color="0.6", linewidth=4, label="target, degree 3")
        axis.plot(points() / math.pi, middle.values, color=colour, label=f"{ket(state)}, median seed")
        mse = f"{middle.mse:.2f}" if middle.mse > 0.01 else f"{middle.mse:.0e}"
        axis.set(title=f"{ket(state)}: mean squared error {mse}", xlabel=r"$x / \pi$", ylabel=r"$f(x)$", ylim=(-6, 8))
        axis.legend(loc="upper center", ncols=2, frameon=False)
        for run in runs:
            curves.semilogy(range(1, len(run.curve) + 1), run.curve, color=colour, alpha=0.7)
        curves.plot([], [], color=colour, label=ket(state))
        least = floor(sum(state))
        if least > 0:
            curves.axhline(least, color=colour, linestyle=":")
    curves.set(title="All seeds; dotted: the floor", xlabel="epoch", ylabel="mean squared error")
    curves.legend(loc="lower left", frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Fit, print the table, and write the results and the picture."""
    run_example(
        "fourier_fit",
        "Fourier fit with one, two and three photons (Gan et al. 2022)",
        SEEDS,
        train=fit_all,
        report=report,
        table=table,
        draw=draw,
    )


if __name__ == "__main__":
    main()
