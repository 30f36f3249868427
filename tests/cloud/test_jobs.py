"""Jobs of the emulator: their states, their queue, their price, and whose they are."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import perceval as pcvl
import pytest
import requests
from hqdist_quandela.emulator import CloudEmulator, Platform
from interferometers import prepared
from perceval.algorithm import Sampler
from perceval.providers.quandela.rpc_handler import RPCHandler
from perceval.runtime.legacy import RemoteJob

Remote = Callable[..., pcvl.RemoteProcessor]
Finished = Callable[..., RemoteJob]


def sent(emulator: CloudEmulator, name: str = "sim:emulated", token: str = "emulator-token") -> RemoteJob:
    processor = prepared(pcvl.RemoteProcessor(name, token, url=emulator.url))
    return Sampler(processor, max_shots_per_call=100).sample_count.execute_async(100)


def test_a_held_job_is_running_until_it_is_released(emulator: CloudEmulator, sampler: Sampler) -> None:
    emulator.hold()
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id, "running")
    assert job.is_running
    assert emulator.statistics().paid == 0
    emulator.release()
    emulator.wait_for(job.id)
    assert job.is_success


def test_a_platform_runs_one_job_at_a_time_and_others_do_not_wait_for_it(emulator: CloudEmulator) -> None:
    emulator.hold()
    first, second, elsewhere = sent(emulator), sent(emulator), sent(emulator, "qpu:emulated")
    emulator.wait_for(first.id, "running")
    emulator.wait_for(elsewhere.id, "running")
    assert second.is_waiting
    emulator.release()
    emulator.wait_for(second.id)
    assert second.is_success


def test_a_platform_may_run_several_jobs_at_a_time() -> None:
    with CloudEmulator([Platform("sim:wide", parallel_jobs=2)]) as emulator:
        emulator.hold()
        for job in [sent(emulator, "sim:wide"), sent(emulator, "sim:wide")]:
            emulator.wait_for(job.id, "running")
        assert sent(emulator, "sim:wide").is_waiting


def test_many_clients_at_once_are_each_served_once(emulator: CloudEmulator) -> None:
    def client(number: int) -> str:
        job = sent(emulator, ("sim:emulated", "qpu:emulated")[number % 2])
        emulator.wait_for(job.id)
        assert job.is_success
        assert job.get_results()["results"].total() <= 100
        return job.id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(client, range(24)))
    statistics = emulator.statistics()
    assert statistics.created == statistics.paid == len(set(ids)) == 24
    assert {record.id for record in statistics.jobs} == set(ids)


def test_a_job_is_resumed_by_its_id(emulator: CloudEmulator, remote: Remote, sampler: Sampler) -> None:
    emulator.hold()
    job_id = sampler.probs.execute_async().id
    resumed = remote().resume_job(job_id)
    assert not resumed.is_complete
    emulator.release()
    emulator.wait_for(job_id)
    assert resumed.is_success
    assert sum(resumed.get_results()["results"].values()) == pytest.approx(1)


def test_a_waiting_job_is_canceled_for_nothing(emulator: CloudEmulator) -> None:
    emulator.hold()
    running, waiting = sent(emulator), sent(emulator)
    emulator.wait_for(running.id, "running")
    waiting.cancel()
    emulator.wait_for(waiting.id, "canceled")
    assert waiting.is_failed
    record = emulator.statistics().job(waiting.id)
    assert not record.paid
    assert (record.shots, record.rows) == (0, 0)
    assert emulator.statistics().job(running.id).status == "running"


def test_a_running_job_that_is_canceled_keeps_the_iterations_it_has(
    emulator: CloudEmulator, sampler: Sampler, handler: RPCHandler
) -> None:
    sampler.add_iteration_list([{"max_samples": 10 + index} for index in range(4)])
    emulator.hold(after_iterations=2)
    job = sampler.sample_count.execute_async(10)
    emulator.wait_until(lambda statistics: statistics.job(job.id).rows == 2)
    assert handler.get_job_status(job.id)["progress"] == pytest.approx(0.5)
    job.cancel()
    emulator.wait_for(job.id, "canceled")
    assert job.is_failed
    assert job.status.status.name == "CANCELED"
    assert [row["results"].total() for row in job.get_results()["results_list"]] == [10, 11]
    record = emulator.statistics().job(job.id)
    assert record.paid
    assert (record.rows, record.shots) == (2, 21)


def test_a_job_canceled_after_its_last_iteration_is_canceled_with_everything(
    emulator: CloudEmulator, sampler: Sampler
) -> None:
    emulator.hold(after_iterations=1)
    job = sampler.sample_count.execute_async(10)
    emulator.wait_until(lambda statistics: statistics.job(job.id).rows == 1)
    job.cancel()
    emulator.wait_for(job.id, "canceled")
    assert job.is_failed
    assert job.get_results()["results"].total() == 10


def test_a_job_that_fails_on_the_way_keeps_the_iterations_it_has(
    emulator: CloudEmulator, remote: Remote, finished: Finished
) -> None:
    sampler = Sampler(remote("qpu:emulated"), max_shots_per_call=100)
    sampler.add_iteration_list([{"max_samples": 10}, {"input_state": pcvl.BasicState([0, 1, 0, 1])}])
    job = finished(sampler.sample_count, 10)
    assert job.status.status.name == "ERROR"
    assert len(job.get_results()["results_list"]) == 1
    assert emulator.statistics().job(job.id).paid


def test_only_a_failed_job_is_rerun_and_as_a_new_one(
    emulator: CloudEmulator, sampler: Sampler, handler: RPCHandler
) -> None:
    emulator.hold()
    job = sampler.probs.execute_async()
    emulator.wait_for(job.id, "running")
    job.cancel()
    emulator.wait_for(job.id)
    emulator.release()
    again = job.rerun()
    assert again.id != job.id
    emulator.wait_for(again.id)
    assert again.is_success
    with pytest.raises(requests.HTTPError, match="only failed and canceled jobs"):
        handler.rerun_job(again.id)
    assert [record.status for record in emulator.statistics().jobs] == ["canceled", "completed"]


def test_a_finished_job_cannot_be_canceled(sampler: Sampler, finished: Finished, handler: RPCHandler) -> None:
    job = finished(sampler.probs)
    with pytest.raises(requests.HTTPError, match=r"400.*cannot be canceled"):
        handler.cancel_job(job.id)


def test_a_job_has_no_results_before_it_is_over(emulator: CloudEmulator, sampler: Sampler, handler: RPCHandler) -> None:
    emulator.hold()
    job = sampler.probs.execute_async()
    assert handler.get_job_results(job.id)["results"] is None


def test_times_and_progress_are_told(emulator: CloudEmulator, sampler: Sampler, finished: Finished) -> None:
    job = finished(sampler.probs)
    record = emulator.statistics().job(job.id)
    assert job.status.creation_timestamp == record.created
    assert job.status.start_timestamp >= record.created
    assert job.status.duration == 0


def test_latency_delays_a_job_and_a_cancel_ends_it() -> None:
    with CloudEmulator([Platform("sim:slow", latency=3600.0)]) as emulator:
        job = sent(emulator, "sim:slow")
        emulator.wait_for(job.id, "running")
        with pytest.raises(TimeoutError, match="not completed"):
            emulator.wait_for(job.id, "completed", timeout=0.05)
        job.cancel()
        emulator.wait_for(job.id, "canceled")


def test_jobs_that_run_when_the_emulator_stops_are_canceled() -> None:
    with CloudEmulator() as emulator:
        emulator.hold()
        job = sent(emulator)
        emulator.wait_for(job.id, "running")
    assert emulator.statistics().job(job.id).status == "canceled"


def test_the_queue_has_an_end_and_availability_tells_of_it() -> None:
    platforms = [Platform("sim:a", max_jobs_in_queue=2), Platform("sim:b")]
    with CloudEmulator(platforms, tokens=("emulator-token", "another")) as emulator:
        handler = RPCHandler("sim:a", emulator.url, "emulator-token")
        emulator.hold()
        assert handler.get_job_availability() == {"max_jobs_in_queue": 2, "num_jobs_in_queue": 0}
        jobs = [sent(emulator, "sim:a") for _ in range(2)]
        assert handler.get_job_availability() == {"max_jobs_in_queue": 2, "num_jobs_in_queue": 2}
        with pytest.raises(requests.HTTPError, match=r"400.*Cannot create more than 2 jobs"):
            sent(emulator, "sim:a")
        sent(emulator, "sim:b")
        sent(emulator, "sim:a", token="another")
        emulator.release()
        for job in jobs:
            emulator.wait_for(job.id)
        sent(emulator, "sim:a")


def test_a_token_sees_its_own_jobs_only() -> None:
    with CloudEmulator(tokens=("one", "two")) as emulator:
        job = sent(emulator, token="one")
        with pytest.raises(requests.HTTPError, match="404"):
            RPCHandler("sim:emulated", emulator.url, "two").get_job_status(job.id)
        with pytest.raises(requests.HTTPError, match="401"):
            RPCHandler("sim:emulated", emulator.url, "three").get_job_status(job.id)
        assert jobs_listed(emulator, "two").json() == []


def jobs_listed(emulator: CloudEmulator, token: str = "emulator-token") -> requests.Response:
    return requests.get(f"{emulator.url}/api/job", headers={"Authorization": f"Bearer {token}"}, timeout=10)


def test_jobs_are_listed_in_the_order_of_creation(emulator: CloudEmulator) -> None:
    emulator.hold()
    jobs = [sent(emulator), sent(emulator, "qpu:emulated")]
    emulator.wait_for(jobs[0].id, "running")
    listed = jobs_listed(emulator).json()
    assert [entry["id"] for entry in listed] == [entry["job_id"] for entry in listed] == [job.id for job in jobs]
    assert [entry["platform_name"] for entry in listed] == ["sim:emulated", "qpu:emulated"]
    assert listed[0]["job_name"] == listed[0]["name"] == "sample_count"
    assert listed[0]["status"] == "running"
    assert listed[0]["creation_datetime"] <= listed[1]["creation_datetime"]


def test_the_list_can_be_switched_off() -> None:
    with CloudEmulator(listing=False) as emulator:
        assert jobs_listed(emulator).status_code == 404


def test_credits_are_charged_when_a_job_ends_and_run_out() -> None:
    dear = Platform("qpu:dear", credits_per_job=1.0, credits_per_shot=0.01, noise=None)
    with CloudEmulator([dear, Platform("sim:free")], credits=3.0, seed=1) as emulator:
        for _ in range(2):
            emulator.wait_for(sent(emulator, "qpu:dear").id)
        assert emulator.statistics().credits == pytest.approx(4.0)
        with pytest.raises(requests.HTTPError, match=r"401.*Not enough credits"):
            sent(emulator, "qpu:dear")
        emulator.wait_for(sent(emulator, "sim:free").id)
        assert emulator.statistics().created == emulator.statistics().paid == 3
        assert emulator.statistics().shots == 300


def test_calls_are_counted_by_their_pattern(emulator: CloudEmulator, handler: RPCHandler) -> None:
    for _ in range(3):
        with pytest.raises(requests.HTTPError):
            handler.get_job_status("no such job")
    assert emulator.statistics().requests == {"GET /api/job/status/{id}": 3}
