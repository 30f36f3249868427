"""The course of a run: one JSON line for each epoch."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from hqdist.errors import TrainingError
from hqdist.training.atomic import replacing


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """What is known of an epoch: losses (mean cross entropy, in nats), accuracies (fractions), and seconds taken."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


class MetricsLog:
    """A file of JSON lines that grows by one whole line at a time.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: EpochRecord) -> None:
        """Add a line; it is on the disk when this returns.

        Raises:
            TrainingError: If it cannot be written.
        """
        try:
            with self.path.open("ab") as file:
                file.write(_line(record))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TrainingError(f"cannot write {self.path}: {error.strerror}") from error

    def keep(self, epochs: int) -> list[EpochRecord]:
        """Cut the file back to its first epochs, and give them.

        What follows them is an epoch that ended without a checkpoint, or a line that a crash cut short; the epoch is
        trained again and its line written again.

        Raises:
            TrainingError: If one of the first epochs is not there.
        """
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        try:
            records = [EpochRecord(**json.loads(line)) for line in lines[:epochs]]
        except (ValueError, TypeError) as error:
            raise TrainingError(f"{self.path} is damaged: {error}") from error
        if [record.epoch for record in records] != list(range(1, epochs + 1)):
            raise TrainingError(f"{self.path} does not hold the {epochs} epochs of the checkpoint, one line for each")
        kept = b"".join(_line(record) for record in records)
        if kept != b"".join(lines):
            with replacing(self.path) as file:
                file.write(kept)
        return records


def _line(record: EpochRecord) -> bytes:
    return json.dumps(asdict(record)).encode() + b"\n"
