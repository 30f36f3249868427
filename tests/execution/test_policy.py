"""In which order candidates are asked, and the figures that this follows from."""

import math
from dataclasses import replace

import numpy as np
import pytest
from candidates import PROGRAM, Device, down, request

import hqdist as hq
from hqdist.execution.routing import Cost, Policy, fidelity
from hqdist.execution.routing.health import FRESH_SECONDS, WEIGHT, Health, health_of


def order(router: hq.Router, **options) -> list[str]:
    return [option.label for option in router.explain(request(**options)).options]


def figures(router: hq.Router, **options) -> dict[str, float | None]:
    return {option.label: option.figure for option in router.explain(request(**options)).options}


class TestOrder:
    def test_as_given(self):
        assert order(hq.Router([Device(name="b"), Device(name="a")])) == ["b", "a"]


class TestCost:
    def test_the_cheapest_first_and_ties_in_order(self):
        shots, job = hq.Price(per_shot=1e-2), hq.Price(per_job=0.5)
        router = hq.Router(
            [Device(name="shots", price=shots), Device(name="job", price=job), Device(name="x"), Device(name="y")],
            "cost",
        )
        assert order(router, shots=10) == ["x", "y", "shots", "job"]
        assert order(router, shots=100) == ["x", "y", "job", "shots"]
        assert figures(router, shots=10) == {"x": 0, "y": 0, "shots": pytest.approx(0.3), "job": 0.5}


class TestLatency:
    def measured(self, router: hq.Router) -> Health:
        return health_of((*router.regular, *router.fallbacks), router.circuit_breaker)

    def test_the_fastest_first_and_what_is_not_measured_before(self, clock):
        router = hq.Router([Device(name="a"), Device(name="b"), Device(name="c")], "latency")
        health = self.measured(router)
        for seconds in (100, 6):
            health.measured(0, request(), seconds)
        assert order(router) == ["b", "c", "a"]
        for seconds in (100, 3):
            health.measured(1, request(), seconds)
        assert order(router) == ["c", "b", "a"]
        assert figures(router) == {"a": 2.0, "b": 1.0, "c": None}

    def test_a_mean_in_which_the_latest_counts_most(self, clock):
        health = Health(1, hq.Router(["exact"]).circuit_breaker)
        for seconds in (50, 3, 6):
            health.measured(0, request(), seconds)
        assert health.seconds_per_row(0, request()) == pytest.approx(1 + WEIGHT)

    def test_each_size_of_program_by_itself(self, clock):
        health = Health(1, hq.Router(["exact"]).circuit_breaker)
        for _ in range(2):
            health.measured(0, request(), 3)
        assert health.seconds_per_row(0, request(1)) == 1
        assert health.seconds_per_row(0, request(shots=5)) is None
        larger = replace(request(), program=replace(PROGRAM, input_state=(1, 1, 1, 0)))
        assert health.seconds_per_row(0, larger) is None

    def test_what_was_slow_long_ago_is_tried_again(self, clock):
        router = hq.Router([Device(name="a"), Device(name="b")], "latency")
        health = self.measured(router)
        for place, seconds in ((0, 3), (0, 3), (1, 6), (1, 6)):
            health.measured(place, request(), seconds)
        assert order(router) == ["a", "b"]
        clock.now += FRESH_SECONDS + 1
        health.measured(0, request(), 3)
        assert order(router) == ["b", "a"]

    def test_what_was_given_up_takes_at_least_so_long(self, clock):
        health = Health(1, hq.Router(["exact"]).circuit_breaker)
        for seconds in (50, 6):
            health.measured(0, request(), seconds)
        health.measured(0, request(), 3, at_least=True)
        assert health.seconds_per_row(0, request()) == 2
        health.measured(0, request(), 9, at_least=True)
        assert health.seconds_per_row(0, request()) == pytest.approx(2 + WEIGHT)

    def test_calls_are_measured_and_failures_are_not(self):
        failing, other = Device(name="failing", errors=down(2)), Device(name="other")
        router = hq.Router([failing, other], "latency")
        for _ in range(2):
            router.evaluate(request())
        found = figures(router)
        assert found["failing"] is None
        assert 0 < found["other"] < 60


