"""The worker's queue as a state machine: admit, group, run, drop; no clock but the test's."""

import pytest

import hqdist as hq
from hqdist.rpc.worker.schedule import QueueLimits, Schedule, Ticket


def ticket(number, group="a", rows=1, arrived=0.0, deadline=float("inf")):
    return Ticket(id=number, group=group, rows=rows, arrived=arrived, deadline=deadline)


def schedule(*tickets, **limits):
    queue = Schedule(QueueLimits(**limits))
    for one in tickets:
        queue.admit(one)
    return queue


def ids(batch):
    return [one.id for one in batch]


def test_the_first_comes_first_and_those_like_it_come_along():
    queue = schedule(ticket(1), ticket(2, "b"), ticket(3), ticket(4, "b"), slots=2)
    assert ids(queue.next_batch(0)) == [1, 3]
    assert ids(queue.next_batch(0)) == [2, 4]
    assert queue.next_batch(0) == []


def test_requests_without_a_group_run_alone():
    queue = schedule(ticket(1, None), ticket(2, None), slots=2)
    assert ids(queue.next_batch(0)) == [1]
    assert ids(queue.next_batch(0)) == [2]


def test_a_batch_has_no_more_rows_than_it_may_but_a_request_may_have_more():
    queue = schedule(
        ticket(1, rows=6), ticket(2, rows=5), ticket(3, rows=4), ticket(4, rows=50), batch_rows=10, slots=9
    )
    assert ids(queue.next_batch(0)) == [1, 3]
    assert ids(queue.next_batch(0)) == [2]
    assert ids(queue.next_batch(0)) == [4]


def test_nothing_runs_without_a_slot():
    queue = schedule(ticket(1, None), ticket(2, None))
    batch = queue.next_batch(0)
    assert queue.next_batch(0) == []
    queue.finished(batch, 1.0)
    assert ids(queue.next_batch(0)) == [2]


def test_a_request_waits_for_others_as_long_as_the_delay_and_no_longer():
    queue = schedule(ticket(1, arrived=1.0), batch_delay=0.5, batch_rows=3)
    assert queue.next_batch(1.4) == []
    assert queue.wake_at() == 1.5
    queue.admit(ticket(2, arrived=1.4))
    assert ids(queue.next_batch(1.5)) == [1, 2]


def test_a_full_batch_does_not_wait():
    queue = schedule(ticket(1), ticket(2), batch_delay=10.0, batch_rows=2)
    assert ids(queue.next_batch(0)) == [1, 2]


def test_what_is_dropped_is_not_computed():
    queue = schedule(ticket(1), ticket(2))
    assert queue.drop(1)
    assert not queue.drop(1)
    assert ids(queue.next_batch(0)) == [2]
    assert not queue.drop(2)  # it runs
    assert queue.running == 1


def test_late_requests_leave_the_queue():
    queue = schedule(ticket(1, None, deadline=5.0), ticket(2, None, deadline=9.0), ticket(3, None))
    queue.next_batch(0)
    assert queue.wake_at() == 9.0
    assert queue.expired(8.9) == []
    assert ids(queue.expired(9.0)) == [2]
    assert queue.queued == 1


@pytest.mark.parametrize("limits", [{"requests": 2}, {"rows": 20}], ids=str)
def test_a_full_queue_refuses_and_says_when_to_come_back(limits):
    queue = schedule(ticket(1, rows=10), ticket(2, rows=10), **limits)
    with pytest.raises(hq.WorkerOverloadedError) as refused:
        queue.admit(ticket(3, rows=10))
    assert 0 < refused.value.retry_after <= 10
    queue.finished(queue.next_batch(0), 1.0)
    queue.admit(ticket(3, rows=10))


def test_the_time_to_come_back_follows_from_what_waits():
    queue = schedule(ticket(1, None, rows=10), requests=1)
    queue.finished(queue.next_batch(0), seconds=4.0)  # 0.4 s a row
    queue.admit(ticket(2, rows=10))
    with pytest.raises(hq.WorkerOverloadedError) as refused:
        queue.admit(ticket(3))
    assert refused.value.retry_after == pytest.approx(2.0)


def test_one_request_is_admitted_however_large_it_is():
    queue = schedule(ticket(1, rows=10**9), rows=10)
    assert ids(queue.next_batch(0)) == [1]


def test_an_empty_queue_is_idle_when_nothing_runs():
    queue = schedule()
    assert queue.idle and queue.wake_at() == float("inf")
    queue.admit(ticket(1))
    batch = queue.next_batch(0)
    assert not queue.idle
    queue.finished(batch, 0.1)
    assert queue.idle
