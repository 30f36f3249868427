"""Telling how a run goes: a bar on a terminal, lines everywhere else."""

from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hqdist.training.loop import Score
from hqdist.training.metrics import EpochRecord


class ProgressDisplay(Protocol):
    """Who is told how a run goes."""

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Training starts.

        Args:
            epochs: Epochs in all.
            done: Epochs that are done already.
            batches: Batches in an epoch.
        """

    def batch(self, epoch: int, score: Score) -> None:
        """A batch is done; the score is that of the epoch so far."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch is done and saved."""

    def stop(self) -> None:
        """Training has ended, well or not."""


class ProgressLines:
    """One line for each epoch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._epochs = 0

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Remember how many epochs there are."""
        self._epochs = epochs

    def batch(self, epoch: int, score: Score) -> None:
        """Say nothing."""

    def epoch(self, record: EpochRecord) -> None:
        """Say a line."""
        self._console.print(
            f"epoch {record.epoch}/{self._epochs}  loss {record.train_loss:.4f}  accuracy {record.train_accuracy:.2%}  "
            f"validation loss {record.validation_loss:.4f}  accuracy {record.validation_accuracy:.2%}  "
            f"{record.seconds:.1f} s",
            soft_wrap=True,
        )

    def stop(self) -> None:
        """Say nothing."""


class ProgressBar:
    """A bar over all batches of all epochs, with loss and accuracy."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[train]}"),
            TextColumn("[cyan]{task.fields[validation]}"),
            TimeRemainingColumn(),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task("", total=None, start=False, epoch=0, epochs=0, train="", validation="")

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Show the bar."""
        self._bar.update(self._task, total=epochs * batches, completed=done * batches, epochs=epochs, epoch=done)
        self._bar.start()
        self._bar.start_task(self._task)

    def batch(self, epoch: int, score: Score) -> None:
        """Move the bar on."""
        self._bar.update(
            self._task, advance=1, epoch=epoch, train=f"loss {score.loss:.3f}  accuracy {score.accuracy:.1%}"
        )

    def epoch(self, record: EpochRecord) -> None:
        """Show the validation figures."""
        self._bar.update(self._task, validation=f"validation {record.validation_accuracy:.1%}")

    def stop(self) -> None:
        """Leave the bar as it is and give the terminal back."""
        self._bar.stop()


def progress_on(console: Console) -> ProgressDisplay:
    """The display that suits a console."""
    return ProgressBar(console) if console.is_terminal else ProgressLines(console)
