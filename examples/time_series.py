"""A small time series: an electroencephalogram, predicted two samples ahead, linearly with a quantum correction.

Matplotlib's sample recording (`eeg.dat`: four channels, 800 samples in ten seconds), first channel. The last eight
samples are mapped linearly to the prediction, as in autoregression; a circuit that sees them squeezed into [0, 1] adds
a correction. The first 600 samples train, the last 200 test: time goes one way, so seeds differ in the start and the
order of batches only, and intervals say nothing about other recordings.
"""

from pathlib import Path

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


def score(model: nn.Module) -> float:
    """Mean squared error over the last part."""
    return nn.functional.mse_loss(model(WINDOWS[TRAINING:]), NEXT[TRAINING:]).item()


def draw(study: AblationStudy, path: Path) -> None:
    """The ablation; and the last part of the recording, with what a model predicts."""
    torch.manual_seed(0)
    model = Corrected()
    torch.manual_seed(0)
    train(model)
    seconds = np.arange(len(SERIES))[WINDOW - 1 + AHEAD :][TRAINING:] / 80
    with torch.no_grad():
        predicted = model(WINDOWS[TRAINING:])
    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    axes.plot(seconds, NEXT[TRAINING:], color="#666666", label="recorded")
    axes.plot(seconds, predicted, color="#ee6677", label=f"predicted {1000 * AHEAD / 80:.0f} ms before, with photons")
    axes.set_xlabel("time (s)")
    axes.set_ylabel("EEG (standard deviations)")
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    figure.savefig(path.with_stem(f"{path.stem}_prediction"), dpi=110)
    plt.close(figure)
    plot_ablation(study, "test error (variance = 1)").savefig(path, dpi=110)


if __name__ == "__main__":
    run_study(
        "time_series",
        "A time series, predicted by a linear model with a quantum correction.",
        figure="test error (variance = 1)",
        setting={"data": "eeg.dat", "window": WINDOW, "ahead": AHEAD, "split": SPLIT, "epochs": EPOCHS, "rate": RATE},
        make_model=Corrected,
        train=train,
        score=score,
        draw=draw,
    )
