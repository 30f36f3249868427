"""A small time series: an electroencephalogram, predicted two samples ahead, linearly with a quantum correction.

Matplotlib's sample recording (`eeg.dat`: four channels, 800 samples in ten seconds), first channel. The last eight
samples are mapped linearly to the prediction, as in autoregression; a circuit that sees them squeezed into [0, 1] adds
a correction. The first 600 samples train, the last 200 test: time goes one way, so seeds differ in the start and the
order of batches only, and intervals say nothing about other recordings.

One excursion, from 8.5 s to 8.8 s, makes up most of the error, so that a second study leaves it out. (That was decided
after seeing the picture.)
"""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from studies import descend, run_study
from torch import nn

import hqdist as hq
from hqdist.analysis import AblationStudy
from hqdist.analysis.plots import plot_ablation

WINDOW, AHEAD, SPLIT, EPOCHS, RATE = 8, 2, 600, 60, 0.005


def series() -> torch.Tensor:
    """(800,), standardised by the mean and the deviation of the training part."""
    with get_sample_data("eeg.dat") as file:
        recording = torch.from_numpy(np.frombuffer(file.read(), "<f8").reshape(-1, 4)[:, 0].copy()).float()
    return (recording - recording[:SPLIT].mean()) / recording[:SPLIT].std()


SERIES = series()
WINDOWS = SERIES[:-AHEAD].unfold(0, WINDOW, 1)
NEXT = SERIES[WINDOW - 1 + AHEAD :].unsqueeze(-1)
#: Windows whose targets are samples that train.
TRAINING = SPLIT - WINDOW - AHEAD + 1
#: When the samples that test were recorded.
SECONDS = np.arange(SPLIT, len(SERIES)) / 80


class Corrected(nn.Module):
    """``linear(x) + head(quantum(squeeze(x)))``."""

    def __init__(self) -> None:
        super().__init__()
        experiment = hq.Experiment(hq.CircuitType.SERIES, n_modes=6, n_photons=3, use_bandwidth_tuning=True)
        self.linear = nn.Linear(WINDOW, 1)
        self.squeeze = hq.NormalizationLayer()
        self.quantum = hq.QuantumLayer(WINDOW, hq.AnsatzFactory.create(experiment, WINDOW, 8))
        self.head = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 8) to (B, 1)."""
        return self.linear(x) + self.head(self.quantum(self.squeeze(x)))


def train(model: nn.Module) -> None:
    """On the first part of the recording."""
    descend(model, WINDOWS[:TRAINING], NEXT[:TRAINING], nn.MSELoss(), EPOCHS, RATE)


def least_squares() -> nn.Module:
    """The best linear model of the training part, for comparison."""
    found = torch.linalg.lstsq(nn.functional.pad(WINDOWS[:TRAINING], (0, 1), value=1.0), NEXT[:TRAINING]).solution
    model = nn.Linear(WINDOW, 1)
    with torch.no_grad():
        model.weight.copy_(found[:-1].T)
        model.bias.copy_(found[-1])
    return model


def score(model: nn.Module) -> float:
    """Mean squared error over the last part."""
    return nn.functional.mse_loss(model(WINDOWS[TRAINING:]), NEXT[TRAINING:]).item()


def calm_score(model: nn.Module) -> float:
    """The same, but for the excursion."""
    calm = torch.from_numpy((SECONDS < 8.5) | (SECONDS > 8.8))
    return nn.functional.mse_loss(model(WINDOWS[TRAINING:][calm]), NEXT[TRAINING:][calm]).item()


SCORES = {"all": score, "without the excursion": calm_score}


def draw(study: AblationStudy, path: Path) -> None:
    """The ablation; and the last part of the recording, with what a model predicts."""
    torch.manual_seed(0)
    model = Corrected()
    torch.manual_seed(0)
    train(model)
    with torch.no_grad():
        predicted = model(WINDOWS[TRAINING:])
    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    axes.plot(SECONDS, NEXT[TRAINING:], color="#666666", label="recorded")
    axes.plot(SECONDS, predicted, color="#ee6677", label=f"predicted {1000 * AHEAD / 80:.0f} ms before, with photons")
    axes.set_xlabel("time (s)")
    axes.set_ylabel("EEG (standard deviations)")
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    figure.savefig(path.with_stem(f"{path.stem}_prediction"), dpi=110)
    plt.close(figure)
    plot_ablation(study, "test error (variance = 1)").savefig(path, dpi=110)


def main() -> None:
    """Both studies."""
    setting: dict[str, Any] = {
        "data": "eeg.dat",
        "window": WINDOW,
        "ahead": AHEAD,
        "split": SPLIT,
        "epochs": EPOCHS,
        "rate": RATE,
    }
    with torch.no_grad():
        setting["least_squares"] = {name: round(of(least_squares()), 4) for name, of in SCORES.items()}
    description, figure = "A time series, predicted by a linear model with a quantum correction.", "test error"
    common: dict[str, Any] = {"setting": setting, "make_model": Corrected, "train": train}
    run_study("time_series", description, figure=f"{figure} (variance = 1)", score=score, draw=draw, **common)
    run_study("time_series_calm", description, figure=f"{figure} without the excursion", score=calm_score, **common)


if __name__ == "__main__":
    main()
