import pytest
from candidates import Clock

from hqdist.execution import Ledger


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "made on demand" / "ledger.sqlite")


@pytest.fixture
def clock(monkeypatch):
    """The clock of breakers and latencies."""
    clock = Clock()
    monkeypatch.setattr("hqdist.execution.routing.health.monotonic", clock)
    return clock


@pytest.fixture
def log(caplog):
    """What the logger "hqdist" has said in this test, as warnings or worse."""
    caplog.set_level("WARNING", logger="hqdist")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "hqdist"]
