"""A run that takes shots says before it starts how many, and takes as many."""

import io
import re
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest
from hqdist_exact import ExactBackend
from rich.console import Console

from hqdist import Backend, Capabilities, Price
from hqdist.execution import Request
from hqdist.training import read_configuration, train

TEXT = """
threads = 1
{keys}
[data]
name = "moons"
samples = 40
[model]
architecture = "{architecture}"
{model}
[circuit]
n_modes = 3
n_photons = 1
[training]
epochs = 2
batch_size = 7
"""

MODELS = {"sequential": "quantum_features = 2", "parallel": "outputs = 4", "residual": "width = 4"}


@dataclass(frozen=True)
class Metered(Backend):
    """The exact backend behind a meter."""

    name: ClassVar[str] = "metered"
    requests: ClassVar[list[Request]] = []

    @property
    def capabilities(self):
        return Capabilities(exact=True, sampled=True, adjoint=False, price=Price(per_shot=0.5, per_job=1.0))

    def evaluate(self, request):
        self.requests.append(request)
        return ExactBackend().evaluate(replace(request, shots=None))


@pytest.fixture
def run(tmp_path, monkeypatch):
    points = {name: EntryPoint(name, f"{__name__}:Metered", "hqdist.backends") for name in ("metered", "exact")}
    points["exact"] = EntryPoint("exact", "hqdist_exact:ExactBackend", "hqdist.backends")
    monkeypatch.setattr("hqdist.execution.registry.available_backends", lambda: points)
    Metered.requests.clear()

    def told(keys, architecture="sequential", *, resume=False):
        path, said = tmp_path / "job.toml", io.StringIO()
        path.write_text(TEXT.format(keys=keys, architecture=architecture, model=MODELS[architecture]))
        train(read_configuration(path), tmp_path / "run", resume=resume, console=Console(file=said, width=100))
        return said.getvalue()

    return told


def announced(text, line):
    """Totals of evaluations, shots, calls and credits in the line that begins so."""
    found = re.search(rf"^{re.escape(line)}.*$", text, re.MULTILINE)
    assert found, text
    numbers = re.findall(r"[:;] ([\d,.]+) (evaluations|shots|backend calls|credits)", found.group())
    return {what: float(number.replace(",", "")) for number, what in numbers}


@pytest.mark.parametrize("gradient", ['gradient = "auto"', 'gradient = {name = "spsa", step = 0.2, repetitions = 2}'])
@pytest.mark.parametrize("architecture", MODELS)
def test_a_run_takes_what_was_announced(run, architecture, gradient):
    text = run(f'backend = "metered"\nshots = 10\n{gradient}', architecture)
    run_takes = announced(text, "what is left of the run (2 epochs and the test) takes")
    assert run_takes == {
        "evaluations": sum(request.batch for request in Metered.requests),
        "shots": sum(request.total_shots for request in Metered.requests),
        "backend calls": len(Metered.requests),
        "credits": sum(0.5 * request.total_shots + 1 for request in Metered.requests),
    }
    epoch, test = announced(text, "an epoch takes"), 8 * 10
    assert 2 * epoch["shots"] + test == run_takes["shots"]


def test_a_run_that_is_over_has_only_its_test_left(run):
    keys = 'backend = "metered"\nshots = 10'
    run(keys)
    text = run(keys, resume=True)
    assert announced(text, "what is left of the run (0 epochs and the test) takes")["shots"] == 80


def test_an_exact_run_announces_no_cost(run):
    assert "takes" not in run('backend = "exact"')


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        ("gradient = 3", "gradient: a gradient method is a name or a table"),
        ('gradient = {name = "spas"}', "no gradient method is called 'spas'"),
        ('gradient = {name = "spsa", stepp = 1.0}', "'spsa' has no option stepp"),
        ('gradient = {name = "spsa", step = -1.0}', "step of SPSA is a number above zero"),
    ],
)
def test_a_gradient_that_is_none_is_refused(run, gradient, message):
    from hqdist import ConfigurationError

    with pytest.raises(ConfigurationError, match=message):
        run(gradient)
