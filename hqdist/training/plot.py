"""Training curves as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from hqdist.training.atomic import replacing
from hqdist.training.metrics import EpochRecord

_TRAINING, _VALIDATION, _BEST = "#4477aa", "#ee6677", "#666666"


def plot_curves(records: Sequence[EpochRecord], best: EpochRecord, title: str, path: Path) -> None:
    """Draw loss and accuracy over the epochs, for training and validation.

    Args:
        records: The epochs, at least one.
        best: The epoch to mark.
        title: What was trained.
        path: The PNG file, replaced atomically.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    epochs = [record.epoch for record in records]
    _draw(
        loss,
        epochs,
        [record.train_loss for record in records],
        [record.validation_loss for record in records],
        best,
        "cross entropy (nats)",
    )
    loss.set_ylim(bottom=0)
    _draw(
        accuracy,
        epochs,
        [record.train_accuracy for record in records],
        [record.validation_accuracy for record in records],
        best,
        "accuracy",
    )
    accuracy.set_ylim(top=1.0)
    accuracy.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    loss.legend(frameon=False)
    figure.suptitle(title)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _draw(
    axes: Axes, epochs: list[int], training: list[float], validation: list[float], best: EpochRecord, quantity: str
) -> None:
    marker = "o" if len(epochs) == 1 else None
    axes.axvline(best.epoch, color=_BEST, linewidth=1, linestyle=":", label=f"best validation (epoch {best.epoch})")
    axes.plot(epochs, training, color=_TRAINING, marker=marker, label="training (during the epoch)")
    axes.plot(epochs, validation, color=_VALIDATION, marker=marker, label="validation (after the epoch)")
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
