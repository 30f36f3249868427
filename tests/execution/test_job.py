"""A request under way."""

import threading
from concurrent.futures import CancelledError

import pytest
import torch

from hqdist import (
    Backend,
    Capabilities,
    CapabilityError,
    Experiment,
    HqdistError,
    Job,
    JobStatus,
    Provenance,
    Request,
    Result,
)


class Gated(Backend):
    """Answers the weights once the gate is open."""

    name = "gated"

    def __init__(self):
        self.gate = threading.Event()

    @property
    def capabilities(self):
        return Capabilities(exact=True, sampled=False, adjoint=False, max_batch=2)

    def evaluate(self, request):
        assert self.gate.wait(60)
        return Result(values=request.weights, provenance=Provenance(backend=self.name))


@pytest.fixture
def backend():
    gated = Gated()
    yield gated
    gated.gate.set()


def request(batch=1):
    program = Experiment(n_modes=2, n_photons=1).program(1)
    return Request(program=program, weights=torch.ones(len(program.weights)), inputs=torch.zeros(batch, 1))


def test_a_job_runs_while_the_caller_goes_on(backend):
    job = backend.submit(request())
    assert job.status is JobStatus.RUNNING
    with pytest.raises(TimeoutError):
        job.result(timeout=0.01)
    backend.gate.set()
    assert job.result(timeout=60).provenance.backend == "gated"
    assert job.status is JobStatus.COMPLETED


def test_a_job_keeps_the_numbers_it_was_given(backend):
    asked = request()
    job = backend.submit(asked)
    asked.weights.zero_()
    backend.gate.set()
    assert job.result(timeout=60).values.all()


def test_what_the_backend_cannot_do_is_refused_at_once(backend):
    with pytest.raises(CapabilityError, match="3 samples in a batch, at most 2"):
        backend.submit(request(batch=3))


def test_a_failure_is_raised_where_the_result_is_asked_for():
    def fail():
        raise HqdistError("the light went out")

    job = Job(fail)
    with pytest.raises(HqdistError, match="the light went out"):
        job.result(timeout=60)
    assert job.status is JobStatus.FAILED


def test_a_cancelled_job_gives_no_result(backend):
    job, other = backend.submit(request()), backend.submit(request())
    assert job.cancel()
    assert job.status is JobStatus.CANCELED
    backend.gate.set()
    with pytest.raises(CancelledError, match=job.id):
        job.result(timeout=60)
    # peers cancel everything at once
    assert other.result(timeout=60).values.all()


def test_a_job_that_has_ended_cannot_be_cancelled(backend):
    backend.gate.set()
    job = backend.submit(request())
    job.result(timeout=60)
    assert not job.cancel()
    assert job.status is JobStatus.COMPLETED


def test_jobs_have_names_of_their_own(backend):
    assert backend.submit(request()).id != backend.submit(request()).id


def test_cancelling_wakes_who_waits(backend):
    job = backend.submit(request())
    outcome = []

    def wait():
        try:
            outcome.append(job.result(timeout=60))
        except CancelledError as error:
            outcome.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    job.cancel()
    waiter.join(30)
    assert isinstance(outcome[0], CancelledError)
