"""Each way of misbehaving, as Perceval's unmodified client sees it."""

import json
from collections.abc import Callable

import pytest
import requests
from hqdist_quandela.emulator import CloudEmulator, Faults
from perceval.algorithm import Sampler
from perceval.providers.quandela.rpc_handler import RPCHandler
from perceval.runtime.legacy import RemoteJob

Finished = Callable[..., RemoteJob]


def test_a_creation_answered_400_has_created_the_job(emulator: CloudEmulator, sampler: Sampler) -> None:
    emulator.faults = Faults(create_refused_but_created=1)
    with pytest.raises(requests.HTTPError, match="status code 400"):
        sampler.probs.execute_async()
    (record,) = emulator.statistics().jobs
    emulator.wait_for(record.id, "completed")
    assert emulator.statistics().paid == 1


def test_a_creation_that_times_out_has_created_the_job(emulator: CloudEmulator, sampler: Sampler) -> None:
    emulator.faults = Faults(create_timeouts=1)
    sampler._processor.get_rpc_handler().request_timeout = 0.2
    with pytest.raises(requests.ReadTimeout):
        sampler.probs.execute_async()
    (record,) = emulator.statistics().jobs
    emulator.wait_for(record.id, "completed")


@pytest.mark.parametrize(("fault", "created"), [("create_drops", 1), ("create_drops_uncreated", 0)])
def test_a_creation_whose_connection_is_dropped(
    fault: str, created: int, emulator: CloudEmulator, sampler: Sampler
) -> None:
    emulator.faults = Faults(**{fault: 1})
    with pytest.raises(requests.ConnectionError):
        sampler.probs.execute_async()
    assert emulator.statistics().created == created
    assert emulator.statistics().requests["POST /api/job"] == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no_credits", "401.*Not enough credits"),
        ("bad_token", "401.*Invalid token"),
        ("locked", "403.*locked"),
        ("queue_full", "400.*Cannot create more than 100 jobs"),
        ("not_accepting", "400.*maintenance"),
    ],
)
def test_refused_creations_create_nothing_and_pass(
    fault: str, message: str, emulator: CloudEmulator, sampler: Sampler
) -> None:
    emulator.faults = Faults(**{fault: 2})
    for _ in range(2):
        with pytest.raises(requests.HTTPError, match=message):
            sampler.probs.execute_async()
    assert emulator.statistics().created == 0
    emulator.wait_for(sampler.probs.execute_async().id, "completed")


def test_a_refusal_has_the_services_body(emulator: CloudEmulator) -> None:
    emulator.faults = Faults(no_credits=1)
    answer = requests.post(f"{emulator.url}/api/job", headers={"Authorization": "Bearer wrong"}, json={}, timeout=10)
    assert answer.json() == {"detail": {}, "error": "Invalid token"}


def test_a_job_may_be_unknown_for_a_while(
    emulator: CloudEmulator, sampler: Sampler, finished: Finished, handler: RPCHandler
) -> None:
    job = finished(sampler.probs)
    emulator.faults = Faults(not_found=2)
    with pytest.raises(requests.HTTPError, match="404"):
        handler.get_job_status(job.id)
    with pytest.raises(requests.HTTPError, match="404"):
        handler.get_job_results(job.id)
    assert handler.get_job_status(job.id)["status"] == "completed"


@pytest.mark.parametrize("code", [408, 409, 421, 423, 429])
def test_the_client_bears_four_of_these_errors_in_a_row(code: int, emulator: CloudEmulator, sampler: Sampler) -> None:
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id)
    emulator.faults = Faults(status_errors=4, status_error_code=code)
    assert [job.is_complete for _ in range(5)] == [False] * 4 + [True]


@pytest.mark.parametrize("code", [500, 503])
def test_the_client_bears_no_server_errors(code: int, emulator: CloudEmulator, sampler: Sampler) -> None:
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id)
    emulator.faults = Faults(status_errors=1, status_error_code=code)
    with pytest.raises(requests.HTTPError, match=str(code)):
        job.status()
    assert job.is_success


def test_the_client_bears_four_dropped_connections_and_not_five(emulator: CloudEmulator, sampler: Sampler) -> None:
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id)
    emulator.faults = Faults(status_drops=5)
    assert [job.is_complete for _ in range(4)] == [False] * 4
    with pytest.raises(requests.ConnectionError):
        job.status()


