"""What costs something is recorded before it is paid for, and seen through by one caller at a time."""

import os
import sqlite3
import stat
import threading
from contextlib import ExitStack

import pytest
from callers import (
    KEY,
    OTHER,
    claim,
    enough,
    hold,
    hold_and_fork,
    hold_and_leave_in_child,
    other_process,
    pay_if_new,
    run,
)

import hqdist as hq
from hqdist.execution import EntryState, Ledger, Spending


def test_every_step_is_there_for_whoever_comes_next(ledger):
    with claim(ledger) as claimed:
        assert ledger.find(KEY).state is EntryState.INTENDED
        assert not ledger.find(KEY).uncertain
        claimed.sending()
        assert ledger.find(KEY).uncertain
        claimed.submitted("job-1")
        assert ledger.find(KEY).state is EntryState.SUBMITTED
        claimed.completed('{"result": 1}')
    with claim(Ledger(ledger.path)) as again:
        assert (again.entry.state, again.entry.job_id, again.entry.result) == ("completed", "job-1", '{"result": 1}')
        assert again.entry.intended_at <= again.entry.submitted_at <= again.entry.ended_at
    assert len(ledger.entries()) == 1


def test_an_intent_that_was_rejected_has_never_been(ledger):
    with claim(ledger) as claimed:
        claimed.sending()
        claimed.rejected()
    assert ledger.entries() == []
    assert ledger.spent("qpu:one") == Spending()


@pytest.mark.parametrize("end", ["canceled", "forgotten"])
def test_what_was_canceled_or_forgotten_can_be_tried_again_under_another_name_and_stays_spent(ledger, end):
    with claim(ledger) as claimed:
        claimed.submitted("job-1")
        claimed.canceled("by us") if end == "canceled" else claimed.failed("broken")
    if end == "forgotten":
        ledger.forget(KEY)
    with claim(ledger) as again:
        assert again.entry.state is EntryState.INTENDED
        assert (again.entry.attempt, again.entry.name) == (2, "hqdist-aaaaaaaa-2")
    assert (ledger.spent("qpu:one").jobs, ledger.spent("qpu:one").shots) == (2, 20)


def test_a_failure_stays_until_it_is_forgotten(ledger):
    with claim(ledger) as claimed:
        claimed.submitted("job-1")
        claimed.failed("the laser is off", result="half")
    with claim(ledger) as again:
        assert (again.entry.state, again.entry.error, again.entry.result) == ("failed", "the laser is off", "half")


STEPS = {
    "sending": lambda claimed: claimed.sending(),
    "submitted": lambda claimed: claimed.submitted("job-1"),
    "completed": lambda claimed: claimed.completed("{}"),
    "failed": lambda claimed: claimed.failed("broken"),
    "canceled": lambda claimed: claimed.canceled("by us"),
    "rejected": lambda claimed: claimed.rejected(),
}
ALLOWED = {
    "": {"sending", "submitted", "rejected"},
    "sending": {"sending", "submitted", "rejected"},
    "submitted": {"completed", "failed", "canceled"},
    "submitted completed": set(),
    "submitted failed": set(),
    "submitted canceled": set(),
    "rejected": set(),
}


@pytest.mark.parametrize("before", ALLOWED)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_out_of_order_is_refused_and_changes_nothing(ledger, before, step):
    with claim(ledger) as claimed:
        for earlier in before.split():
            STEPS[earlier](claimed)
        recorded = ledger.entries()
        if step in ALLOWED[before]:
            STEPS[step](claimed)
            assert ledger.entries() != recorded or before == step
        else:
            with pytest.raises(hq.LedgerError, match=r"request a{16}"):
                STEPS[step](claimed)
            assert ledger.entries() == recorded


def test_an_adopted_job_cannot_be_adopted_again(ledger):
    with claim(ledger) as claimed:
        claimed.sending()
    ledger.adopt(KEY, "job-1")
    with pytest.raises(hq.LedgerError, match="is submitted"):
        ledger.adopt(KEY, "job-2")


@pytest.mark.parametrize(
    ("key", "figures"),
    [("../escaped", {}), ("", {}), (KEY, {"shots": -1}), (KEY, {"credits": -0.5}), (KEY, {"credits": float("nan")})],
)
def test_what_would_spoil_the_books_is_refused(ledger, key, figures):
    with pytest.raises(hq.LedgerError, match="got"), claim(ledger, key, **figures):
        pass
    assert not ledger.path.parent.exists()


def test_a_list_may_leave_out_the_results(ledger):
    run(ledger)
    assert [entry.result for entry in ledger.entries(results=False)] == [None]
    assert [entry.result for entry in ledger.entries()] == ['{"result": 1}']


def test_a_person_decides_what_became_of_an_uncertain_intent(ledger):
    for key in (KEY, OTHER):
        with claim(ledger, key) as claimed:
            claimed.sending()
    ledger.adopt(KEY, "job-7")
    ledger.forget(OTHER)
    assert [(entry.key, entry.state, entry.job_id) for entry in ledger.entries()] == [(KEY, "submitted", "job-7")]


def test_a_job_under_way_is_not_forgotten_by_accident(ledger):
    with claim(ledger) as claimed:
        claimed.submitted("job-1")
    with pytest.raises(hq.LedgerError, match="hqdist jobs cancel"):
        ledger.forget(KEY)
    ledger.forget(KEY, under_way=True)
    assert ledger.find(KEY).forgotten


