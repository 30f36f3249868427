import json

import pytest

import hqdist as hq
from hqdist.training.metrics import EpochRecord, MetricsLog


def record(epoch: int) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, train_loss=0.1, train_accuracy=0.5, validation_loss=0.3, validation_accuracy=0.4, seconds=1.0
    )


@pytest.fixture
def log(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    for epoch in (1, 2, 3):
        log.append(record(epoch))
    return log


def test_every_epoch_is_a_line_of_json(log):
    lines = log.path.read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_epochs_after_the_checkpoint_are_cut_off(log):
    assert log.keep(2) == [record(1), record(2)]
    assert len(log.path.read_text().splitlines()) == 2


@pytest.mark.parametrize("rest", [b'{"epoch": 4, "tra', b'{"epoch": 4, "tra\n', b"\0\0\0"])
def test_a_line_that_a_crash_cut_short_is_repaired(log, rest):
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + rest)
    assert [kept.epoch for kept in log.keep(3)] == [1, 2, 3]
    assert log.path.read_bytes() == whole


def test_nothing_is_there_before_the_first_epoch(tmp_path):
    assert MetricsLog(tmp_path / "metrics.jsonl").keep(0) == []


@pytest.mark.parametrize("damage", [b"", b"not json\n" * 3, b'{"epoch": 1}\n' * 3])
def test_a_log_without_the_epochs_of_the_checkpoint_is_refused(log, damage):
    log.path.write_bytes(damage)
    with pytest.raises(hq.TrainingError, match=r"metrics\.jsonl"):
        log.keep(3)
