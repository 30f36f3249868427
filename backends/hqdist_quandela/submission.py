"""Jobs that are paid for once: intent, submission and result, each recorded before the next step is taken."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from hqdist.errors import (
    DeadlineError,
    JobFailedError,
    PlatformUnavailableError,
    ProviderError,
    QueueFullError,
    SubmissionUncertainError,
)
from hqdist.execution import Budget, Claim, EntryState, Ledger, Spending
from hqdist_quandela.client import ENDED, UNDER_WAY, Client, JobState, TransientError
from hqdist_quandela.patience import Patience

T = TypeVar("T")

_logger = logging.getLogger("hqdist.quandela")

#: Answers in a row that may say nothing about a job before the call gives up on asking; the job itself goes on.
_MOST_SILENCES = 10

#: How often a job that may have been created is looked for before it counts as not created.
_LOOKS = 3


@dataclass(frozen=True, kw_only=True)
class Order:
    """A job to be paid for.

    Attributes:
        key: Content hash of all that decides its result, 64 hexadecimal digits; paid for once.
        name: What it is called at the provider; unique, follows from the key. Later attempts get a number.
        body: Makes what is sent, given the name.
        shots: Shots that it takes.
        credits: What it costs.
    """

    key: str
    name: str
    body: Callable[[str], dict[str, Any]]
    shots: int
    credits: float


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What came back for an order.

    Attributes:
        job: The provider's id.
        raw: The raw result.
        state: What the provider last said of the job.
        replayed: Whether it had been paid for before this call.
    """

    job: str
    raw: str | None
    state: JobState
    replayed: bool


def deliver(
    orders: Sequence[Order],
    *,
    client: Client,
    ledger: Ledger,
    platform: str,
    backend: str,
    budget: Budget | None,
    patience: Patience,
) -> list[Delivery]:
    """See every order through: adopt what runs already, take what is recorded, submit the rest, and wait for all.

    All orders are submitted before the first is waited for, as far as the provider's queue allows.

    Args:
        orders: What is wanted.
        client: The provider.
        ledger: Where everything is recorded.
        platform: The platform's name, the scope of the budget.
        backend: The backend as a table in JSON, without secrets, so that others can manage the jobs.
        budget: What may be spent; None for no limit.
        patience: How long to wait.

    Raises:
        BudgetError: If an order would exceed the budget; it was not submitted.
        DeadlineError: If it takes too long; the jobs go on.
        PlatformUnavailableError: If the platform takes nothing, and no job was created.
        QueueFullError: If the provider takes no further job, and none was created.
        ProviderError: If the provider refuses otherwise, or a job fails.
        concurrent.futures.CancelledError: If the call was cancelled; its jobs were cancelled at the provider.
    """
    with ExitStack() as stack:
        claims: dict[str, Claim] = {}
        stack.callback(lambda: _give_back(claims.values()))
        along = Spending()
        for order in sorted(orders, key=lambda order: order.key):  # as the ledger demands
            claim = claims[order.key] = stack.enter_context(
                ledger.claim(
                    order.key,
                    backend=backend,
                    platform=platform,
                    name=order.name,
                    shots=order.shots,
                    credits=order.credits,
                    budget=budget,
                    along=along,
                    wait=partial(patience.pause, f"another caller's job {order.name}"),
                )
            )
            if claim.entry.state is EntryState.INTENDED:
                along += Spending(shots=claim.entry.shots, credits=claim.entry.credits, jobs=1)
        ours = [claims[order.key] for order in orders]
        known = [claim.entry.state is not EntryState.INTENDED for claim in ours]
        try:
            for index, (order, claim) in enumerate(zip(orders, ours, strict=True)):
                _submit(order, claim, client, patience, ours[:index])
            return [
                _delivery(claim, _finish(claim, client, patience), replayed)
                for claim, replayed in zip(ours, known, strict=True)
            ]
        except CancelledError:
            _cancel(ours, client)
            raise
        except (PlatformUnavailableError, QueueFullError) as error:
            # These say that nothing was begun, so that the whole may be asked for elsewhere.
            begun = [str(claim.entry.job_id) for claim in ours if claim.entry.job_id is not None]
            if not begun:
                raise
            raise ProviderError(
                f"{error}; of this request, the jobs {', '.join(begun)} were created and may go on: the same request "
                "takes them up"
            ) from error


def _give_back(claims: Iterable[Claim]) -> None:
    """Free what is reserved for jobs that were not sent."""
    for claim in claims:
        if claim.entry.state is EntryState.INTENDED and not claim.entry.sent:
            claim.rejected()


