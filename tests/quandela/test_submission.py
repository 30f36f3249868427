"""Jobs are paid for once, whatever the service does to the calls that create, watch and fetch them."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace

import pytest
import torch
from hqdist_quandela import QuandelaBackend
from hqdist_quandela.emulator import CloudEmulator, Faults, Platform
from small_request import request

import hqdist as hq

Connect = Callable[..., QuandelaBackend]


@pytest.mark.parametrize("fault", ["create_refused_but_created", "create_drops"])
def test_a_job_that_was_created_in_silence_is_found_and_not_created_again(
    cloud: CloudEmulator, connect: Connect, fault: str
) -> None:
    cloud.faults = Faults(**{fault: 1})
    result = connect().evaluate(request())
    assert cloud.statistics().created == cloud.statistics().paid == 1
    assert result.provenance.job_ids == (cloud.statistics().jobs[0].id,)


def test_a_job_whose_creation_timed_out_is_found_and_not_created_again(cloud: CloudEmulator, connect: Connect) -> None:
    cloud.faults = Faults(create_timeouts=1)
    connect(http_timeout=0.3).evaluate(request())
    assert cloud.statistics().created == 1


def test_a_job_whose_creation_was_dropped_before_it_existed_is_created_once(
    cloud: CloudEmulator, connect: Connect
) -> None:
    cloud.faults = Faults(create_drops_uncreated=1)
    connect().evaluate(request())
    assert cloud.statistics().created == 1


def test_without_a_list_of_jobs_nothing_is_submitted_twice_and_a_person_decides(connect: Connect) -> None:
    with CloudEmulator(seed=5, listing=False, faults=Faults(create_drops=1)) as silent:
        backend = connect(url=silent.url)
        for _ in range(2):
            with pytest.raises(hq.SubmissionUncertainError, match="hqdist jobs adopt"):
                backend.evaluate(request())
        assert silent.statistics().created == 1
        key = next(iter(hq.Ledger(hq.default_ledger_path()).entries())).key
        hq.Ledger(hq.default_ledger_path()).adopt(key, silent.statistics().jobs[0].id)
        backend.evaluate(request())
        assert silent.statistics().created == 1


def test_the_same_request_again_is_answered_from_the_ledger(cloud: CloudEmulator, connect: Connect) -> None:
    first, again = connect().evaluate(request()), connect().evaluate(request())
    assert torch.equal(first.values, again.values)
    assert cloud.statistics().created == 1
    assert not first.provenance.replayed
    assert again.provenance.replayed
    assert (again.provenance.shots, again.provenance.replayed_shots) == (0, first.provenance.shots)
    assert again.provenance.shots == again.provenance.credits == 0


@pytest.mark.parametrize("change", [{"seed": 2}, {"shots": 999}, {"first_row": 1}])
def test_another_request_is_another_job(cloud: CloudEmulator, connect: Connect, change: dict[str, int]) -> None:
    connect().evaluate(request())
    connect().evaluate(replace(request(), **change))
    assert cloud.statistics().created == 2


def test_two_threads_with_one_request_pay_once(cloud: CloudEmulator, connect: Connect) -> None:
    cloud.hold()
    results = []
    threads = [threading.Thread(target=lambda: results.append(connect().evaluate(request()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    cloud.release()
    for thread in threads:
        thread.join()
    assert cloud.statistics().created == 1
    assert torch.equal(results[0].values, results[1].values)


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (Faults(no_credits=9), hq.CreditsError),
        (Faults(bad_token=9), hq.AuthenticationError),
        (Faults(locked=9), hq.PermissionDeniedError),
        (Faults(not_accepting=9), hq.PlatformUnavailableError),
    ],
)
def test_a_refusal_has_its_type_is_not_repeated_and_reserves_nothing(
    cloud: CloudEmulator, connect: Connect, faults: Faults, error: type[Exception]
) -> None:
    backend = connect(budget=hq.Budget(jobs=1))
    backend.capabilities  # noqa: B018 - connects, before anything goes wrong
    cloud.faults = faults
    with pytest.raises(error):
        backend.evaluate(request())
    assert cloud.statistics().requests["POST /api/job"] == 1
    cloud.faults = Faults()
    backend.evaluate(request())
    assert cloud.statistics().created == 1


def test_a_full_queue_is_waited_for_until_the_deadline(cloud: CloudEmulator, connect: Connect) -> None:
    cloud.faults = Faults(queue_full=2)
    connect().evaluate(request())
    cloud.faults = Faults(queue_full=1000)
    with pytest.raises(hq.QueueFullError):
        connect(timeout=0.2).evaluate(request(seed=2))
    assert cloud.statistics().created == 1


@pytest.mark.parametrize("faults", [Faults(queue_full=1000), Faults(not_accepting=9)])
def test_a_refusal_after_a_part_was_submitted_does_not_say_that_nothing_was(
    cloud: CloudEmulator, connect: Connect, faults: Faults
) -> None:
    backend = connect(rows_per_job=1, timeout=0.2)
    first = request(batch=2).rows(0, 1)
    backend.evaluate(first)
    cloud.faults = faults
    with pytest.raises(hq.ProviderError, match="were created") as refusal:
        backend.evaluate(request(batch=2))
    assert not isinstance(refusal.value, hq.QueueFullError | hq.PlatformUnavailableError)


def test_more_jobs_than_the_queue_takes_are_submitted_as_it_empties(connect: Connect) -> None:
    narrow = Platform("qpu:narrow", commands=("sample_count",), max_jobs_in_queue=1)
    with CloudEmulator([narrow], seed=1) as cloud:
        result = connect("qpu:narrow", url=cloud.url, rows_per_job=1).evaluate(request(batch=3))
        assert cloud.statistics().created == len(result.provenance.job_ids) == 3


@pytest.mark.parametrize(
    "faults",
    [
        Faults(status_errors=3, status_error_code=429),
        Faults(status_errors=3, status_error_code=503),
        Faults(status_drops=3),
        Faults(result_errors=2),
        Faults(result_drops=2),
        Faults(suspended=2),
        Faults(unknown_status=2),
    ],
)
def test_a_service_that_stammers_is_borne(cloud: CloudEmulator, connect: Connect, faults: Faults) -> None:
    cloud.faults = faults
    connect().evaluate(request())
    assert cloud.statistics().created == 1


def test_a_deadline_leaves_the_job_running_and_the_same_request_takes_it_up(
    cloud: CloudEmulator, connect: Connect
) -> None:
    cloud.hold()
    with pytest.raises(hq.DeadlineError, match="takes it up again"):
        connect(timeout=0.2).evaluate(request())
    cloud.release()
    connect().evaluate(request())
    assert cloud.statistics().created == 1


def test_cancelling_a_call_cancels_its_jobs_and_no_others(cloud: CloudEmulator, connect: Connect) -> None:
    cloud.hold()
    backend = connect(rows_per_job=1)
    unwanted, wanted = backend.submit(request(batch=2, seed=1)), backend.submit(request(batch=2, seed=2))
    _until(lambda: cloud.statistics().created == 4)
    assert unwanted.cancel()
    with pytest.raises(CancelledError):
        unwanted.result()
    _until(lambda: sum(job.status in ("canceled", "cancel_requested") for job in cloud.statistics().jobs) == 2)
    cloud.release()
    cancelled = [job for job in cloud.statistics().jobs if job.status in ("canceled", "cancel_requested")]
    assert len(cancelled) == 2
    assert not {job.id for job in cancelled} & set(wanted.result(timeout=30).provenance.job_ids)


@pytest.mark.parametrize("results", ["null", "text", "string"])
def test_a_failed_job_is_an_error_with_the_services_reason(
    cloud: CloudEmulator, connect: Connect, results: str
) -> None:
    cloud.faults = Faults(failing_jobs=1, failure_results=results)  # type: ignore[arg-type]
    with pytest.raises(hq.JobFailedError, match="failed on the platform"):
        connect().evaluate(request())
    with pytest.raises(hq.JobFailedError, match="hqdist jobs forget"):
        connect().evaluate(request())
    assert cloud.statistics().created == 1


def test_missing_rows_are_an_error_and_never_zeros(cloud: CloudEmulator, connect: Connect) -> None:
    cloud.faults = Faults(incomplete_jobs=1, missing_rows=(1,))
    with pytest.raises(hq.MissingRowsError):
        connect().evaluate(request(batch=3))


def test_a_truncated_job_is_an_error_that_says_what_is_missing(cloud: CloudEmulator, connect: Connect) -> None:
    cloud.faults = Faults(truncated_jobs=1, truncated_rows=1)
    with pytest.raises(hq.MissingRowsError, match="1 of 3 rows") as caught:
        connect().evaluate(request(batch=3))
    assert caught.value.missing == (1, 2)


@pytest.mark.parametrize(
    "budget", [hq.Budget(shots=2999), hq.Budget(jobs=1), hq.Budget(credits=0.5)], ids=["shots", "jobs", "credits"]
)
def test_a_budget_is_kept_before_anything_is_submitted(
    cloud: CloudEmulator, connect: Connect, budget: hq.Budget
) -> None:
    backend = connect(budget=budget, rows_per_job=2, price=hq.Price(per_shot=0.001))
    with pytest.raises(hq.BudgetError, match=r": 0 are spent or reserved \(0 of them by jobs that have not ended\)"):
        backend.evaluate(request(batch=3))
    assert cloud.statistics().created == 0


def test_a_budget_in_credits_needs_a_price(connect: Connect) -> None:
    with pytest.raises(hq.ConfigurationError, match="give price"):
        connect(budget=hq.Budget(credits=1))


def test_dark_counts_are_refused_by_the_check_before_submission(connect: Connect) -> None:
    with pytest.raises(hq.CapabilityError, match="dark counts, which sim:emulated does not simulate"):
        connect("sim:emulated", noise=hq.Noise(dark_counts=0.1)).check(request())


def test_a_job_that_is_canceled_from_a_terminal_fails_for_whoever_waits(cloud: CloudEmulator, connect: Connect) -> None:
    cloud.hold()
    backend = connect()
    waiting = backend.submit(request())
    ledger = hq.execution.Ledger(hq.execution.default_ledger_path())
    _until(lambda: [entry.state for entry in ledger.entries()] == ["submitted"])
    (entry,) = ledger.entries()
    ledger.cancel(entry.key, "canceled by hqdist jobs cancel")
    backend.cancel(str(entry.job_id))
    cloud.release()
    with pytest.raises(hq.JobFailedError, match="was canceled while it was waited for"):
        waiting.result(timeout=30)


def test_a_job_that_the_provider_does_not_know_any_more_can_be_forgotten(
    cloud: CloudEmulator, connect: Connect
) -> None:
    cloud.faults = Faults(not_found=1)
    with pytest.raises(hq.JobFailedError, match=r"hqdist jobs forget [0-9a-f]{16} --under-way"):
        connect().evaluate(request())
    ledger = hq.execution.Ledger(hq.execution.default_ledger_path())
    (entry,) = ledger.entries()
    with pytest.raises(hq.LedgerError, match="--under-way"):
        ledger.forget(entry.key)
    ledger.forget(entry.key, under_way=True)
    assert connect().evaluate(request()).provenance.shots == 2000


def _until(condition) -> None:  # type: ignore[no-untyped-def]
    deadline, pause = 1000, threading.Event()
    while not condition():
        deadline -= 1
        assert deadline, "it never happened"
        pause.wait(0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"token_file": [1]}, "token_file"),
        ({"token_variable": 1}, "token_variable"),
        ({"url": ""}, "url"),
        ({"ledger": "a\0b"}, "ledger"),
        ({"ledger": 5}, "ledger"),
        ({"timeout": float("inf")}, "timeout"),
        ({"poll_seconds": 0}, "poll_seconds is a number of seconds above zero"),
        ({"shots": 0}, "shots"),
        ({"rows_per_job": True}, "rows_per_job"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(hq.ConfigurationError, match=words):
        hq.backend("quandela", platform="qpu:emulated", **options)
