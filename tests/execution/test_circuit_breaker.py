"""When a candidate is left alone: the transitions of its circuit, event by event."""

import pytest

from hqdist import ConfigurationError
from hqdist.execution.routing import BreakerState, Circuit, CircuitBreaker

CLOSED, OPEN, HALF_OPEN, PROBING = BreakerState

RULE = CircuitBreaker(failures=2, cool_off=10, longest=25)

CALM = Circuit()
SHAKEN = Circuit(failures=1)
OPENED = Circuit(state=OPEN, failures=2, generation=1, cool_off=10, until=110)
PROBED = Circuit(state=PROBING, failures=2, generation=1, cool_off=10, until=110)
FREED = Circuit(state=HALF_OPEN, failures=2, generation=1, cool_off=10, until=110)


def opened(generation: int, cool_off: float, until: float, failures: int = 3) -> Circuit:
    return Circuit(state=OPEN, failures=failures, generation=generation, cool_off=cool_off, until=until)


@pytest.mark.parametrize(
    ("circuit", "event", "generation", "now", "expected"),
    [
        (CALM, "succeeded", 0, 100, CALM),
        (CALM, "failed", 0, 100, SHAKEN),
        (CALM, "released", 0, 100, CALM),
        (SHAKEN, "succeeded", 0, 100, CALM),
        (SHAKEN, "failed", 0, 100, OPENED),
        (SHAKEN, "released", 0, 100, SHAKEN),
        # calls that were admitted before it opened
        (OPENED, "succeeded", 0, 105, OPENED),
        (OPENED, "failed", 0, 105, OPENED),
        (OPENED, "released", 0, 105, OPENED),
        (OPENED, "failed", 0, 115, OPENED),
        # a question whether there may be a call
        (OPENED, "failed", 1, 105, OPENED),
        (OPENED, "failed", 1, 115, opened(2, 20, 135)),
        (FREED, "failed", 1, 115, opened(2, 20, 135)),
        # the probe
        (PROBED, "succeeded", 1, 115, Circuit(generation=2)),
        (PROBED, "failed", 1, 115, opened(2, 20, 135)),
        (PROBED, "released", 1, 115, FREED),
        # calls that were admitted before the probe
        (PROBED, "succeeded", 0, 115, PROBED),
        (PROBED, "failed", 0, 115, PROBED),
        (PROBED, "released", 0, 115, PROBED),
        # the longest cool-off
        (Circuit(state=PROBING, failures=3, generation=2, cool_off=20), "failed", 2, 200, opened(3, 25, 225, 4)),
    ],
)
def test_transitions(circuit, event, generation, now, expected):
    after = {
        "succeeded": lambda: circuit.succeeded(generation),
        "failed": lambda: circuit.failed(generation, now, RULE),
        "released": lambda: circuit.released(generation),
    }[event]()
    assert after == expected


@pytest.mark.parametrize(
    ("circuit", "now", "state", "admitted"),
    [
        (CALM, 0, CLOSED, CALM),
        (SHAKEN, 0, CLOSED, SHAKEN),
        (OPENED, 109.9, OPEN, None),
        (OPENED, 110, HALF_OPEN, PROBED),
        (PROBED, 500, PROBING, None),
        (FREED, 115, HALF_OPEN, PROBED),
    ],
)
def test_who_is_let_through(circuit, now, state, admitted):
    assert circuit.state_at(now) is state
    assert circuit.admitted(now) == admitted


def test_after_it_has_closed_the_first_cool_off_counts_again():
    circuit = PROBED.failed(1, 115, RULE).admitted(135).succeeded(2)
    assert circuit.state_at(135) is CLOSED
    for _ in range(2):
        circuit = circuit.failed(circuit.generation, 200, RULE)
    assert circuit.until == 210


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"failures": 0}, "failures is a whole number"),
        ({"cool_off": 0}, "cool_off is a number of seconds above zero"),
        ({"longest": 5}, "longest cool-off, 5 s, is shorter than its first, 10 s"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ConfigurationError, match=message):
        CircuitBreaker(**options)
