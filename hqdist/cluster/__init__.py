"""Pools of workers that Ray keeps alive across a cluster, and the backend that asks them."""

from hqdist.cluster.backend import PoolBackend
from hqdist.cluster.plan import PoolPlan
from hqdist.cluster.pool import Pool

__all__ = ["Pool", "PoolBackend", "PoolPlan"]
