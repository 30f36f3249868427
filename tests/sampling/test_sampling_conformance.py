"""The sampling backend passes the conformance kit, by both of its routes."""

import pytest
from hqdist_sampling import SamplingBackend

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
