"""Starting and stopping an emulator, and doing without Perceval."""

import sys
import threading

import hqdist_quandela.emulator
import pytest
import requests
from hqdist_quandela.emulator import CloudEmulator, Faults
from interferometers import prepared
from perceval import RemoteProcessor
from perceval.algorithm import Sampler
from perceval.providers.quandela.rpc_handler import RPCHandler

from hqdist.errors import ConfigurationError, MissingDependencyError


def test_an_emulator_starts_once_and_stops_as_often_as_asked() -> None:
    emulator = CloudEmulator().start()
    with pytest.raises(ConfigurationError, match="started before"):
        emulator.start()
    emulator.stop()
    emulator.stop()


def test_stopping_ends_every_thread_whatever_they_wait_for() -> None:
    before = set(threading.enumerate())
    with CloudEmulator(faults=Faults(slow_status=1, slow_status_seconds=3600.0)) as emulator:
        emulator.hold()
        processor = prepared(RemoteProcessor("sim:emulated", "emulator-token", url=emulator.url))
        job = Sampler(processor, max_shots_per_call=10).probs.execute_async()
        emulator.wait_for(job.id, "running")
        handler = RPCHandler("sim:emulated", emulator.url, "emulator-token")
        handler.request_timeout = 0.1
        with pytest.raises(requests.ReadTimeout):
            handler.get_job_status(job.id)
        assert set(threading.enumerate()) - before
    assert set(threading.enumerate()) == before


def test_without_perceval_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "perceval", None)
    monkeypatch.delitem(sys.modules, "hqdist_quandela.emulator.platform")
    with pytest.raises(MissingDependencyError, match="pip install"):
        _ = hqdist_quandela.emulator.Platform
