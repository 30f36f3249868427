"""What a process knows of a router's candidates from asking them."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic

from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.request import Request
from hqdist.execution.routing.breaker import BreakerState, Circuit, CircuitBreaker

#: How much the latest measurement counts in a mean of seconds.
WEIGHT = 0.3

#: Seconds for which a measurement counts: what was slow then may not be now, and would never be tried again.
FRESH_SECONDS = 600.0


@dataclass(frozen=True)
class _Mean:
    seconds: float | None
    at: float


class Health:
    """Breakers, latencies and capabilities of a router's candidates, which are named by their places.

    It belongs to a process: pickled and copied routers start with what the process knows of equal ones.
    """

    def __init__(self, candidates: int, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._lock = threading.Lock()
        self._circuits = [Circuit() for _ in range(candidates)]
        self._errors = [""] * candidates
        self._capabilities: list[Capabilities | None] = [None] * candidates
        self._means: dict[tuple[int, tuple[int, int, bool]], _Mean] = {}
        self._said = ""

    def state(self, place: int) -> BreakerState:
        """The state of a candidate's breaker now."""
        with self._lock:
            return self._circuits[place].state_at(monotonic())

    def generation(self, place: int) -> int:
        """The generation of a candidate's circuit, for `failed`."""
        with self._lock:
            return self._circuits[place].generation

    def last_error(self, place: int) -> str:
        """The last failure of a candidate, in words."""
        with self._lock:
            return self._errors[place]

    def admit(self, place: int) -> int | None:
        """The generation of a call that is let through; None if none is."""
        with self._lock:
            circuit = self._circuits[place].admitted(monotonic())
            if circuit is None:
                return None
            self._circuits[place] = circuit
            return circuit.generation

    def succeeded(self, place: int, generation: int) -> None:
        """A call has given what it should."""
        with self._lock:
            self._circuits[place] = self._circuits[place].succeeded(generation)

    def failed(self, place: int, generation: int, error: str) -> None:
        """A call has found the candidate unavailable."""
        with self._lock:
            self._circuits[place] = self._circuits[place].failed(generation, monotonic(), self._breaker)
            self._errors[place] = error

    def released(self, place: int, generation: int) -> None:
        """A call has ended in a way that tells nothing of the candidate."""
        with self._lock:
            self._circuits[place] = self._circuits[place].released(generation)

    def known(self, place: int) -> Capabilities | None:
        """The capabilities that a candidate had when it last told them."""
        with self._lock:
            return self._capabilities[place]

    def learn(self, place: int, capabilities: Capabilities) -> None:
        """Remember a candidate's capabilities for when it cannot tell them."""
        with self._lock:
            self._capabilities[place] = capabilities

    def measured(self, place: int, request: Request, seconds: float, *, at_least: bool = False) -> None:
        """A request took so long. The first of its size is not counted: it connects and compiles.

        Args:
            place: Who evaluated it.
            request: What.
            seconds: How long that took.
            at_least: Whether it was given up after that time, so that the mean cannot sink.
        """
        with self._lock:
            key, each, now = (place, _size(request)), seconds / max(1, request.batch), monotonic()
            before = self._means.get(key)
            if before is None:
                self._means[key] = _Mean(None, now)
            elif before.seconds is None or now - before.at > FRESH_SECONDS:
                self._means[key] = _Mean(each, now)
            elif not at_least or each > before.seconds:
                self._means[key] = _Mean(before.seconds + WEIGHT * (each - before.seconds), now)

    def seconds_per_row(self, place: int, request: Request) -> float | None:
        """The exponentially weighted mean for programs of the request's size; None if there is none of late."""
        with self._lock:
            mean = self._means.get((place, _size(request)))
            return None if mean is None or monotonic() - mean.at > FRESH_SECONDS else mean.seconds

    def news(self, text: str) -> bool:
        """Whether this is not what was said last; then it is from now on."""
        with self._lock:
            new, self._said = text != self._said, text
            return new


def _size(request: Request) -> tuple[int, int, bool]:
    """What decides how long a row takes, roughly: modes, photons, and whether there are shots."""
    return request.program.modes, request.program.photons, request.shots is not None


_lock = threading.Lock()


def health_of(candidates: tuple[Backend, ...], breaker: CircuitBreaker) -> Health:
    """What this process knows of some candidates; one for all routers with equal ones."""
    with _lock:  # two threads at once would make two
        return _health(candidates, breaker)


@lru_cache(maxsize=64)
def _health(candidates: tuple[Backend, ...], breaker: CircuitBreaker) -> Health:
    return Health(len(candidates), breaker)