class TestFidelity:
    def test_the_most_faithful_first_and_what_is_unknown_last(self):
        router = hq.Router(
            [
                Device(name="unknown", noise=hq.Noise(), price=hq.Price(per_job=1)),
                Device(name="poor", noise=hq.Noise(indistinguishability=0.8)),
                Device(name="good", noise=hq.Noise(indistinguishability=0.95, transmittance=0.1)),
            ],
            "fidelity",
        )
        assert order(router, shots=5) == ["good", "poor", "unknown"]
        assert figures(router, shots=5) == {
            "good": pytest.approx(0.95),
            "poor": pytest.approx(0.8),
            "unknown": None,
        }

    @pytest.mark.parametrize("noise", [hq.Noise(), hq.Noise(transmittance=0.1), hq.Noise(brightness=0.5)])
    def test_lost_photons_change_no_value(self, noise):
        assert fidelity(noise, PROGRAM) == 1

    def test_distinguishable_photons_matter_where_there_are_two(self):
        noise, one = hq.Noise(indistinguishability=0.5), replace(PROGRAM, input_state=(1, 0, 0, 0))
        assert fidelity(noise, one) == 1
        # the share of pairs of photons that interfere: Hong, Ou and Mandel's visibility
        assert fidelity(noise, PROGRAM) == pytest.approx(0.5)

    def test_second_photons(self):
        noise = hq.Noise(brightness=0.8, g2=0.1)
        none, one, two = noise.emission()
        assert fidelity(noise, PROGRAM) == pytest.approx((one / (1 - none)) ** 2)
        assert two > 0
        assert fidelity(hq.Noise(brightness=0), PROGRAM) == 0

    @pytest.mark.parametrize(
        ("noise", "largest"),
        [
            (hq.Noise(phase_error=0.3), 0.3),
            (hq.Noise(phase_imprecision=0.6), 0.3),
            (hq.Noise(phase_error=math.pi), math.pi),
        ],
    )
    def test_phases(self, noise, largest):
        single = replace(PROGRAM, weights=(), inputs=(), elements=(hq.PhaseShifter(0, 0.0),))
        errors = np.linspace(-largest, largest, 100_001)
        assert fidelity(noise, single) == pytest.approx(np.mean(np.cos(errors / 2) ** 2), rel=1e-4)
        both = replace(single, elements=(hq.PhaseShifter(0, 0.0), hq.PhaseShifter(1, 1.0)))
        assert fidelity(noise, both) == pytest.approx(fidelity(noise, single) ** 2)

    def test_detectors(self):
        assert fidelity(hq.Noise(dark_counts=0.1), PROGRAM) == pytest.approx(0.9**4)
        clicks, unbunched = hq.Noise(detectors="threshold"), hq.Probabilities(hq.ComputationSpace.UNBUNCHED)
        assert fidelity(clicks, PROGRAM) == pytest.approx(np.mean(PROGRAM.states.max(axis=1) < 2))
        assert fidelity(clicks, replace(PROGRAM, readout=unbunched)) == 1


class TestOwn:
    def test_a_function(self):
        def by_name(candidate, request):
            return ord(candidate.backend.name)

        router = hq.Router([Device(name="b"), Device(name="a")], by_name)
        assert order(router) == ["a", "b"]
        assert router.evaluate(request()).provenance.route == ("a: answered, by by_name (figure 97)",)
        assert "by by_name, asked first: a" in str(router.explain(request()))

    def test_a_function_may_not_know(self):
        router = hq.Router(
            [Device(name="b"), Device(name="a")], lambda candidate, _: None if candidate.place == 0 else 5
        )
        assert order(router) == ["a", "b"]

    @pytest.mark.parametrize("figure", ["fast", math.nan])
    def test_a_function_that_gives_no_number(self, figure):
        with pytest.raises(hq.ConfigurationError, match="the figure of policy <lambda> is a finite real number"):
            hq.Router(["exact"], lambda *_: figure).evaluate(request())

    def test_a_policy(self):
        class Dearest(Policy):
            name = "dearest"

            def figure(self, candidate, request):
                return -Cost().figure(candidate, request)

        assert order(hq.Router([Device(name="a"), Device(name="b", price=hq.Price(per_job=1))], Dearest())) == [
            "b",
            "a",
        ]
