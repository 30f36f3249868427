"""Training: the toolbox for loops of one's own, and the main job, which trains from a configuration file, resumably.

The main job's names load their modules, and with them scikit-learn and Matplotlib, when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from hqdist.training.alternating import train_hybrid_alternating
from hqdist.training.batch_size import find_optimal_batch_size
from hqdist.training.mixed_precision import train_with_mixed_precision
from hqdist.training.optimiser import (
    classical_parameters,
    create_hybrid_optimizer,
    create_optimiser,
    quantum_parameters,
)
from hqdist.training.schedule import Constant, Cosine, create_hybrid_schedulers

if TYPE_CHECKING:
    from hqdist.training.configuration import Configuration, read_configuration
    from hqdist.training.report import Summary
    from hqdist.training.run import train
    from hqdist.training.trained import load_trained

_LATER = {
    "Configuration": "hqdist.training.configuration",
    "Summary": "hqdist.training.report",
    "load_trained": "hqdist.training.trained",
    "read_configuration": "hqdist.training.configuration",
    "train": "hqdist.training.run",
}

__all__ = [
    "Configuration",
    "Constant",
    "Cosine",
    "Summary",
    "classical_parameters",
    "create_hybrid_optimizer",
    "create_hybrid_schedulers",
    "create_optimiser",
    "find_optimal_batch_size",
    "load_trained",
    "quantum_parameters",
    "read_configuration",
    "train",
    "train_hybrid_alternating",
    "train_with_mixed_precision",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
