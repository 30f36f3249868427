"""A budget is kept before anything is submitted, whoever spends."""

import sqlite3
from contextlib import ExitStack

import pytest
from callers import KEY, OTHER, claim, hold, other_process, run

import hqdist as hq
from hqdist.execution import Budget, EntryState, Spending


@pytest.mark.parametrize(
    ("budget", "runs"),
    [(Budget(shots=29), 2), (Budget(shots=30), 3), (Budget(credits=1.0), 2), (Budget(jobs=1), 1), (Budget(), 4)],
)
def test_a_budget_is_never_exceeded_and_a_refusal_leaves_no_trace(ledger, budget, runs):
    for number in range(runs):
        run(ledger, f"{number:064}", budget=budget)
    if budget != Budget():
        with pytest.raises(hq.BudgetError, match="nothing was submitted"), claim(ledger, KEY, budget=budget):
            pass
    assert len(ledger.entries()) == runs


def test_a_budget_counts_what_is_only_reserved_and_what_others_spent_on_the_platform(ledger):
    with claim(ledger, budget=Budget(shots=15)):
        with (
            pytest.raises(hq.BudgetError, match="10 are spent or reserved"),
            claim(ledger, OTHER, budget=Budget(shots=15)),
        ):
            pass
        with claim(ledger, OTHER, platform="qpu:two", budget=Budget(shots=15)):
            pass


def test_a_result_that_is_there_costs_nothing_and_passes_any_budget(ledger):
    run(ledger)
    with claim(ledger, budget=Budget(shots=0, jobs=0)) as again:
        assert again.entry.state is EntryState.COMPLETED


def test_time_is_used_up_once_it_has_passed(ledger):
    run(ledger)
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE jobs SET ended_at = submitted_at + 60")
    db.close()
    with claim(ledger, OTHER, budget=Budget(seconds=61)):
        pass
    with pytest.raises(hq.BudgetError, match="60"), claim(ledger, "c" * 64, budget=Budget(seconds=60)):
        pass


@pytest.mark.parametrize("limits", [{"shots": 1.5}, {"jobs": -1}, {"credits": float("nan")}, {"seconds": "long"}])
def test_a_budget_that_is_none_is_refused(limits):
    with pytest.raises(hq.ConfigurationError, match="budget"):
        Budget(**limits)


def test_the_last_of_a_budget_is_taken_by_as_many_processes_as_it_is_enough_for(ledger):
    with ExitStack() as stack:
        ends = [
            stack.enter_context(other_process(hold, ledger, key=f"{number:064}", budget=Budget(shots=20)))[1]
            for number in range(4)
        ]
        assert sorted(told.recv() for told in ends) == ["BudgetError", "BudgetError", "holding", "holding"]
    assert ledger.spent("qpu:one").shots == 20


@pytest.mark.parametrize("end", ["completed", "failed", "canceled"])
def test_what_a_job_is_known_to_have_cost_replaces_what_was_reserved(ledger, end):
    with claim(ledger, shots=100, credits=5.0) as claimed:
        claimed.submitted("job-1")
        assert (ledger.spent("qpu:one").shots, ledger.spent("qpu:one").credits) == (100, 5.0)
        getattr(claimed, end)("as it was", shots=30, credits=1.5)
        assert (claimed.entry.state, claimed.entry.shots, claimed.entry.credits) == (end, 30, 1.5)
    spent = ledger.spent("qpu:one")
    assert (spent.jobs, spent.shots, spent.credits) == (1, 30, 1.5)


def test_a_job_cannot_cost_less_than_nothing(ledger):
    with claim(ledger) as claimed:
        claimed.submitted("job-1")
        with pytest.raises(hq.LedgerError, match="-1"):
            claimed.completed("{}", shots=-1)
    assert ledger.find(KEY).state is EntryState.SUBMITTED


def test_what_is_rejected_is_free_for_the_next(ledger):
    for key in (KEY, OTHER):
        with claim(ledger, key, budget=Budget(jobs=1, shots=10)) as claimed:
            claimed.rejected()
    assert ledger.spent("qpu:one") == Spending()


def test_ten_tenths_of_a_credit_are_one_credit(ledger):
    for number in range(10):
        run(ledger, f"{number:064}", credits=0.1, budget=Budget(credits=1.0))
    with pytest.raises(hq.BudgetError), claim(ledger, credits=0.1, budget=Budget(credits=1.0)):
        pass


def test_a_refusal_says_what_is_asked_spent_reserved_and_allowed(ledger):
    run(ledger, OTHER, shots=1000)
    words = r"of 1,500 shots on qpu:one .* 1,200 are spent or reserved \(200 of them .* 400 more are asked for"
    with (
        claim(ledger, shots=200),
        pytest.raises(hq.BudgetError, match=words),
        claim(ledger, "c" * 64, shots=400, budget=Budget(shots=1500)),
    ):
        pass


def test_a_clock_that_was_set_back_makes_no_time(ledger):
    for key in (KEY, OTHER):
        run(ledger, key)
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE jobs SET ended_at = submitted_at + CASE key WHEN ? THEN 60 ELSE -3600 END", (KEY,))
    db.close()
    assert ledger.spent("qpu:one").seconds == pytest.approx(60)


def test_the_time_of_a_job_that_is_forgotten_under_way_stands_still(ledger):
    with claim(ledger) as claimed:
        claimed.submitted("job-1")
    ledger.forget(KEY, under_way=True)
    assert ledger.find(KEY).ended_at is not None
