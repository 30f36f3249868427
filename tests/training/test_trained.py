import io
import json

import pytest
import torch
from rich.console import Console

from hqdist import ConfigurationError
from hqdist.training import load_trained, read_configuration, train

TEXT = """
[data]
name = "iris"
[model]
architecture = "sequential"
quantum_features = 2
[circuit]
n_modes = 3
n_photons = 1
[training]
epochs = 2
"""


def test_a_trained_model_comes_back_with_the_accuracy_it_was_measured_with(tmp_path):
    (tmp_path / "iris.toml").write_text(TEXT)
    train(
        read_configuration(tmp_path / "iris.toml"), tmp_path / "run", resume=False, console=Console(file=io.StringIO())
    )
    before = torch.get_rng_state()
    model, data = load_trained(tmp_path / "run")
    with torch.no_grad():
        right = (model(data.test.features).argmax(dim=1) == data.test.labels).float().mean().item()
    assert right == pytest.approx(json.loads((tmp_path / "run" / "summary.json").read_text())["test_accuracy"])
    assert not model.training
    assert torch.equal(torch.get_rng_state(), before)


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_trained(tmp_path)