def test_a_slow_status_is_a_read_timeout(emulator: CloudEmulator, sampler: Sampler, handler: RPCHandler) -> None:
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id)
    emulator.faults = Faults(slow_status=1, slow_status_seconds=3600.0)
    handler.request_timeout = 0.1
    with pytest.raises(requests.ReadTimeout):
        handler.get_job_status(job.id)
    handler.request_timeout = 10
    assert handler.get_job_status(job.id)["status"] == "completed"


def test_an_unknown_word_never_completes(emulator: CloudEmulator, sampler: Sampler) -> None:
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id)
    emulator.faults = Faults(unknown_status=2, unknown_status_word="contemplating")
    assert [job.status() for _ in range(3)] == ["UNKNOWN", "UNKNOWN", "SUCCESS"]


def test_a_job_may_be_suspended_for_a_while(emulator: CloudEmulator, sampler: Sampler) -> None:
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id)
    emulator.faults = Faults(suspended=1)
    assert [job.status() for _ in range(2)] == ["SUSPENDED", "SUCCESS"]


def test_results_may_fail_to_come(emulator: CloudEmulator, sampler: Sampler, finished: Finished) -> None:
    job = finished(sampler.probs)
    emulator.faults = Faults(result_errors=1, result_drops=1)
    with pytest.raises(requests.HTTPError, match="503"):
        job.get_results()
    with pytest.raises(requests.ConnectionError):
        job.get_results()
    assert job.get_results()["global_perf"] == pytest.approx(1)


@pytest.fixture
def failed(emulator: CloudEmulator, sampler: Sampler, finished: Finished) -> Callable[[str], RemoteJob]:
    def fail(results: str) -> RemoteJob:
        emulator.faults = Faults(failing_jobs=1, failure_message="The laser is off", failure_results=results)
        job = finished(sampler.probs)
        assert job.is_failed
        assert job.status.stop_message == "The laser is off"
        assert emulator.statistics().paid == 0
        return job

    return fail


def test_a_failed_job_without_results_raises(failed: Callable[[str], RemoteJob]) -> None:
    with pytest.raises(RuntimeError):
        failed("null").get_results()


def test_a_failed_job_with_text_for_results_does_not_parse(failed: Callable[[str], RemoteJob]) -> None:
    with pytest.raises(json.JSONDecodeError):
        failed("text").get_results()


def test_a_failed_job_with_a_string_for_results_gives_none_silently(failed: Callable[[str], RemoteJob]) -> None:
    assert failed("string").get_results() is None


def test_a_failed_job_can_be_rerun(
    emulator: CloudEmulator, failed: Callable[[str], RemoteJob], sampler: Sampler
) -> None:
    again = failed("null").rerun()
    emulator.wait_for(again.id)
    assert again.is_success


def test_a_job_cut_short_is_canceled_and_keeps_some_iterations(
    emulator: CloudEmulator, sampler: Sampler, finished: Finished
) -> None:
    emulator.faults = Faults(truncated_jobs=1, truncated_rows=2)
    sampler.add_iteration_list([{"max_samples": 10 + index} for index in range(5)])
    job = finished(sampler.sample_count, 10)
    assert job.status.status.name == "CANCELED"
    assert [row["results"].total() for row in job.get_results()["results_list"]] == [10, 11]
    assert emulator.statistics().paid == 1
    assert emulator.statistics().shots == 21


def test_a_completed_job_may_lack_rows(emulator: CloudEmulator, sampler: Sampler, finished: Finished) -> None:
    emulator.faults = Faults(incomplete_jobs=1, missing_rows=(1, 3))
    sampler.add_iteration_list([{"max_samples": 10 + index} for index in range(5)])
    job = finished(sampler.sample_count, 10)
    assert job.is_success
    rows = job.get_results()["results_list"]
    assert [row["iteration"]["max_samples"] for row in rows] == [10, 12, 14]


def test_faults_strike_as_often_as_they_say_and_are_replaced_as_a_whole(
    emulator: CloudEmulator, handler: RPCHandler
) -> None:
    emulator.faults = Faults(locked=5)
    with pytest.raises(requests.HTTPError, match="403"):
        handler.get_job_availability()
    emulator.faults = Faults(bad_token=1)
    with pytest.raises(requests.HTTPError, match="401"):
        handler.get_job_availability()
    assert handler.get_job_availability()["num_jobs_in_queue"] == 0
    assert emulator.faults == Faults(bad_token=1)