def test_requests_are_found_by_the_beginning_of_their_key(ledger):
    run(ledger, "ab" + "0" * 62)
    run(ledger, "ac" + "0" * 62)
    assert ledger.find("ab").key.startswith("ab")
    for prefix, words in (("a", "2 requests"), ("x", "no request"), ("", "2 requests")):
        with pytest.raises(hq.LedgerError, match=words):
            ledger.find(prefix)


def test_a_second_caller_waits_for_the_first_and_finds_its_result(ledger):
    waiting, seen = threading.Event(), []

    def second() -> None:
        with claim(ledger, wait=waiting.set) as claimed:
            seen.append(claimed.entry.state)

    with claim(ledger) as claimed:
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        claimed.submitted("job-1")
        claimed.completed("{}")
    thread.join()
    assert seen == [EntryState.COMPLETED]


def test_waiting_ends_with_what_the_waiting_raises(ledger):
    with claim(ledger), pytest.raises(hq.DeadlineError, match="enough"), claim(ledger, wait=enough):
        pass


@pytest.mark.parametrize("decide", [lambda book: book.adopt(KEY, "job-9"), lambda book: book.forget(KEY)])
def test_nobody_decides_about_a_request_that_is_being_seen_through(ledger, decide):
    with claim(ledger) as claimed:
        claimed.sending()
        with pytest.raises(hq.LedgerError, match="another caller"):
            decide(ledger)
        claimed.submitted("job-1")


@pytest.mark.parametrize(
    ("steps", "state", "uncertain"),
    [("", "intended", False), ("sending", "intended", True), ("sending submitted", "submitted", False)],
)
def test_a_caller_that_is_killed_leaves_its_last_step_and_no_lock(ledger, steps, state, uncertain):
    with other_process(hold, ledger, steps=steps.split()) as (killed, told):
        assert told.recv() == "holding"
        with pytest.raises(hq.DeadlineError), claim(ledger, wait=enough):
            pass
        killed.kill()
        killed.join()
        with claim(ledger, wait=enough) as claimed:
            assert (claimed.entry.state, claimed.entry.uncertain) == (state, uncertain)


def test_a_child_that_outlives_its_killed_parent_does_not_hold_its_lock(ledger):
    with other_process(hold_and_fork, ledger) as (killed, told):
        assert told.recv() == "holding"
        killed.kill()
        killed.join()
        with claim(ledger, wait=enough):
            pass


def test_a_child_that_leaves_the_claim_leaves_the_lock_to_its_parent(ledger):
    with other_process(hold_and_leave_in_child, ledger) as (_, told):
        assert told.recv() == "holding"
        with pytest.raises(hq.DeadlineError), claim(ledger, wait=enough):
            pass


def test_of_many_processes_that_want_one_request_one_pays(ledger):
    with ExitStack() as stack:
        ends = [stack.enter_context(other_process(pay_if_new, ledger))[1] for _ in range(4)]
        assert sorted(told.recv() for told in ends) == ["completed", "completed", "completed", "intended"]
    assert ledger.spent("qpu:one").jobs == 1


def test_a_full_disk_is_an_error_and_leaves_the_last_step(ledger):
    with other_process(hold, ledger, steps=["submitted", "fill the disk"]) as (_, told):
        assert told.recv() == "LedgerError"
    assert ledger.find(KEY).state is EntryState.SUBMITTED


def test_threads_that_make_the_file_together_make_one(ledger):
    threads = [threading.Thread(target=run, args=(ledger, f"{number:064}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.entries()) == 8


def test_the_file_is_for_its_owner_only(ledger):
    run(ledger)
    for path in (ledger.path.parent, *ledger.path.parent.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_what_is_written_outlasts_a_power_cut(ledger):
    run(ledger)
    with ledger._transaction() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2  # full


def test_locks_leave_no_files_behind(ledger):
    run(ledger)
    assert list(ledger.path.with_name("ledger.sqlite.locks").iterdir()) == []


@pytest.mark.parametrize("what", ["a directory", "not a database", "from the future", "no place", "damaged"])
def test_a_file_that_cannot_be_used_is_an_error_and_nothing_is_paid_for(tmp_path, what):
    path = tmp_path / "ledger.sqlite"
    if what == "a directory":
        path.mkdir()
    if what == "not a database":
        path.write_text("dear diary, " * 100)
    if what == "from the future":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    if what == "no place":
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "ledger.sqlite"
    if what == "damaged":
        run(Ledger(path))
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096 * 4)
    with pytest.raises(hq.LedgerError, match=r"ledger\.sqlite"), claim(Ledger(path)):
        raise AssertionError("claimed")


@pytest.mark.parametrize("path", [5, "", "a\0b"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(hq.LedgerError, match="path of a ledger"):
        Ledger(path)


def test_a_state_that_nobody_knows_is_an_error(ledger):
    run(ledger)
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE jobs SET state = 'lost'")
    db.close()
    with pytest.raises(hq.LedgerError, match="'lost' is no EntryState"):
        ledger.entries()


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"HQDIST_LEDGER": "/books/mine.sqlite"}, "/books/mine.sqlite"),
        ({"XDG_STATE_HOME": "/state"}, "/state/hqdist/ledger.sqlite"),
        ({"HOME": "/home/me"}, "/home/me/.local/state/hqdist/ledger.sqlite"),
    ],
)
def test_the_default_place_is_the_users_own(monkeypatch, environment, path):
    for name in ("HQDIST_LEDGER", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert os.fspath(hq.default_ledger_path()) == path
