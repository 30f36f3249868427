"""When another candidate is asked, when none may be, and when one is left alone for a while."""

from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
import torch
from candidates import Device, down, request

import hqdist as hq
from hqdist.execution.routing import FAILS_OVER, BreakerState

PRICE = hq.Price(per_shot=1e-3)


def state(router: hq.Router, number: int = 0) -> BreakerState:
    options = sorted(router.explain(request()).options, key=lambda option: option.place)
    return options[number].breaker


class TestErrors:
    def test_the_list(self):
        assert set(FAILS_OVER) == {
            hq.PlatformUnavailableError,
            hq.QueueFullError,
            hq.NoBackendError,
            hq.WorkerUnavailableError,
            hq.WorkerOverloadedError,
        }

    @pytest.mark.parametrize("kind", FAILS_OVER)
    def test_who_is_unavailable_is_replaced(self, kind, log):
        failing, other = Device(name="failing"), Device(name="other")
        failing.errors.append(kind("out of order"))
        result = hq.Router([failing, other]).evaluate(request(shots=5, seed=1))
        said = f"failing: failed: {kind.__name__}: out of order"
        assert result.provenance.route == (said, "other: answered, by order (place 2)")
        assert log() == [f"router: {said}"]

    @pytest.mark.parametrize(
        "kind",
        [
            hq.SubmissionUncertainError,
            hq.DeadlineError,
            hq.JobFailedError,
            hq.MissingRowsError,
            hq.BudgetError,
            hq.CreditsError,
            hq.AuthenticationError,
            hq.PermissionDeniedError,
            hq.ProviderError,
            hq.WorkerError,
            hq.BackendError,
            hq.LedgerError,
            hq.PostSelectionError,
            ConnectionError,
            ValueError,
        ],
    )
    @pytest.mark.parametrize("price", [None, PRICE])
    def test_no_other_error_leads_to_another_candidate(self, kind, price):
        failing, other = Device(price=price), Device()
        failing.errors.append(kind("something"))
        router = hq.Router([failing, other], fallback=[Device()])
        with pytest.raises(kind, match="something"):
            router.evaluate(request(shots=5))
        assert not other.asked
        assert state(router) is BreakerState.CLOSED

    @pytest.mark.parametrize("kind", [hq.WorkerUnavailableError, hq.WorkerOverloadedError])
    def test_what_may_have_been_paid_for_is_not_asked_for_again(self, kind):
        paid, other = Device(price=PRICE), Device()
        paid.errors.append(kind("the connection is lost"))
        router = hq.Router([paid, other], breaker={"failures": 1})
        with pytest.raises(kind, match="the connection is lost"):
            router.evaluate(request(shots=5))
        assert not other.asked
        assert state(router) is BreakerState.OPEN

    @pytest.mark.parametrize("kind", [hq.PlatformUnavailableError, hq.QueueFullError])
    def test_a_refusal_before_anything_was_begun_leads_on_from_what_is_paid(self, kind):
        paid = Device(price=PRICE)
        paid.errors.append(kind("in maintenance"))
        assert hq.Router([paid, Device(name="b")]).evaluate(request(shots=5)).provenance.backend == "b"

    def test_a_limit_that_shows_late_leads_on_and_is_no_failure(self):
        late, other = Device(name="late"), Device(name="other")
        late.errors.append(hq.CapabilityError("late", ["no memory left"]))
        router = hq.Router([late, other], breaker={"failures": 1})
        assert router.evaluate(request()).provenance.route[0] == "late: passed over: no memory left"
        assert state(router) is BreakerState.CLOSED

    def test_if_all_are_unavailable_the_error_says_why_of_each(self):
        router = hq.Router([Device(name="a", errors=down()), Device(name="b", max_batch=1), Device(name="c")])
        router.backends[2].errors.append(hq.QueueFullError("3 jobs wait"))
        with pytest.raises(hq.NoBackendError) as failure:
            router.evaluate(request())
        assert failure.value.reasons == (
            "b: passed over: 3 samples in a batch, at most 1",
            "a: failed: PlatformUnavailableError: in maintenance",
            "c: failed: QueueFullError: 3 jobs wait",
        )
        assert isinstance(failure.value.__cause__, hq.QueueFullError)


class TestFallback:
    def test_it_is_asked_if_all_others_failed_and_the_log_tells_once(self, log):
        failing, spare = Device(name="failing", errors=down(2)), Device(name="spare")
        router = hq.Router([failing], fallback=[spare])
        for _ in range(2):
            route = router.evaluate(request()).provenance.route
            assert route == (
                "failing: failed: PlatformUnavailableError: in maintenance",
                "spare: answered, as a fallback",
            )
        told = [line for line in log() if "fallback" in line]
        assert told == [
            "router: spare is asked as a fallback (failing: failed: PlatformUnavailableError: in maintenance)"
        ]
        router.evaluate(request())
        assert len(failing.asked) == 3
        failing.errors.extend(down())
        router.evaluate(request())
        assert len([line for line in log() if "fallback" in line]) == 2

    def test_it_is_asked_if_no_other_takes_the_request(self, log):
        result = hq.Router([Device(name="small", max_batch=1)], fallback=["exact"]).evaluate(request())
        assert result.provenance.backend == "exact"
        assert "small: passed over: 3 samples in a batch, at most 1" in result.provenance.route
        assert "exact is asked as a fallback" in log()[0]

    def test_fallbacks_are_asked_in_the_order_given(self):
        first = Device(name="first", price=PRICE)
        router = hq.Router([Device(errors=down())], "cost", fallback=[first, Device(name="second")])
        assert router.evaluate(request()).provenance.backend == "first"

    def test_it_is_not_asked_otherwise(self):
        spare = Device()
        hq.Router([Device()], fallback=[spare]).evaluate(request())
        assert not spare.asked

    def test_it_may_be_of_another_kind(self):
        router = hq.Router([Device(noise=hq.Noise(g2=0.01), errors=down())], fallback=[Device(name="ideal")])
        assert router.evaluate(request()).provenance.backend == "ideal"


