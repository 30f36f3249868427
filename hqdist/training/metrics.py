"""The course of a run: one JSON line for each epoch."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from hqdist.errors import TrainingError
from hqdist.training.atomic import replacing
from hqdist.training.undamaged import undamaged
from hqdist.training.words import brief

NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class EpochRecord:
    """What is known of an epoch: losses (mean cross entropy, in nats), accuracies (fractions), and what it took.

    `shots` and `credits` are those spent in the epoch; those of values that were replayed from a ledger, because an
    epoch that was cut short or another run had paid for them, are `replayed_shots` and `replayed_credits`.
    """

    epoch: Annotated[int, Field(ge=1)]
    train_loss: NonNegative
    train_accuracy: Fraction
    validation_loss: NonNegative
    validation_accuracy: Fraction
    seconds: NonNegative
    shots: Annotated[int, Field(ge=0)] = 0
    credits: NonNegative = 0.0
    replayed_shots: Annotated[int, Field(ge=0)] = 0
    replayed_credits: NonNegative = 0.0


def read_record(table: Any) -> EpochRecord:
    """Check a record that comes from a file.

    Raises:
        ValueError: If it is none.
    """
    try:
        return EpochRecord(**table)
    except (TypeError, ValidationError) as error:
        raise ValueError(f"{brief(table)} is no record of an epoch") from error


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
            TrainingError: If one of the first epochs is not there, or there are epochs that a checkpoint must have
                followed.
        """
        with undamaged(self.path):
            lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
            records = [read_record(json.loads(line)) for line in lines[:epochs]]
            if [record.epoch for record in records] != list(range(1, epochs + 1)):
                raise ValueError(f"it does not hold the {epochs} epochs of the checkpoint, one line for each")
            if sum(line.endswith(b"\n") for line in lines) > epochs + 1:
                raise ValueError(f"it holds {len(lines)} epochs, and the checkpoint beside it is of epoch {epochs}")
        kept = b"".join(_line(record) for record in records)
        if kept != b"".join(lines):
            with replacing(self.path) as file:
                file.write(kept)
        return records


def _line(record: EpochRecord) -> bytes:
    return json.dumps(asdict(record)).encode() + b"\n"
