"""The state of a run after an epoch, in one file that is replaced atomically."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hqdist.errors import TrainingError
from hqdist.training.atomic import replacing
from hqdist.training.metrics import EpochRecord


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
        try:
            content: dict[str, Any] = torch.load(path, weights_only=True)
            self.model.load_state_dict(content["model"])
            self.optimiser.load_state_dict(content["optimiser"])
            torch.set_rng_state(content["random"])
            self.epoch = content["epoch"]
            self.best = EpochRecord(**content["best"])
            self.best_weights = content["best_model"]
        except Exception as error:  # torch.load raises whatever unpickling a damaged file leads to
            raise TrainingError(f"{path} cannot be read: {error}") from error


def _merit(record: EpochRecord) -> tuple[float, float]:
    return record.validation_accuracy, -record.validation_loss
