"""How many workers a pool wants, by its load."""

import pytest

from hqdist.cluster.autoscale import Load, wanted_workers
from hqdist.cluster.plan import PoolPlan

PLAN = PoolPlan(name="p", workers=2, least=1, most=4, scale_up_rows=100, idle_seconds=60.0)
BUSY, FULL, IDLE, RESTING = Load(10, 0.0), Load(150, 0.0), Load(0, 61.0), Load(0, 59.0)


@pytest.mark.parametrize(
    ("loads", "now", "wanted"),
    [
        ([BUSY, BUSY], 2, 2),
        ([FULL, FULL], 2, 3),
        ([FULL, FULL], 3, 3),  # a third one is starting
        ([FULL] * 4, 4, 4),
        ([FULL, IDLE], 2, 2),
        ([IDLE, BUSY], 2, 2),
        ([IDLE, RESTING], 2, 1),
        ([RESTING, RESTING], 2, 2),
        ([IDLE], 1, 1),
        ([], 2, 2),
        ([], 0, 1),
    ],
)
def test_one_worker_at_a_time_comes_or_goes(loads, now, wanted):
    assert wanted_workers(PLAN, loads, now) == wanted
