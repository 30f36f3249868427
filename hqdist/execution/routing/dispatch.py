"""A request's way from one candidate to the next, until one answers."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from hqdist.errors import CapabilityError, HqdistError, NoBackendError
from hqdist.execution.request import Request
from hqdist.execution.result import Cotangents, Provenance, Result
from hqdist.execution.routing.candidates import Candidates
from hqdist.execution.routing.decision import Option
from hqdist.execution.routing.failover import FAILS_OVER, in_words, may_be_asked_twice, may_fail_over
from hqdist.execution.routing.race import Jobs, Race

T = TypeVar("T", Result, Cotangents)

_log = logging.getLogger("hqdist")


@dataclass(frozen=True)
class Failure:
    """A candidate that gave no answer, and why; another one may be asked."""

    option: Option
    words: str
    error: HqdistError


class Dispatch:
    """Asks candidates; those whose answers belong together are asked by one dispatch.

    Attributes:
        first: Who answered first; whoever answers later has the same noise. None before.
    """

    def __init__(self, candidates: Candidates, hedge_after: float | None) -> None:
        self.first: Option | None = None
        self._candidates = candidates
        self._hedge_after = hedge_after

    def answer(
        self,
        request: Request,
        ask: Callable[[Option, Jobs | None], T],
        *,
        adjoint: bool = False,
        measure: bool = False,
        failure: Failure | None = None,
        jobs: Jobs | None = None,
    ) -> tuple[T, Option]:
        """The answer of the first candidate that gives one, and which that is.

        Args:
            request: For whom.
            ask: Asks a candidate; by a job if it gets jobs, so that it can be cancelled.
            adjoint: Whether it needs to offer adjoint gradients.
            measure: Whether the time it takes counts for its latency.
            failure: Of a candidate that was asked already.
            jobs: Where jobs are cancelled together.

        Raises:
            CapabilityError: If no candidate takes the request.
            NoBackendError: If none of those that do is available.
            HqdistError: What a candidate raises after which no other may be asked.
        """
        options = self._candidates.takers(request, adjoint=adjoint, first=self.first)
        failures = [] if failure is None else [failure]
        waiting = [o for o in options if not o.reasons and (failure is None or o.place != failure.option.place)]
        route = [failure.words for failure in failures]
        route += _reasons(option for option in options if not option.fallback)
        idle = _reasons(option for option in options if option.fallback)

        def attempt(option: Option, jobs: Jobs | None = jobs) -> T | Failure:
            return self._attempt(option, request, partial(ask, option, jobs), measure=measure)

        while waiting:
            option = waiting.pop(0)
            if option.fallback:
                route, idle = route + idle, []
                self._tell(option, route)
            rival = self._rival(option, waiting, request)
            if rival is None:
                outcomes = [(option, attempt(option))]
            else:
                outcomes = self._raced(option, rival, attempt, jobs or Jobs())
            for asked, outcome in outcomes:
                if asked is rival:
                    waiting.remove(rival)
                if not isinstance(outcome, Failure):
                    if rival is not None and asked is rival and len(outcomes) == 1:
                        route.append(f"{option.label}: no answer within {self._hedge_after:g} s")
                    if not asked.fallback:
                        self._candidates.health.news("")
                    route.append(f"{asked.label}: answered, {self._why(asked)}")
                    self.first = self.first or asked
                    return routed(outcome, route), asked
                failures.append(outcome)
                route.append(outcome.words)
        raise NoBackendError("no candidate of the router answers", route + idle) from (
            failures[-1].error if failures else None
        )

    def _attempt(self, option: Option, request: Request, ask: Callable[[], T], *, measure: bool) -> T | Failure:
        health, place = self._candidates.health, option.place
        generation = health.admit(place)
        if generation is None:
            words = f"{option.label}: not ready: circuit breaker {health.state(place)}"
            return Failure(option, words, NoBackendError("no candidate of the router answers", [words]))
        start = time.perf_counter()
        try:
            answer = ask()
        except FAILS_OVER as error:
            return self.failed(option, generation, error)
        except CapabilityError as error:  # a limit that it did not know before; nothing was begun
            health.released(place, generation)
            return Failure(option, f"{option.label}: passed over: {'; '.join(error.violations)}", error)
        except CancelledError:
            health.released(place, generation)
            if measure:
                health.measured(place, request, time.perf_counter() - start, at_least=True)
            raise
        except BaseException:
            health.released(place, generation)
            raise
        health.succeeded(place, generation)
        if measure and not answer.provenance.replayed:
            health.measured(place, request, time.perf_counter() - start)
        return answer

    def failed(self, option: Option, generation: int, error: HqdistError) -> Failure:
        """Note that a candidate is unavailable.

        Raises:
            HqdistError: The error itself, where no other candidate may be asked after it.
        """
        self._candidates.health.failed(option.place, generation, in_words(error))
        assert option.capabilities is not None
        if not may_fail_over(error, option.capabilities):
            raise error
        words = f"{option.label}: failed: {in_words(error)}"
        _log.warning("router: %s", words)
        return Failure(option, words, error)

    def _rival(self, option: Option, waiting: Sequence[Option], request: Request) -> Option | None:
        """The candidate that is asked as well if this one is slow; None if no other may be, or none should."""
        if self._hedge_after is None or not _may_be_hedged(request, option):
            return None
        rivals = (other for other in waiting if not other.fallback and _may_be_hedged(request, other))
        return next((other for other in rivals if other.noise == option.noise), None)

    def _raced(
        self, option: Option, rival: Option, attempt: Callable[[Option, Jobs], T | Failure], jobs: Jobs
    ) -> list[tuple[Option, T | Failure]]:
        """The outcomes at a candidate, and at its rival if it is slow, until one answers; the other is cancelled."""
        race: Race[tuple[Option, T | Failure]] = Race()
        both, outcomes = jobs.part(), list[tuple[Option, T | Failure]]()
        try:
            race.start(lambda: (option, attempt(option, both)))
            ended, running = race.next(self._hedge_after), 1
            if ended is None:
                race.start(lambda: (rival, attempt(rival, both)))
                ended, running = race.next(), 2
            while ended is not None:
                outcomes.append(ended.result())
                running -= 1
                answered = not isinstance(outcomes[-1][1], Failure)
                ended = None if answered or not running else race.next()
        finally:
            both.cancel()
        return outcomes

    def _tell(self, option: Option, reasons: Sequence[str]) -> None:
        """Say in the log that a fallback is asked; again when that, or a reason, changes."""
        text = f"{option.label} is asked as a fallback ({'; '.join(reasons) or 'there is nobody else'})"
        if self._candidates.health.news(text):
            _log.warning("router: %s", text)

    def _why(self, option: Option) -> str:
        if self.first is None:
            return self._candidates.why(option)
        return "as before" if option.place == self.first.place else f"with the same noise as {self.first.label}"


def _may_be_hedged(request: Request, option: Option) -> bool:
    return option.capabilities is not None and may_be_asked_twice(request, option.backend, option.capabilities)


def _reasons(options: Iterable[Option]) -> list[str]:
    return [f"{option.label}: {reason}" for option in options for reason in option.reasons]


def routed(answer: T, route: Sequence[str]) -> T:
    """An answer that also tells how it was come to."""
    provenance: Provenance = answer.provenance
    return replace(answer, provenance=replace(provenance, route=(*route, *provenance.route)))
