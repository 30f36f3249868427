"""A trained model, taken back from its run directory."""

from pathlib import Path

import torch
from torch import nn

from hqdist.training.configuration import read_configuration
from hqdist.training.data import DataSet, load_data
from hqdist.training.run import first_state
from hqdist.training.run_directory import RunDirectory


def load_trained(path: Path | str) -> tuple[nn.Module, DataSet]:
    """The best model of a run, in evaluation mode, and the samples it was trained, validated and tested on.

    The samples are standardised as the model expects; its outputs are logits, one for each class.

    Args:
        path: The run directory.

    Raises:
        ConfigurationError: If there is no run in this directory.
        TrainingError: If no epoch is finished there, or its checkpoint is damaged.
    """
    directory = RunDirectory(Path(path))
    configuration = read_configuration(directory.configuration)
    with torch.random.fork_rng(devices=[]):
        data = load_data(configuration.data, configuration.seed)
        state = first_state(configuration, data)
        state.load(directory.checkpoint)
    assert state.best_weights is not None
    state.model.load_state_dict(state.best_weights)
    return state.model.eval(), data
