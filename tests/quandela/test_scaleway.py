"""The same platforms through Scaleway: sessions, jobs that are found again, and calls that have an end."""

from collections.abc import Callable, Iterator

import pytest
import torch
from hqdist_quandela import QuandelaBackend
from hqdist_quandela.emulator import CloudEmulator
from scaleway import KEY, Scaleway, scaleway
from small_request import TOKEN, request

import hqdist as hq


@pytest.fixture
def service(cloud: CloudEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scaleway]:
    monkeypatch.setenv("SCALEWAY_CLOUD_TOKEN", KEY)
    with scaleway(cloud, TOKEN) as running:
        yield running


Connect = Callable[..., QuandelaBackend]


@pytest.fixture
def reach(service: Scaleway) -> Connect:
    def make(**options: object) -> QuandelaBackend:
        table = {"platform": "sim:emulated", "provider": "scaleway", "url": service.url, "project": "a-project"}
        return QuandelaBackend(**table | {"poll_seconds": 0.01} | options)  # type: ignore[arg-type]

    return make


def test_values_are_those_of_the_exact_backend(reach: Connect) -> None:
    exact = hq.backend("exact").evaluate(request(shots=None)).values
    torch.testing.assert_close(reach().evaluate(request(shots=None)).values, exact, atol=1e-6, rtol=0)


def test_jobs_share_a_session_until_it_ends_and_then_get_another(service: Scaleway, reach: Connect) -> None:
    backend = reach(session="mine")
    for seed in range(2):
        backend.evaluate(request(seed=seed))
    service.end_sessions()
    backend.evaluate(request(seed=2))
    assert [body["deduplication_id"] for body in service.sessions.values()] == ["mine", "mine"]
    assert list(service.jobs.values()) == ["session-0", "session-0", "session-1"]
    opened = next(iter(service.sessions.values()))
    assert (opened["max_duration"], opened["max_idle_duration"]) == ("3600s", "1200s")


def test_the_same_request_is_paid_for_once(service: Scaleway, reach: Connect) -> None:
    first, again = reach().evaluate(request()), reach().evaluate(request())
    assert torch.equal(first.values, again.values)
    assert len(service.jobs) == 1


def test_a_service_that_never_answers_ends_in_an_error(service: Scaleway, reach: Connect) -> None:
    service.silent.set()
    with pytest.raises(hq.PlatformUnavailableError, match="for the platform sim:emulated: Timeout"):
        reach(http_timeout=0.2).evaluate(request())


def test_a_creation_that_never_answers_leaves_no_second_job(service: Scaleway, reach: Connect) -> None:
    backend = reach(http_timeout=0.2, timeout=0.3)
    backend.capabilities  # noqa: B018 - connects
    service.silent.set()
    with pytest.raises((hq.DeadlineError, hq.SubmissionUncertainError)):
        backend.evaluate(request())
    service.silent.clear()
    reach().evaluate(request())
    assert len(service.jobs) == 1


def test_a_wrong_key_is_an_authentication_error(reach: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEWAY_CLOUD_TOKEN", "another")
    with pytest.raises(hq.AuthenticationError):
        reach().evaluate(request())


def test_a_refused_job_has_the_services_reason(service: Scaleway, reach: Connect) -> None:
    service.refusal = {"type": "quotas_exceeded", "message": "no QPU hours are left"}
    with pytest.raises(hq.CreditsError, match="no QPU hours are left"):
        reach().evaluate(request())
    service.refusal = None
    reach().evaluate(request())
    assert len(service.jobs) == 1


def test_cancelling_reaches_the_service(cloud: CloudEmulator, service: Scaleway, reach: Connect) -> None:
    cloud.hold()
    job = reach().submit(request())
    cloud.wait_until(lambda statistics: statistics.created == 1)
    assert job.cancel()
    cloud.wait_until(lambda statistics: statistics.jobs[0].status in ("canceled", "cancel_requested"))
    cloud.release()
