"""Slow exact work that is sent to a second candidate as well, and work that never is."""

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
import torch
from candidates import Device, down, request

import hqdist as hq
from hqdist.execution import Backend

NOISE = hq.Noise(indistinguishability=0.9)
RANDOM = hq.Noise(phase_error=0.1)


def slow(**options) -> Device:
    device = Device(name="slow", **options)
    device.gate.clear()
    return device


def hedged(*devices: Backend, **options) -> hq.Router:
    return hq.Router(devices, hedge_after=0, **options)


def test_the_first_answer_counts_and_the_other_is_cancelled():
    waiting, quick = slow(), Device(name="quick")
    result = hedged(waiting, quick).evaluate(request())
    assert result.provenance.route == ("slow: no answer within 0 s", "quick: answered, by order (place 2)")
    assert torch.equal(result.values, hq.backend("exact").evaluate(request()).values)
    assert waiting.cancelled.acquire(timeout=60)
    waiting.gate.set()


def test_who_was_asked_first_may_still_win():
    first, second = slow(), Device(name="second")
    second.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(hedged(first, second).evaluate, request())
        assert second.begun.acquire(timeout=60)
        first.gate.set()
        assert answer.result(60).provenance.route == ("slow: answered, by order (place 1)",)
    assert second.cancelled.acquire(timeout=60)
    second.gate.set()


def test_in_time_nobody_else_is_asked():
    other = Device()
    hq.Router([Device(), other], hedge_after=60).evaluate(request())
    assert not other.asked


def test_off_unless_asked_for():
    waiting, other = slow(), Device()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(hq.Router([waiting, other]).evaluate, request())
        assert waiting.begun.acquire(timeout=60)
        assert not other.asked
        waiting.gate.set()
        assert answer.result(60).provenance.backend == "slow"
    assert not other.asked


def test_if_one_fails_the_other_is_waited_for():
    first, second = slow(), Device(name="second", errors=down())
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(hedged(first, second).evaluate, request())
        assert second.begun.acquire(timeout=60)
        first.gate.set()
        assert answer.result(60).provenance.backend == "slow"


def test_if_both_fail_the_next_is_asked():
    first, second, third = slow(errors=down()), Device(name="second", errors=down()), Device(name="third")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(hedged(first, second, third).evaluate, request())
        assert second.begun.acquire(timeout=60)
        first.gate.set()
        assert answer.result(60).provenance.backend == "third"
    assert (len(first.asked), len(second.asked), len(third.asked)) == (1, 1, 1)


def test_an_error_that_leads_nowhere_ends_it():
    waiting, other = slow(), Device()
    other.errors.append(hq.PostSelectionError("nothing is left"))
    with pytest.raises(hq.PostSelectionError):
        hedged(waiting, other).evaluate(request())
    assert waiting.cancelled.acquire(timeout=60)
    waiting.gate.set()


def test_derivatives_are_hedged_too():
    waiting, quick = slow(), Device(name="quick")
    result, pull = hedged(waiting, quick).evaluate_with_vjp(request())
    assert result.provenance.backend == "quick"
    cotangent = torch.ones_like(result.values).cumsum(1)
    expected = hq.backend("exact").vjp(request(), cotangent)
    assert torch.equal(pull(cotangent).weights, expected.weights)
    assert quick.calls == ["evaluate_with_vjp", "pull back"]
    waiting.gate.set()


def test_cancelling_a_job_cancels_both():
    first, second = slow(), slow()
    job = hedged(first, second).submit(request())
    for device in (first, second):
        assert device.begun.acquire(timeout=60)
    job.cancel()
    with pytest.raises(CancelledError):
        job.result(60)
    for device in (first, second):
        assert device.cancelled.acquire(timeout=60)
        device.gate.set()


class Provider(Device):
    """A backend that submits jobs, of which it does not know the price."""

    def cancel(self, job_id):
        raise AssertionError


@pytest.mark.parametrize(
    ("first", "second", "options"),
    [
        ({}, {}, {"shots": 5, "seed": 1}),
        ({"price": hq.Price(per_job=1)}, {}, {}),
        ({}, {"price": hq.Price(per_job=1)}, {}),
        ({"kind": Provider}, {}, {}),
        ({}, {"kind": Provider}, {}),
        ({"noise": RANDOM}, {"noise": RANDOM}, {}),
        ({"noise": NOISE}, {"noise": RANDOM}, {"seed": 1}),
    ],
)
def test_what_costs_or_is_random_or_would_be_another_answer_is_sent_once(first, second, options):
    def make(kind=Device, **fields):
        return kind(**fields)

    one, two = make(**first), make(**second)
    assert hedged(one, two).evaluate(request(**options)).provenance.route == ("device#1: answered, by order (place 1)",)
    assert one.threads == [threading.current_thread()]  # nobody else watches how long it takes
    assert not two.asked


def test_random_phases_with_a_seed_are_hedged():
    waiting, quick = slow(noise=RANDOM), Device(name="quick", noise=RANDOM)
    assert hedged(waiting, quick).evaluate(request(seed=1)).provenance.backend == "quick"
    waiting.gate.set()


def test_fallbacks_are_not_asked_early():
    waiting, spare = slow(), Device()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(hedged(waiting, fallback=[spare]).evaluate, request())
        assert waiting.begun.acquire(timeout=60)
        waiting.gate.set()
        assert answer.result(60).provenance.backend == "slow"
    assert not spare.asked
