"""The state of a run after an epoch, in one file that is replaced atomically."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hqdist.training.atomic import replacing
from hqdist.training.metrics import EpochRecord, read_record
from hqdist.training.undamaged import undamaged
from hqdist.training.words import brief


@dataclass
class TrainingState:
    """Everything that the next epoch depends on, and the best model so far.

    Attributes:
        model: The model as it is after the last epoch.
        optimiser: Its optimiser.
        epoch: How many epochs are done.
        best: The epoch with the highest validation accuracy (of equals, the lowest loss); None before the first.
        best_weights: The model's `state_dict` after that epoch.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    best: EpochRecord | None = None
    best_weights: dict[str, torch.Tensor] | None = None

    def finish(self, record: EpochRecord) -> None:
        """Count an epoch as done."""
        self.epoch = record.epoch
        if self.best is None or _merit(record) > _merit(self.best):
            self.best = record
            self.best_weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write the state after an epoch, and that of torch's random number generator."""
        assert self.best is not None
        content = {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "best": asdict(self.best),
            "best_model": self.best_weights,
        }
        with replacing(path) as file:
            torch.save(content, file)

    def load(self, path: Path) -> None:
        """Take over a saved state, and that of torch's random number generator.

        Raises:
            TrainingError: If the file is damaged or belongs to another model.
        """
        with undamaged(path):
            content = _read(path)
            epoch, best = content["epoch"], read_record(content["best"])
            if type(epoch) is not int or epoch < best.epoch:
                raise ValueError(f"it is of epoch {brief(epoch)}, and the best was {best.epoch}")
            # The optimiser's settings follow from the configuration; only what it remembers is read.
            memory = {**self.optimiser.state_dict(), "state": content["optimiser"]["state"]}
            _check_finite(content["model"], content["best_model"], *memory["state"].values())
            try:
                for weights in (content["best_model"], content["model"]):
                    self.model.load_state_dict(weights)
                self.optimiser.load_state_dict(memory)
            except (RuntimeError, TypeError) as error:
                raise ValueError("it belongs to another model") from error
            torch.set_rng_state(content["random"])
            self.epoch, self.best, self.best_weights = epoch, best, content["best_model"]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, weights_only=True)
    except Exception as error:  # torch advises to trust a file that it cannot read
        raise ValueError("it is no whole checkpoint") from error
    expected = {"epoch", "model", "optimiser", "random", "best", "best_model"}
    if not isinstance(content, dict) or set(content) != expected:
        raise ValueError(f"a checkpoint holds {', '.join(sorted(expected))}")
    return content


def _check_finite(*tables: dict[str, torch.Tensor]) -> None:
    if not all(bool(torch.isfinite(tensor).all()) for table in tables for tensor in table.values()):
        raise ValueError("not all numbers in it are finite")


def _merit(record: EpochRecord) -> tuple[float, float]:
    return record.validation_accuracy, -record.validation_loss
