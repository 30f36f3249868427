import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from hqdist.execution import available_backends

GOOD = """
threads = 1
[data]
name = "moons"
samples = 40
[model]
architecture = "sequential"
quantum_features = 2
"""


def test_version_is_told(command):
    code, output, _ = command("--version")
    assert code == 0
    assert output.startswith("hqdist ")


def test_every_backend_is_listed_with_what_it_can_do(command):
    code, output, _ = command("backends")
    assert code == 0
    for word in ("exact", "yes", "adjoint", "Probabilities", "unbunched", "dual_rail", "cpu"):
        assert word in output


@pytest.mark.parametrize("module", ["not_installed_anywhere", "hqdist.errors"])
def test_a_backend_that_cannot_be_loaded_is_a_row_of_the_table(command, monkeypatch, module):
    points = {"odd": EntryPoint("odd", f"{module}:HqdistError", "hqdist.backends"), **available_backends()}
    monkeypatch.setattr("hqdist.execution.available_backends", lambda: points)
    monkeypatch.setattr("hqdist.execution.registry.available_backends", lambda: points)
    code, output, _ = command("backends")
    assert code == 0
    assert [line.split()[1] for line in output.splitlines() if line.startswith((" odd", " exact"))] == ["no", "yes"]


@pytest.mark.parametrize("arguments", ["'train', 'some.toml'", "'backends'"])
def test_an_interrupt_while_loading_is_one_line_however_often_it_comes(arguments):
    program = f"""
import signal, sys, typer
from hqdist import cli
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("rich.console"):
            signal.raise_signal(signal.SIGINT)
echo = typer.echo
def interrupted_echo(*arguments, **options):
    signal.raise_signal(signal.SIGINT)
    echo(*arguments, **options)
typer.echo = interrupted_echo
for name in [name for name in sys.modules if name.startswith("rich")]:
    del sys.modules[name]
sys.meta_path.insert(0, Interrupting())
sys.argv = ["hqdist", {arguments}]
cli.main()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 130
    assert ended.stderr.startswith("hqdist: interrupted")
    assert ended.stderr.count("\n") == 1


def test_a_run_is_named_after_its_configuration(command, tmp_path):
    (tmp_path / "moons.toml").write_text(GOOD + "[circuit]\nn_modes = 3\nn_photons = 1\n[training]\nepochs = 2\n")
    code, output, errors = command("train", "moons.toml")
    assert (code, errors) == (0, "")
    assert "test accuracy" in output
    assert "runs/moons" in output
    assert (tmp_path / "runs" / "moons" / "summary.json").exists()


BAD = {
    "not TOML": "epochs: 3",
    "not text": b"\xff\xfe\x00",
    "unknown key": GOOD + "[training]\nlearning_rate = 0.1\n",
    "wrong type": GOOD + '[training]\nepochs = "ten"\n',
    "negative learning rate": GOOD + "[training]\nquantum_learning_rate = -1.0\n",
    "unknown data set": GOOD.replace("moons", "mnist"),
    "unknown architecture": GOOD.replace("sequential", "recurrent"),
    "unknown backend": 'backend = "abacus"\n' + GOOD,
    "unknown backend option": GOOD + '[backend]\nname = "exact"\ncolour = "red"\n',
    "nameless backend": GOOD + "[backend]\nshots = 3\n",
    "URI of a backend that takes none": 'backend = "exact://here"\n' + GOOD,
    "unknown gradient": 'gradient = "guess"\n' + GOOD,
    "shots from an exact backend": "shots = 100\n" + GOOD,
    "photons that do not fit": GOOD + "[circuit]\nn_modes = 4\nn_photons = 5\n",
    "one mode": GOOD + "[circuit]\nn_modes = 1\nn_photons = 1\n",
    "a space without such a state": GOOD + '[circuit]\nn_modes = 5\nn_photons = 2\ncomputation_space = "dual_rail"\n',
    "fractions that leave nothing": GOOD.replace("samples = 40", "validation = 0.5\ntest = 0.5"),
    "deep nesting": "a=" + "[" * 100_000,
    "deep table": GOOD + "[backend]\nname = 'exact'\n" + ".".join("a" * 5000) + " = 1\n",
    "a number of 5000 digits": "seed = " + "9" * 5000,
    "a hexadecimal number of 5000 digits": "seed = 0x" + "f" * 5000 + GOOD,
    "twenty thousand unknown keys": "".join(f"{'k' * 100}{key} = 1\n" for key in range(20_000)) + GOOD,
    "a value of a megabyte": f"seed = '{'a' * 10**6}'" + GOOD,
    "a name of a megabyte": f"gradient = '{'a' * 10**6}'" + GOOD,
    "too many threads": GOOD.replace("threads = 1", "threads = 10000000000"),
    "too many modes": GOOD + "[circuit]\nn_modes = 100000000000\n",
    "too many photons": GOOD + "[circuit]\nn_modes = 1000\nn_photons = 1000\n",
    "too many states": GOOD + "[circuit]\nn_modes = 60\nn_photons = 30\n",
    "too many elements": GOOD + "[circuit]\nn_modes = 1000\nn_photons = 100\n",
    "too many quantum features": GOOD.replace("features = 2", "features = 1000000000000"),
    "too many samples": GOOD.replace("samples = 40", "samples = 1000000000000"),
    "too much noise": GOOD.replace("samples = 40", "noise = 1e308"),
    "too much decay": GOOD + "[training]\nweight_decay = 1e300\n",
    "too wide a layer": GOOD.replace("sequential", "parallel").replace(
        "quantum_features = 2", "hidden = [1000000000000]"
    ),
    "too wide a residual": GOOD.replace("sequential", "residual").replace("quantum_features = 2", "width = 1000000000"),
    "a part without a sample of each class": GOOD.replace("samples = 40", "samples = 40\ntest = 0.01"),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_bad_configuration_is_one_line_exit_code_2_and_nothing_written(command, tmp_path, text):
    (tmp_path / "bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    code, output, errors = command("train", "bad.toml")
    assert (code, output) == (2, "")
    assert errors.startswith("hqdist: ")
    assert errors.count("\n") == 1
    assert len(errors) < 2500
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_a_byte_order_mark_is_no_error(command, tmp_path):
    (tmp_path / "good.toml").write_text(GOOD + "[training]\nepochs = 1\n", encoding="utf-8-sig")
    assert command("train", "good.toml")[0] == 0


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_configuration_that_cannot_be_read_is_one_line_and_exit_code_2(command, tmp_path, name):
    code, output, errors = command("train", name)
    assert (code, output) == (2, "")
    assert errors.startswith(f"hqdist: cannot read {name}: ")
    assert errors.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_run_directory_that_cannot_be_made_is_one_line_and_exit_code_2(command, tmp_path):
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "file").touch()
    code, _, errors = command("train", "good.toml", "--run-dir", "file/run")
    assert code == 2
    assert errors.startswith("hqdist: cannot make the run directory file/run: ")
    assert errors.count("\n") == 1


def test_importing_the_command_line_loads_nothing_that_only_a_run_needs():
    heavy = {"sklearn", "matplotlib", "pydantic", "numba", "hqdist_exact", "hqdist.training.run"}
    program = f"import sys, hqdist.cli; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
