from pathlib import Path

import pytest
import tomli_w

import hqdist as hq
from hqdist.training.configuration import Configuration, GeneratedDataConfiguration, read_configuration

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


def read(tmp_path: Path, text: str) -> Configuration:
    path = tmp_path / "some.toml"
    path.write_text(text)
    return read_configuration(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_valid_configuration(path):
    read_configuration(path)


def test_what_is_left_out_has_a_default(tmp_path):
    configuration = read(tmp_path, '[data]\nname = "moons"\n[model]\narchitecture = "residual"\n')
    assert configuration.backend == "exact"
    assert configuration.data == GeneratedDataConfiguration(name="moons")
    assert configuration.circuit.circuit_type is hq.CircuitType.SERIES


@pytest.mark.parametrize("backend", ["exact", "ray://pool", {"name": "sampling", "noise": {"loss": 0.1}}])
def test_the_backend_is_kept_as_it_is_written(backend):
    table = {"backend": backend, "data": {"name": "iris"}, "model": {"architecture": "residual"}}
    assert Configuration.model_validate(table).backend == backend


def test_a_resolved_configuration_says_everything_and_reads_as_the_same_one(tmp_path):
    text = 'seed = 3\n[backend]\nname = "exact"\n[data]\nname = "moons"\n[model]\narchitecture = "parallel"\n'
    configuration = read(tmp_path, text)
    written = tomli_w.dumps(configuration.resolved())
    assert "quantum_learning_rate" in written
    assert read(tmp_path, written) == configuration


GOOD = {"data": '[data]\nname = "moons"\n', "model": '[model]\narchitecture = "sequential"\n'}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 3", "is not TOML"),
        ("seeed = 1\n" + "".join(GOOD.values()), "unknown key seeed; keys known there: seed, threads, backend"),
        (GOOD["data"] + "sample = 3\n" + GOOD["model"], r"unknown key data\.sample; keys known there: .*samples"),
        (GOOD["data"] + GOOD["model"] + "dropuot = 0.5\n", r"unknown key model\.dropuot; keys known there: .*dropout"),
        ("".join(GOOD.values()) + "[training]\nepoch = 3\n", r"unknown key training\.epoch; .*epochs, batch_size"),
        ("".join(GOOD.values()) + "[training]\nepochs = 3.5\n", r"training\.epochs: .*valid integer, got 3\.5"),
        ("".join(GOOD.values()) + '[training]\nepochs = "3"\n', r"training\.epochs: .*valid integer, got '3'"),
        ("".join(GOOD.values()) + "[training]\nepochs = 0\n", r"training\.epochs: .*greater than or equal to 1, got 0"),
        ("".join(GOOD.values()) + "[training]\nbatch_size = 1\n", r"training\.batch_size: .*equal to 2"),
        (
            "".join(GOOD.values()) + "[training]\nclassical_learning_rate = -0.1\n",
            r"training\.classical_learning_rate: .*greater than 0, got -0\.1",
        ),
        ("".join(GOOD.values()) + "[training]\nquantum_learning_rate = nan\n", r"quantum_learning_rate: .*finite"),
        (
            "".join(GOOD.values()) + '[circuit]\ncircuit_type = "ring"\n',
            r"circuit\.circuit_type: .*'series'.*got 'ring'",
        ),
        ("backend = 3\n" + "".join(GOOD.values()), "backend: a backend is a name, a URI or a table"),
        ("circuit = 3\n" + "".join(GOOD.values()), "circuit: must be a table, got 3"),
        ('[data]\nname = "mnist"\n' + GOOD["model"], r"data\.name: 'mnist' is unknown; choose one of 'digits'"),
        ("[data]\n" + GOOD["model"], r"data\.name is missing"),
        (GOOD["model"], "data is missing"),
        (GOOD["data"] + "validation = 0.6\ntest = 0.4\n" + GOOD["model"], "data: .* leave nothing to train on"),
        ("seed = -1\nshots = 0\n" + "".join(GOOD.values()), "seed: .*; shots: "),
    ],
)
def test_a_bad_configuration_is_refused_naming_what_is_wrong(tmp_path, text, message):
    with pytest.raises(hq.ConfigurationError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
