"""Whether a worker takes requests: it starts, serves, is about to end, or has a backend that fails."""

import asyncio
import logging
import time

from hqdist.errors import HqdistError, PlatformUnavailableError
from hqdist.execution.routing.breaker import BreakerState, Circuit, CircuitBreaker
from hqdist.rpc.health import Health
from hqdist.rpc.worker.work import AbandonedError

_log = logging.getLogger("hqdist.worker")

#: After so many failures in a row requests are turned away; after so many seconds, the next one is tried again.
_BREAKER = CircuitBreaker(failures=3, cool_off=1.0, longest=10.0)


class NotServingError(Exception):
    """The worker takes nothing new, because it is about to end or its backend fails: another one should be asked."""


class Condition:
    """What a worker's health service tells, and what decides whether a request is let in. Used from one event loop.

    A backend fails if it raises what is not an error of ours, or if its platform cannot be reached. Other errors say
    that a request was wrong, and nothing of the backend.
    """

    def __init__(self, health: Health) -> None:
        """Begin as a worker that starts."""
        self._health = health
        self._ending: str | None = None
        self._circuit = Circuit()
        self._failure = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def failing(self) -> bool:
        """Whether the backend has failed of late, and has not been seen to work since."""
        return self._circuit.state is not BreakerState.CLOSED

    def serve(self) -> None:
        """Take requests from now on."""
        self._tell(None)

    def end(self) -> None:
        """Take nothing new from now on."""
        self._ending = "the worker is about to end"
        self._tell("draining")

    def admit(self) -> int:
        """Let a request in; what is returned goes to `ended` with its outcome.

        Raises:
            NotServingError: If nothing is let in now.
        """
        if self._ending is not None:
            raise NotServingError(self._ending)
        circuit = self._circuit.admitted(time.monotonic())
        if circuit is None:
            raise NotServingError(f"the worker's backend fails: {self._failure}")
        self._circuit = circuit
        return circuit.generation

    def ended(self, generation: int, outcome: object) -> None:
        """A request that was let in has ended, with a reply or an exception."""
        failing = self.failing
        if not isinstance(outcome, BaseException):
            self._circuit = self._circuit.succeeded(generation)
        elif isinstance(outcome, PlatformUnavailableError) or _is_unexpected(outcome):
            self._failure = f"{type(outcome).__name__}: {outcome}"[:500]
            self._circuit = self._circuit.failed(generation, time.monotonic(), _BREAKER)
        else:
            self._circuit = self._circuit.released(generation)
        if self._ending is None and self.failing != failing:
            if self.failing:
                _log.error("the backend fails, nothing is taken for a while: %s", self._failure)
            else:
                _log.info("the backend works again")
            self._tell(self._failure if self.failing else None)

    def _tell(self, reason: str | None) -> None:
        task = asyncio.get_running_loop().create_task(self._health.set(reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_unexpected(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, HqdistError | AbandonedError)
