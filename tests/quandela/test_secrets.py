"""The token is in no log, ledger, run directory, exception, process argument, or copy of a backend."""

import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from hqdist_quandela import QuandelaBackend
from hqdist_quandela.emulator import CloudEmulator, Faults
from small_request import request

import hqdist as hq

SECRET = "s3cr3t-0f-n0b0dy"

CONFIGURATION = """
threads = 1

[backend]
name = "quandela"
platform = "sim:emulated"
url = "{url}"
shots = 50
poll_seconds = 0.01

[data]
name = "iris"

[model]
architecture = "sequential"
quantum_features = 1

[circuit]
n_modes = 2
n_photons = 1

[training]
epochs = 1
batch_size = 50
"""

Connect = Callable[..., QuandelaBackend]


@pytest.fixture
def secretive(monkeypatch: pytest.MonkeyPatch) -> CloudEmulator:
    """A cloud that takes this token and no other."""
    monkeypatch.setenv("PCVL_CLOUD_TOKEN", SECRET)
    return CloudEmulator(seed=1, tokens=[SECRET])


def _connect(cloud: CloudEmulator, **options: object) -> QuandelaBackend:
    return QuandelaBackend(platform="qpu:emulated", url=cloud.url, poll_seconds=0.01, **options)  # type: ignore[arg-type]


def _files_with_the_secret(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_a_training_run_leaves_no_trace_of_it(secretive: CloudEmulator, tmp_path: Path) -> None:
    with secretive as cloud:
        (tmp_path / "iris.toml").write_text(CONFIGURATION.format(url=cloud.url))
        code = "import logging; logging.basicConfig(level=logging.DEBUG); from hqdist.cli import main; main()"
        command = [sys.executable, "-c", code, "train", str(tmp_path / "iris.toml"), "--run-dir", str(tmp_path / "run")]
        cloud.hold()
        run = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"HOME": str(tmp_path)}
        )
        cloud.wait_until(lambda statistics: statistics.created > 0, timeout=60)
        arguments = Path(f"/proc/{run.pid}/cmdline").read_bytes()
        cloud.release()
        output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output.decode()
    assert b"submitted job" in output
    assert SECRET.encode() not in output + arguments
    assert (tmp_path / "ledger.sqlite").exists()
    assert _files_with_the_secret(tmp_path) == []
    assert _files_with_the_secret(Path(os.environ["PCVL_PERSISTENT_PATH"])) == []


@pytest.mark.parametrize(
    "faults",
    [
        Faults(no_credits=99),
        Faults(bad_token=99),
        Faults(locked=99),
        Faults(create_drops_uncreated=99),
        Faults(queue_full=99),
        Faults(status_errors=99),
        Faults(result_drops=99),
        Faults(failing_jobs=99),
        Faults(truncated_jobs=99),
    ],
    ids=lambda faults: next(name for name, count in asdict(faults).items() if count == 99),
)
def test_no_error_tells_it(secretive: CloudEmulator, faults: Faults, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with secretive as cloud:
        cloud.faults = faults
        with pytest.raises(hq.ProviderError) as caught:
            _connect(cloud, timeout=0.3).evaluate(request())
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caplog.text
    assert SECRET.encode() not in pickle.dumps(caught.value)


def test_a_backend_that_has_connected_holds_none_in_its_copies_and_pictures(secretive: CloudEmulator) -> None:
    with secretive as cloud:
        backend = _connect(cloud)
        backend.evaluate(request())
        assert SECRET not in repr(backend) + repr(backend.specifications) + repr(backend.capabilities)
        assert SECRET.encode() not in pickle.dumps(backend)


def test_it_comes_from_a_file_as_well(
    secretive: CloudEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PCVL_CLOUD_TOKEN")
    (tmp_path / "token").write_text(SECRET + "\n")
    with secretive as cloud:
        _connect(cloud, token_file=str(tmp_path / "token")).evaluate(request())
        with pytest.raises(hq.AuthenticationError, match="set the environment variable PCVL_CLOUD_TOKEN"):
            _connect(cloud).evaluate(request())
        with pytest.raises(hq.AuthenticationError, match="cannot be read"):
            _connect(cloud, token_file=str(tmp_path / "none")).evaluate(request())
