"""The command `cloud-emulator`, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from hqdist_quandela.emulator.command import cloud_emulator
from perceval.providers.quandela.rpc_handler import RPCHandler
from typer.testing import CliRunner

from hqdist.errors import ConfigurationError

#: The command line imports the command for its help, which must not wait for Perceval.
_SERVE = """
import sys, typer
from hqdist_quandela.emulator.command import cloud_emulator
assert "perceval" not in sys.modules
typer.run(cloud_emulator)
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _SERVE, "--token", "mine", "--platform", "qpu:emulated"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PCVL_PERSISTENT_PATH": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process
        process.kill()


def test_it_says_what_it_is_serves_and_ends_when_told(served: subprocess.Popen[str]) -> None:
    assert served.stdout is not None
    greeting = ""
    while "Ctrl-C" not in greeting:
        line = served.stdout.readline()
        assert line, greeting
        greeting += line
    assert "not Quandela's service; simulates on this machine" in greeting
    assert re.search(r"token +mine\n", greeting)
    assert re.search(r"platforms +qpu:emulated\n", greeting)
    url = re.search(r"url +(http://127.0.0.1:\d+)\n", greeting)
    assert url is not None
    assert RPCHandler("qpu:emulated", url[1], "mine").fetch_platform_details()["type"] == "qpu"
    served.send_signal(signal.SIGTERM)
    assert served.wait(30) == 0


def test_a_platform_that_there_is_not_is_said() -> None:
    app = typer.Typer()
    app.command()(cloud_emulator)
    result = CliRunner().invoke(app, ["--platform", "sim:real"])
    assert isinstance(result.exception, ConfigurationError)
    assert "sim:real" in str(result.exception)
    assert "sim:emulated-belenos" in str(result.exception)