class TestBreaker:
    def test_who_fails_often_is_left_alone_then_probed_then_used_again(self, clock):
        failing = Device(errors=down(3))
        router = hq.Router([failing, Device()], breaker={"failures": 2, "cool_off": 10, "longest": 60})
        for _ in range(4):
            router.evaluate(request())
        assert len(failing.asked) == 2
        assert state(router) is BreakerState.OPEN
        clock.now += 10
        assert state(router) is BreakerState.HALF_OPEN
        for _ in range(2):
            router.evaluate(request())  # the first is the probe, which fails
        assert len(failing.asked) == 3
        clock.now += 19
        router.evaluate(request())
        assert len(failing.asked) == 3
        clock.now += 1
        for _ in range(2):
            router.evaluate(request())
        assert len(failing.asked) == 5
        assert state(router) is BreakerState.CLOSED

    def test_only_one_call_is_the_probe(self, clock):
        failing, other = Device(name="failing", errors=down()), Device(name="other")
        router = hq.Router([failing, other], breaker={"failures": 1})
        router.evaluate(request())
        clock.now += 10
        failing.gate.clear()
        with ThreadPoolExecutor(1) as pool:
            probe = pool.submit(router.evaluate, request())
            for _ in range(2):  # the call that failed, and the probe
                assert failing.begun.acquire(timeout=60)
            result = router.evaluate(request())
            failing.gate.set()
            assert probe.result(60).provenance.backend == "failing"
        assert result.provenance.route[0].startswith("failing: not ready: circuit breaker probing after Platform")
        assert result.provenance.backend == "other"

    def test_a_probe_that_tells_nothing_lets_another_one_through(self, clock):
        failing = Device(errors=down())
        router = hq.Router([failing, Device()], breaker={"failures": 1})
        router.evaluate(request())
        clock.now += 10
        failing.errors.append(hq.PostSelectionError("nothing is left"))
        with pytest.raises(hq.PostSelectionError):
            router.evaluate(request())
        assert state(router) is BreakerState.HALF_OPEN
        router.evaluate(request())
        assert state(router) is BreakerState.CLOSED

    def test_who_cannot_even_tell_what_it_can_do_is_not_asked_that_every_time(self, clock):
        questions = []

        class Silent(Device):
            @property
            def capabilities(self):
                questions.append(self)
                raise hq.PlatformUnavailableError("no answer")

        router = hq.Router([Silent(), Device(name="other")], breaker={"failures": 2})
        for _ in range(5):
            assert router.evaluate(request()).provenance.backend == "other"
        assert len(questions) == 2

    def test_equal_routers_share_what_a_process_knows_and_pickles_do_not_carry_it(self):
        failing = Device(errors=down(9))
        for _ in range(2):
            hq.Router([failing, "exact"], breaker={"failures": 1}).evaluate(request())
        assert len(failing.asked) == 1


class TestSubmit:
    def test_a_job_fails_over(self):
        router = hq.Router([Device(errors=down()), Device(name="b")])
        assert router.submit(request()).result(60).provenance.backend == "b"

    def test_what_nobody_takes_is_refused_at_once(self):
        with pytest.raises(hq.CapabilityError):
            hq.Router([Device(max_batch=1)]).submit(request())

    def test_cancelling_cancels_where_the_work_is_done_and_asks_nobody_else(self):
        slow, other = Device(), Device()
        slow.gate.clear()
        job = hq.Router([slow, other]).submit(request())
        assert slow.begun.acquire(timeout=60)
        assert job.cancel()
        with pytest.raises(CancelledError):
            job.result(60)
        assert slow.cancelled.acquire(timeout=60)
        slow.gate.set()
        assert not other.asked


def test_a_layer_trains_on_while_a_backend_comes_and_goes(clock):
    flaky, steady = Device(name="flaky"), Device(name="steady")
    for _ in range(4):
        flaky.errors.extend([None, None, None, *down(2)])
    losses = {}
    for name, backend in (("alone", "exact"), ("routed", hq.Router([flaky, steady], breaker={"failures": 2}))):
        torch.manual_seed(5)
        layer = hq.QuantumLayer(program=request().program, backend=backend)
        optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
        losses[name] = []
        for _ in range(8):
            loss = layer(request().inputs.float()).square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses[name].append(loss.item())
            clock.now += 11
    assert losses["alone"] == losses["routed"]
    assert steady.asked
