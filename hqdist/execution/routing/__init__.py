"""A backend over several backends: who is asked, and who instead where that one is not available."""

from hqdist.execution.routing.breaker import BreakerState, Circuit, CircuitBreaker
from hqdist.execution.routing.decision import Decision, Option
from hqdist.execution.routing.failover import FAILS_OVER
from hqdist.execution.routing.fidelity import fidelity
from hqdist.execution.routing.policy import Candidate, Cost, Fidelity, Latency, Order, Policy
from hqdist.execution.routing.router import Router

__all__ = [
    "FAILS_OVER",
    "BreakerState",
    "Candidate",
    "Circuit",
    "CircuitBreaker",
    "Cost",
    "Decision",
    "Fidelity",
    "Latency",
    "Option",
    "Order",
    "Policy",
    "Router",
    "fidelity",
]
