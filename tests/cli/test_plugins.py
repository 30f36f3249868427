"""Installed packages add sub-commands, and a broken one does not get in the way of the others."""

from importlib.metadata import EntryPoint

import pytest

from hqdist.cli import plugins


@pytest.fixture
def announced(monkeypatch):
    """Announces commands, as packages do when they are installed."""

    def announce(**values: str) -> None:
        points = {name: EntryPoint(name, value, plugins.GROUP) for name, value in values.items()}
        monkeypatch.setattr(plugins, "_plugins", lambda: points)

    return announce


def test_a_plug_in_is_listed_and_runs(command, announced):
    announced(emulate="hqdist_quandela.emulator.command:cloud_emulator")
    assert "emulate" in command("--help")[1]
    code, output, _ = command("emulate", "--help")
    assert code == 0
    assert "not Quandela's service" in output


def test_an_error_of_a_plug_in_is_one_line_and_exit_code_2(command, announced):
    announced(emulate="hqdist_quandela.emulator.command:cloud_emulator")
    code, _, errors = command("emulate", "--platform", "qpu:none")
    assert code == 2
    assert errors.startswith("hqdist: there is no emulated platform qpu:none")


def test_a_broken_plug_in_leaves_the_others_alone(command, announced):
    announced(broken="hqdist.nowhere:command")
    code, output, _ = command("--help")
    assert code == 0
    assert "Cannot be loaded" in output
    assert command("backends")[0] == 0
    code, _, errors = command("broken")
    assert code == 2
    assert "ModuleNotFoundError" in errors


def test_the_cloud_emulator_is_announced():
    assert "cloud-emulator" in plugins._plugins()
