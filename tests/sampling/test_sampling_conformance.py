"""The sampling backend passes the conformance kit, by both of its routes, without noise and with it."""

import pytest
from hqdist_sampling import SamplingBackend

import hqdist as hq
from hqdist.testing import checks


@pytest.mark.parametrize("check", checks(SamplingBackend()), ids=str)
def test_shots_from_the_distribution(check):
    check()


ONE_BY_ONE = checks(SamplingBackend(largest_distribution=0))

#: What takes the most shots, and would find nothing by this route that it does not find by the other.
SLOW = {"threads_do_not_disturb_each_other", "results_do_not_share_memory", "requests_are_left_as_they_are"}


@pytest.mark.parametrize("check", [check for check in ONE_BY_ONE if check.name not in SLOW], ids=str)
def test_shots_drawn_photon_by_photon(check):
    check()


NOISE = hq.Noise(transmittance=0.8, indistinguishability=0.85, g2=0.05, detectors="threshold", dark_counts=0.02)
ROUTES = {"from the distribution": {}, "photon by photon": {"largest_distribution": 0}}

#: What noise could break.
WITH_NOISE = {
    "estimates_agree_with_permanents",
    "estimated_probabilities_are_normalised",
    "estimates_come_with_their_errors",
    "estimates_are_unbiased",
    "standard_errors_tell_the_spread",
    "estimates_do_not_depend_on_the_split",
}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name, options in ROUTES.items()
        for check in checks(SamplingBackend(noise=NOISE, **options))
        if check.name in WITH_NOISE
    ],
)
def test_noisy_shots(check):
    check()
