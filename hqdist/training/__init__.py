"""The main job: train a hybrid model from a configuration file, in a run directory, resumably."""

from hqdist.training.configuration import Configuration, read_configuration
from hqdist.training.optimiser import classical_parameters, create_optimiser, quantum_parameters
from hqdist.training.report import Summary
from hqdist.training.run import train
from hqdist.training.trained import load_trained

__all__ = [
    "Configuration",
    "Summary",
    "classical_parameters",
    "create_optimiser",
    "load_trained",
    "quantum_parameters",
    "read_configuration",
    "train",
]
