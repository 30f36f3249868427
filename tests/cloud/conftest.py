"""Perceval's unmodified client, pointed at the emulator."""

from collections.abc import Callable
from typing import Any

import perceval as pcvl
import pytest
from hqdist_quandela.emulator import CloudEmulator
from interferometers import prepared
from perceval.algorithm import Sampler
from perceval.providers.quandela.rpc_handler import RPCHandler
from perceval.runtime.legacy import RemoteJob

TOKEN = "emulator-token"


@pytest.fixture(autouse=True)
def _client_asks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Perceval's client asks for a job's status as often as it is asked, not once a second."""
    monkeypatch.setattr(RemoteJob, "STATUS_REFRESH_DELAY", -1)


@pytest.fixture
def remote(emulator: CloudEmulator) -> Callable[..., pcvl.RemoteProcessor]:
    """A remote processor: two photons in four modes, unless told otherwise."""

    def make(name: str = "sim:emulated", **options: Any) -> pcvl.RemoteProcessor:
        processor = pcvl.RemoteProcessor(name, TOKEN, url=emulator.url, **options)
        return prepared(processor)

    return make


@pytest.fixture
def finished(emulator: CloudEmulator) -> Callable[..., RemoteJob]:
    """Send a job and wait until it is over."""

    def run(job: RemoteJob, *arguments: Any) -> RemoteJob:
        job.execute_async(*arguments)
        emulator.wait_for(job.id)
        assert job.is_complete
        return job

    return run


@pytest.fixture
def handler(emulator: CloudEmulator) -> RPCHandler:
    """The client's lowest layer."""
    return RPCHandler("sim:emulated", emulator.url, TOKEN)


@pytest.fixture
def sampler(remote: Callable[..., pcvl.RemoteProcessor]) -> Sampler:
    """A sampler on the exact platform."""
    return Sampler(remote(), max_shots_per_call=1000)
