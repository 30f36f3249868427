"""What tests of several parts share: Perceval's files kept out of the home directory, and an emulated cloud."""

import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hqdist_quandela.emulator import CloudEmulator

_PERCEVAL_FILES = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # Perceval makes its directory when it is imported.
    config.stash[_PERCEVAL_FILES] = tempfile.TemporaryDirectory(prefix="hqdist-perceval-")
    os.environ["PCVL_PERSISTENT_PATH"] = config.stash[_PERCEVAL_FILES].name
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_PERCEVAL_FILES].cleanup()


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator["CloudEmulator"]:
    """A running emulator with the default platforms; Perceval's client asks it as often as it is asked."""
    from hqdist_quandela.emulator import CloudEmulator
    from perceval.runtime.legacy import RemoteJob

    monkeypatch.setattr(RemoteJob, "STATUS_REFRESH_DELAY", -1)
    with CloudEmulator(seed=1) as running:
        yield running
