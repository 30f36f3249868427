"""How many workers a pool should have. No clock, no Ray."""

from collections.abc import Sequence
from dataclasses import dataclass

from hqdist.cluster.plan import PoolPlan


@dataclass(frozen=True)
class Load:
    """What one worker has to do.

    Attributes:
        queued_rows: Rows that wait.
        idle_seconds: Seconds since it last had something to do; 0 while it has.
    """

    queued_rows: int
    idle_seconds: float


def wanted_workers(plan: PoolPlan, loads: Sequence[Load], now: int) -> int:
    """How many workers there should be: one more at a time while much waits, one less while some have nothing to do.

    Args:
        plan: What the pool is; its bounds hold whatever the load.
        loads: Of the workers that serve.
        now: How many there are, those that are only starting among them.
    """
    assert plan.least is not None and plan.most is not None
    waiting = sum(load.queued_rows for load in loads)
    wanted = now
    if len(loads) == now and waiting > plan.scale_up_rows * max(1, len(loads)):  # those that start may be enough
        wanted = now + 1
    elif loads and waiting == 0 and any(load.idle_seconds > plan.idle_seconds for load in loads):
        wanted = now - 1
    return min(max(wanted, plan.least), plan.most)
