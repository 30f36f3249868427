"""A cloud on this machine, and backends that talk to it through Perceval's own client."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hqdist_quandela import QuandelaBackend
from hqdist_quandela.emulator import CloudEmulator
from small_request import TOKEN

Connect = Callable[..., QuandelaBackend]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PCVL_CLOUD_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HQDIST_LEDGER", str(tmp_path / "ledger.sqlite"))


@pytest.fixture
def cloud() -> Iterator[CloudEmulator]:
    with CloudEmulator(seed=5) as emulator:
        yield emulator


@pytest.fixture
def connect(cloud: CloudEmulator) -> Connect:
    """Makes a backend of a platform of the emulated cloud."""

    def make(platform: str = "qpu:emulated", **options: object) -> QuandelaBackend:
        return QuandelaBackend(**{"platform": platform, "url": cloud.url, "poll_seconds": 0.01} | options)  # type: ignore[arg-type]

    return make
