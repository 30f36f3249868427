import pytest

from hqdist.execution import Ledger


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "made on demand" / "ledger.sqlite")
