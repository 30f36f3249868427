"""A client that is killed and started again finishes with the jobs that it had; each is counted once."""

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hqdist_quandela.emulator import CloudEmulator
from rich.console import Console

from hqdist.training import read_configuration, train

TRAINING = """
seed = 1

[backend]
name = "quandela"
platform = "qpu:emulated"
url = "{url}"
poll_seconds = 0.01
shots = 20
price = {{ per_shot = 0.5 }}

[data]
name = "iris"

[model]
architecture = "sequential"
quantum_features = 1

[circuit]
n_modes = 2
n_photons = 1
computation_space = "unbunched"

[training]
epochs = 1
batch_size = 50
"""

CLIENT = """
import sys
sys.path.insert(0, {tests!r})
from small_request import request
from hqdist_quandela import QuandelaBackend
backend = QuandelaBackend(platform="qpu:emulated", url={url!r}, poll_seconds=0.01, rows_per_job=2)
result = backend.evaluate(request(batch=6))
print("finished", result.values.sum().item(), *result.provenance.job_ids)
"""


def _client(cloud: CloudEmulator) -> subprocess.Popen[str]:
    code = CLIENT.format(tests=str(Path(__file__).parent), url=cloud.url)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ.copy())


def _finish(client: subprocess.Popen[str]) -> list[str]:
    output, _ = client.communicate(timeout=60)
    assert client.returncode == 0
    return output.split()


def _wait_for_jobs(cloud: CloudEmulator, client: subprocess.Popen[str], count: int) -> None:
    pause = threading.Event()
    while cloud.statistics().created < count:
        assert client.poll() is None, "the client ended early"
        pause.wait(0.01)


@pytest.mark.parametrize("created", [1, 3], ids=["in the middle of the batch", "after the last submission"])
def test_a_killed_client_pays_for_nothing_twice(cloud: CloudEmulator, created: int) -> None:
    cloud.hold()
    client = _client(cloud)
    _wait_for_jobs(cloud, client, created)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    cloud.release()
    word, _, *jobs = _finish(_client(cloud))
    assert word == "finished"
    assert cloud.statistics().created == cloud.statistics().paid == 3
    assert jobs == [job.id for job in cloud.statistics().jobs]


def test_a_client_that_finished_is_repeated_for_nothing(cloud: CloudEmulator) -> None:
    first = _finish(_client(cloud))
    assert _finish(_client(cloud)) == first
    assert cloud.statistics().created == 3


def test_a_run_tells_what_was_spent_from_what_had_been_paid_for_before(cloud: CloudEmulator, tmp_path: Path) -> None:
    configuration = tmp_path / "iris.toml"
    configuration.write_text(TRAINING.format(url=cloud.url))
    said = io.StringIO()
    runs = [
        train(read_configuration(configuration), tmp_path / name, resume=False, console=Console(file=said, width=100))
        for name in ("first", "again")
    ]
    spent = [(run.shots, run.credits, run.replayed_shots, run.replayed_credits) for run in runs]
    shots = cloud.statistics().shots
    assert spent == [(shots, 0.5 * shots, 0, 0.0), (0, 0.0, shots, 0.5 * shots)]
    assert f"{shots:,} ({0.5 * shots:,.10g} credits), taken from the ledger" in said.getvalue()
