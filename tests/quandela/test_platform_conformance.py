"""Quandela's platforms keep the promises of the conformance kit: one with probabilities, one with shots."""

from collections.abc import Iterator

import pytest
from hqdist_quandela import QuandelaBackend
from hqdist_quandela.emulator import CloudEmulator, Platform

from hqdist.testing import checks

SIMULATOR = Platform("sim:exact", commands=("probs",))
"""Gives probabilities and nothing else, whatever enters it."""

SAMPLER = Platform("sim:sampler", commands=("sample_count",))
"""Gives counts and nothing else, as processors do, but without their limits."""

#: The checks that a remote backend could fail where a local one does not; the others take thousands of jobs.
HELD_TO = {
    SIMULATOR.name: [
        "it_pickles_and_copies",
        "every_violation_is_named",
        "limits_come_before_computing",
        "values_agree_with_permanents",
        "nothing_left_is_an_error",
        "empty_and_bare_programs_are_evaluated",
    ],
    SAMPLER.name: ["estimates_agree_with_permanents", "estimated_probabilities_are_normalised", "seeds_decide"],
}


@pytest.fixture(scope="module")
def service() -> Iterator[CloudEmulator]:
    with CloudEmulator([SIMULATOR, SAMPLER], seed=3) as running:
        yield running


@pytest.mark.parametrize(("platform", "name"), [(platform, name) for platform in HELD_TO for name in HELD_TO[platform]])
def test_a_platform_conforms(service: CloudEmulator, platform: str, name: str) -> None:
    backend = QuandelaBackend(platform=platform, url=service.url, poll_seconds=0.002)
    (check,) = (check for check in checks(backend) if check.name == name)
    check()
