"""A router: who answers, what it says of itself, and what it says of its decision."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from candidates import PROGRAM, Device, down, request
from hqdist_exact import ExactBackend
from hqdist_sampling import SamplingBackend

import hqdist as hq
from hqdist.execution import available_backends
from hqdist.execution.routing import CircuitBreaker
from hqdist.testing import checks

NOISY = hq.Noise(indistinguishability=0.9)
NOISIER = hq.Noise(indistinguishability=0.7, g2=0.02)


#: Checks that a router over two passes by what it does; the others by what its backends do.
ROUTED = {
    "it_pickles_and_copies",
    "requests_are_left_as_they_are",
    "every_violation_is_named",
    "limits_come_before_computing",
    "threads_do_not_disturb_each_other",
    "kept_gradients_equal_fresh_ones",
    "estimates_do_not_depend_on_the_split",
}


class TestConformance:
    @pytest.mark.parametrize("check", checks(hq.Router([ExactBackend()])), ids=str)
    def test_of_a_router_over_one(self, check):
        check()

    @pytest.mark.parametrize(
        "check", [check for check in checks(hq.Router(["exact", "sampling"])) if check.name in ROUTED], ids=str
    )
    def test_of_a_router_over_two(self, check):
        check()


class TestConfiguration:
    def test_candidates_are_whatever_makes_a_backend(self):
        router = hq.Router(["exact", {"name": "sampling", "shots": 5}, ExactBackend(memory_limit=9)])
        assert router.backends == (ExactBackend(), SamplingBackend(shots=5), ExactBackend(memory_limit=9))

    def test_as_a_table(self, monkeypatch, tmp_path):
        metadata = tmp_path / "router-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: router\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[hqdist.backends]\nrouter = hqdist.execution:Router\n")
        monkeypatch.syspath_prepend(tmp_path)
        available_backends.cache_clear()
        try:
            table = {"name": "router", "backends": [{"name": "exact"}], "policy": "cost", "breaker": {"failures": 5}}
            assert hq.backend(table) == hq.Router(["exact"], "cost", breaker=CircuitBreaker(failures=5))
        finally:
            available_backends.cache_clear()

    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda router: pickle.loads(pickle.dumps(router))])
    def test_it_copies_as_its_configuration(self, copied):
        router = hq.Router(["exact"], "latency", fallback=["sampling"], hedge_after=2)
        router.evaluate(request())
        assert copied(router) == router
        assert torch.equal(copied(router).evaluate(request()).values, router.evaluate(request()).values)

    @pytest.mark.parametrize(
        ("arguments", "options", "message"),
        [
            (([],), {}, "at least one backend"),
            (("exact",), {}, "backends is a list"),
            (({"name": "exact"},), {}, "write it in brackets"),
            ((["exact"], "fastest"), {}, "a policy is one of order, latency, cost, fidelity"),
            ((["exact"],), {"hedge_after": -1}, "hedge_after is a number of seconds"),
            ((["exact"],), {"shots": 0}, "shots is a whole number"),
            ((["exact"],), {"breaker": {"failure": 3}}, "unknown keys failure"),
        ],
    )
    def test_what_cannot_be_understood(self, arguments, options, message):
        with pytest.raises(hq.ConfigurationError, match=message):
            hq.Router(*arguments, **options)

    def test_a_candidate_that_cannot_be_remembered(self):
        class Loose(ExactBackend):
            __hash__ = None

        with pytest.raises(hq.ConfigurationError, match="'exact' has no hash"):
            hq.Router([Loose()])

    @pytest.mark.parametrize(
        ("backends", "shots"),
        [
            ([SamplingBackend(shots=7)], 7),
            ([SamplingBackend(shots=7), SamplingBackend(shots=8)], None),
            (["exact", "sampling"], None),
        ],
    )
    def test_shots_are_what_all_agree_on(self, backends, shots):
        assert hq.Router(backends).shots == shots
        assert hq.Router(backends, shots=3).shots == 3


class TestChoice:
    def test_a_request_goes_to_the_first_that_takes_it(self):
        small, large = Device(name="small", max_batch=2), Device(name="large")
        result = hq.Router([small, large]).evaluate(request(3))
        assert result.provenance.backend == "large"
        assert result.provenance.route == (
            "small: passed over: 3 samples in a batch, at most 2",
            "large: answered, by order (place 2)",
        )
        assert hq.Router([small, large]).evaluate(request(2)).provenance.backend == "small"

    def test_exact_values_and_shots_are_never_taken_for_each_other(self):
        router = hq.Router(["sampling", "exact"])
        assert router.evaluate(request()).provenance.backend == "exact"
        assert router.evaluate(request(shots=10)).provenance.backend == "sampling"
        with pytest.raises(hq.CapabilityError, match="sampling: exact values, only shots"):
            hq.Router(["sampling"]).evaluate(request())
        with pytest.raises(hq.CapabilityError, match="exact#2: shots, only exact values"):
            hq.Router(["exact"], fallback=["exact"]).evaluate(request(shots=10))

    def test_what_nobody_takes_is_refused_with_every_reason_of_everyone(self):
        router = hq.Router([Device(name="a", max_batch=1, max_modes=2), Device(name="b", max_batch=2)])
        with pytest.raises(hq.CapabilityError) as refusal:
            router.evaluate(request(3))
        assert refusal.value.violations == (
            "a: 4 modes, at most 2",
            "a: 3 samples in a batch, at most 1",
            "b: 3 samples in a batch, at most 2",
        )
        assert router.violations(request(3)) == list(refusal.value.violations)

    def test_ideal_and_noisy_values_do_not_stand_in_for_each_other(self):
        router = hq.Router([Device(name="ideal"), Device(name="real", noise=NOISY)])
        with pytest.raises(hq.ConfigurationError, match="ideal give ideal values and real those of a device"):
            router.evaluate(request())
        assert hq.Router([Device(), Device(noise=NOISY, exact=False)]).evaluate(request()).provenance.shots == 0

    def test_who_is_not_ready_is_passed_over(self):
        draining, other = Device(name="draining", unready=["it is draining"]), Device(name="other")
        router = hq.Router([draining, other])
        assert router.evaluate(request()).provenance.route[0] == "draining: not ready: it is draining"
        assert router.not_ready() is None
        other.unready.append("so is it")
        assert router.not_ready() == "draining: it is draining; other: so is it"
        with pytest.raises(hq.NoBackendError, match="draining: not ready: it is draining; other: not ready: so is it"):
            router.evaluate(request())
        assert not draining.asked

    def test_names_that_repeat_are_numbered(self):
        route = hq.Router([Device(max_batch=1), Device()]).evaluate(request()).provenance.route
        assert [step.partition(":")[0] for step in route] == ["device#1", "device#2"]

    def test_threads(self):
        first, second = Device(name="first", errors=down(3)), Device(name="second")
        router = hq.Router([first, second])
        expected = ExactBackend().evaluate(request()).values
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: router.evaluate(request()), range(40)))
        assert all(torch.equal(result.values, expected) for result in results)
        assert not first.errors

    def test_a_router_of_routers(self):
        inner = hq.Router([Device(name="a", errors=down()), Device(name="b", errors=down())])
        result = hq.Router([inner, Device(name="c")]).evaluate(request())
        assert result.provenance.backend == "c"
        assert "a: failed" in result.provenance.route[0]
        assert "b: failed" in result.provenance.route[0]


class TestCapabilities:
    def test_they_are_those_of_all_together(self):
        exact = Device(sampled=False, max_modes=8, max_batch=5)
        chip = Device(exact=False, adjoint=False, max_modes=20, noise=NOISY, price=hq.Price(per_shot=2))
        dearer = Device(exact=False, adjoint=False, max_modes=12, noise=NOISIER, price=hq.Price(per_job=3))
        can = hq.Router([exact, chip], fallback=[dearer]).capabilities
        assert (can.exact, can.sampled, can.adjoint) == (True, True, True)
        assert (can.max_modes, can.max_batch) == (20, None)
        assert can.price == hq.Price(per_shot=2, per_job=3)
        assert can.noise == NOISY
        assert hq.Router([chip, dearer]).capabilities.noise == hq.Noise(indistinguishability=0.7, g2=0.02)

    def test_adjoint_is_not_promised_for_a_fallback(self):
        assert not hq.Router([Device(adjoint=False)], fallback=["exact"]).capabilities.adjoint

    def test_who_cannot_be_asked_counts_as_before(self):
        gone = Device(max_modes=20)
        router = hq.Router([gone, Device(max_modes=8)])
        before = router.capabilities
        gone.offline.extend(down())
        assert router.capabilities == before

    def test_nobody_can_be_asked(self):
        router = hq.Router([Device(offline=down())])
        with pytest.raises(hq.NoBackendError, match="device: PlatformUnavailableError: in maintenance"):
            router.capabilities  # noqa: B018 - asks
        with pytest.raises(hq.NoBackendError):
            router.evaluate(request())


class TestGradients:
    def layer(self, router, **options):
        torch.manual_seed(3)
        return hq.QuantumLayer(program=PROGRAM, backend=router, dtype=torch.float64, **options)

    def step(self, layer):
        with hq.record_provenance() as record:
            layer(request().inputs).square().sum().backward()
        return [parameter.grad for parameter in layer.parameters()], record.evaluations

    def test_they_equal_those_of_the_backend_alone(self):
        alone, _ = self.step(self.layer("exact"))
        routed, (forward, backward) = self.step(self.layer(hq.Router(["sampling", "exact"])))
        assert all(torch.equal(a, b) for a, b in zip(alone, routed, strict=True))
        assert forward.route[-1] == "exact: answered, by order (place 2)"
        assert backward.route == ("exact: answered, as before",)

    def test_what_is_differentiated_by_adjoint_goes_to_those_that_offer_it(self):
        plain, able = Device(name="plain", adjoint=False), Device(name="able")
        layer = self.layer(hq.Router([plain, able]))
        self.step(layer)
        assert (plain.calls, able.calls) == ([], ["evaluate_with_vjp", "pull back"])
        with torch.no_grad():
            layer(request().inputs)
        assert plain.calls == ["evaluate"]

    def test_auto_is_the_shift_rule_where_there_are_shots(self):
        _, (forward, backward) = self.step(self.layer(hq.Router(["exact", "sampling"]), shots=100))
        assert forward.backend == backward.backend == "sampling"

    def test_no_adjoint_is_an_error(self):
        router = hq.Router([Device(adjoint=False)])
        with pytest.raises(hq.GradientError, match="'router' offers no adjoint"):
            router.vjp(request(), torch.ones(3, PROGRAM.outputs))

    def test_if_who_evaluated_is_gone_another_one_with_the_same_noise_differentiates(self):
        gone, other = Device(name="gone", noise=NOISY), Device(name="other", noise=NOISY)
        worse = Device(name="worse", noise=NOISIER)
        gone.errors.extend([None, *down()])
        derivatives, (_, backward) = self.step(self.layer(hq.Router([gone, worse, other])))
        alone, _ = self.step(self.layer(ExactBackend(NOISY)))
        assert backward.backend == "other"
        assert "worse: passed over: other noise than gone, whose values these must fit" in backward.route
        assert not worse.asked
        for found, expected in zip(derivatives, alone, strict=True):
            torch.testing.assert_close(found, expected)

    def test_what_was_drawn_for_the_values_is_drawn_again_for_the_derivatives(self):
        noise = hq.Noise(phase_error=0.5)
        gone, other = Device(name="gone", noise=noise), Device(name="other", noise=noise)
        gone.errors.extend([None, *down()])
        result, pull = hq.Router([gone, other]).evaluate_with_vjp(request())
        cotangent = torch.ones_like(result.values).cumsum(1)
        expected = ExactBackend(noise).vjp(request(seed=result.provenance.seed), cotangent)
        torch.testing.assert_close(pull(cotangent).weights, expected.weights)

    def test_all_evaluations_of_a_shift_rule_go_to_one_device(self):
        one, two = Device(name="one", noise=NOISY, adjoint=False), Device(name="two", noise=NOISIER, adjoint=False)
        order = [1.0]
        router = hq.Router([one, two], lambda candidate, _: candidate.place * order[0])
        layer = self.layer(router)
        values = layer(request().inputs)
        order[0] = -1.0  # from now on, the other one comes first
        values.sum().backward()
        assert (len(one.calls), len(two.calls)) == (2, 0)
        layer(request().inputs)
        assert (len(one.calls), len(two.calls)) == (2, 1)

    def test_devices_with_different_noise_are_not_mixed_in_a_gradient(self):
        one, two = Device(name="one", noise=NOISY, adjoint=False), Device(name="two", noise=NOISIER, adjoint=False)
        one.errors.extend([None, *down()])
        with pytest.raises(hq.NoBackendError, match="two: passed over: other noise than one"):
            self.step(self.layer(hq.Router([one, two])))
        assert not two.asked

    def test_parts_of_a_gradient_have_the_size_that_the_device_takes(self):
        one, two = Device(name="one", noise=NOISY, adjoint=False, max_batch=4), Device(name="two", noise=NOISIER)
        derivatives, _ = self.step(self.layer(hq.Router([one, replace(two, adjoint=False)])))
        alone, _ = self.step(self.layer(ExactBackend(NOISY)))
        assert len(one.calls) > 2
        for found, expected in zip(derivatives, alone, strict=True):
            torch.testing.assert_close(found, expected)


class TestDecision:
    def test_it_tells_of_each_whether_it_would_be_asked_and_why_not(self):
        tiny = Device(name="tiny", max_modes=2, max_batch=1)
        failing, other = Device(name="failing", errors=down(9)), Device(name="other")
        router = hq.Router([tiny, failing, other], "latency", fallback=["exact"], breaker={"failures": 1})
        assert router.explain(request()).first == "failing"
        assert not failing.asked
        router.evaluate(request())
        decision = router.explain(request())
        assert decision.first == "other"
        assert str(decision).splitlines() == [
            "   candidate         s/row    breaker  takes the request",
            "1  other             unknown  closed   yes",
            "2  exact (fallback)  unknown  closed   yes",
            "-  tiny                       closed   no: 4 modes, at most 2",
            "                                       no: 3 samples in a batch, at most 1",
            "-  failing           unknown  open     yes; not ready: circuit breaker open after "
            "PlatformUnavailableError: in maintenance",
            "by latency, asked first: other",
        ]

    def test_nobody(self):
        decision = hq.Router([Device(unready=["it is draining"]), Device(offline=down())]).explain(request())
        assert decision.first is None
        assert "yes; not ready: it is draining" in str(decision)
        assert "unknown; not ready: PlatformUnavailableError: in maintenance" in str(decision)
        assert str(decision).endswith("by order, asked first: nobody")


def test_what_takes_several_answers_tells_each_step_once():
    one, two = hq.Provenance(backend="a", route=("x", "y")), hq.Provenance(backend="a", route=("x", "z"))
    assert hq.Provenance.joined([one, two]).route == ("x", "y", "z")


def test_the_error_pickles():
    error = pickle.loads(pickle.dumps(hq.NoBackendError("nobody", ["a: b"])))
    assert (str(error), error.reasons) == ("nobody: a: b", ("a: b",))