def _submit(order: Order, claim: Claim, client: Client, patience: Patience, before: Sequence[Claim]) -> None:
    """Bring a claim from intended to submitted, and create at most one job on the way."""
    if claim.entry.state is not EntryState.INTENDED:
        return
    name = claim.entry.name
    if claim.entry.uncertain:  # an earlier process ended between its sending and its record of the job
        job = _look(claim, client, patience)
        if job is not None:
            claim.submitted(job)
            _logger.info("adopted job %s (%s)", job, name)
            return
    body = order.body(name)
    claim.sending()
    while True:
        try:
            job = client.create(body)
        except (TransientError, QueueFullError) as error:
            # Neither proves that there is no job: a refusal of this service can follow its creation.
            found = _look(claim, client, patience, error)
            if found is not None:
                claim.submitted(found)
                return
            waiting = next((claim for claim in before if claim.entry.state is EntryState.SUBMITTED), None)
            if isinstance(error, QueueFullError) and waiting is not None:
                _finish(waiting, client, patience)  # makes room
                continue
            _pause(patience, claim, error)
        except ProviderError as error:
            # A refusal whose words are not known proves nothing either.
            found = _look(claim, client, patience, error) if type(error) is ProviderError else None
            if found is None:
                claim.rejected()
                raise
            claim.submitted(found)
            return
        else:
            claim.submitted(job)
            patience.refresh()
            _logger.info("submitted job %s (%s, %d shots)", job, name, order.shots)
            return


def _pause(patience: Patience, claim: Claim, error: Exception) -> None:
    try:
        patience.pause(f"submitting {claim.entry.name} ({error})")
    except (DeadlineError, CancelledError):
        if isinstance(error, QueueFullError):
            claim.rejected()
            raise error from None
        raise  # the intent stays: whether there is a job is for the next call to find out


def _look(claim: Claim, client: Client, patience: Patience, cause: Exception | None = None) -> str | None:
    """The job of this name at the provider; None once it is certain enough that there is none."""
    name, key = claim.entry.name, claim.entry.key[:16]
    silences = 0
    looks = 1 if isinstance(cause, QueueFullError) else _LOOKS
    while True:
        try:
            job = client.find(name)
        except NotImplementedError:
            if isinstance(cause, QueueFullError):
                return None
            raise SubmissionUncertainError(
                f"the job {name} may have been created or not{f' ({cause})' if cause else ''}, and this provider does "
                f"not list jobs. Look for the name in the provider's console, then say: hqdist jobs adopt {key} "
                f"JOB_ID, or, if there is none: hqdist jobs forget {key}"
            ) from cause
        except TransientError as error:
            silences += 1
            if silences == _MOST_SILENCES:
                raise SubmissionUncertainError(
                    f"the job {name} may have been created or not, and the provider does not answer ({error}); "
                    "the same request looks for it again"
                ) from error
        else:
            looks -= 1
            if job is not None or looks == 0:
                return job
        patience.pause(f"looking for {name}")


def _finish(claim: Claim, client: Client, patience: Patience) -> JobState:
    """Wait for a submitted job and record its result; what is recorded already is left as it is."""
    entry = claim.entry
    if entry.state is EntryState.COMPLETED:
        return JobState("completed")
    if entry.state is EntryState.FAILED:
        raise JobFailedError(
            f"this request's job {entry.job_id} ended before without a result: {entry.error}. To pay for it again: "
            f"hqdist jobs forget {entry.key[:16]}"
        )
    assert entry.job_id is not None
    try:
        state = _wait(entry.job_id, client, patience)
    except JobFailedError as error:
        raise JobFailedError(
            f"{error}; the provider does not know it any more. To pay for it again: hqdist jobs forget "
            f"{entry.key[:16]} --under-way"
        ) from error
    recorded = claim.ledger.find(entry.key)
    if recorded.state is EntryState.CANCELED:
        raise JobFailedError(
            f"job {entry.job_id} was canceled while it was waited for ({recorded.error}); the same request pays anew"
        )
    if state.status == "completed":
        claim.completed(_ask(lambda: client.results(str(entry.job_id)), patience) or "")
        return state
    part = None
    with suppress(ProviderError, TransientError):
        part = client.results(entry.job_id)
    claim.failed(f"{state.status}: {state.message}" if state.message else state.status, result=part)
    return state


def _wait(job: str, client: Client, patience: Patience) -> JobState:
    status = ""
    while True:
        state = _ask(lambda: client.state(job), patience)
        if state.status in ENDED:
            return state
        if state.status != status:
            if state.status not in UNDER_WAY:
                _logger.warning("job %s is in a state that is not known here: %r", job, state.status)
            patience.refresh()
            status = state.status
        patience.pause(f"job {job} ({status or 'no status'}, {state.progress:.0%})")


def _ask(ask: Callable[[], T], patience: Patience) -> T:
    """Ask until there is an answer, but not for ever."""
    for _ in range(_MOST_SILENCES - 1):
        try:
            return ask()
        except TransientError as error:
            patience.pause(str(error))
    try:
        return ask()
    except TransientError as error:
        raise ProviderError(
            f"no answer {_MOST_SILENCES} times in a row: {error}; the job goes on, ask again"
        ) from error


def _delivery(claim: Claim, state: JobState, replayed: bool) -> Delivery:
    entry = claim.entry
    assert entry.job_id is not None
    return Delivery(job=entry.job_id, raw=entry.result, state=state, replayed=replayed)


def _cancel(claims: Sequence[Claim], client: Client) -> None:
    for claim in claims:
        if claim.entry.state is EntryState.SUBMITTED and claim.entry.job_id is not None:
            try:
                client.cancel(claim.entry.job_id)
            except (ProviderError, TransientError) as error:
                _logger.warning("job %s could not be cancelled and may go on: %s", claim.entry.job_id, error)
            claim.canceled("cancelled by the caller")
