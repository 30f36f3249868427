"""When a candidate that fails is left alone, and when it is tried again: a state machine without a clock."""

from dataclasses import dataclass, replace
from enum import StrEnum

from hqdist.errors import ConfigurationError
from hqdist.program.checks import seconds, whole


class BreakerState(StrEnum):
    """Whether calls go through.

    CLOSED: all of them. OPEN: none, until the cool-off is over. HALF_OPEN: the next one, as a probe. PROBING: none,
    while that one is under way.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    PROBING = "probing"


@dataclass(frozen=True, kw_only=True)
class CircuitBreaker:
    """When a candidate of a router is left alone.

    Attributes:
        failures: Failures in a row after which it is.
        cool_off: For how many seconds, the first time; each probe that fails doubles it.
        longest: Most seconds.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    failures: int = 3
    cool_off: float = 10.0
    longest: float = 600.0

    def __post_init__(self) -> None:
        failures = whole(self.failures, "the breaker's failures", least=1, error=ConfigurationError)
        object.__setattr__(self, "failures", failures)
        for option in ("cool_off", "longest"):
            object.__setattr__(self, option, seconds(getattr(self, option), f"the breaker's {option}"))
        if self.longest < self.cool_off:
            raise ConfigurationError(
                f"the breaker's longest cool-off, {self.longest:g} s, is shorter than its first, {self.cool_off:g} s"
            )


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """Where the breaker of one candidate is. Nothing here changes: each event gives another circuit.

    A call that is admitted notes the generation, and gives it back with its outcome. Whenever the circuit opens or
    closes, another generation begins, and calls of an earlier one have no say any more.

    Attributes:
        state: As of the last event; see `state_at`.
        failures: Failures in a row while closed.
        generation: How often it has opened or closed.
        cool_off: How long the current or last opening lasts, in seconds.
        until: When it is over, by the caller's clock, in seconds.
    """

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    generation: int = 0
    cool_off: float = 0.0
    until: float = 0.0

    def state_at(self, now: float) -> BreakerState:
        """The state at a time: an open circuit becomes half-open when its cool-off is over."""
        over = self.state is BreakerState.OPEN and now >= self.until
        return BreakerState.HALF_OPEN if over else self.state

    def admitted(self, now: float) -> "Circuit | None":
        """The circuit once a call is let through; None if none is."""
        match self.state_at(now):
            case BreakerState.CLOSED:
                return self
            case BreakerState.HALF_OPEN:
                return replace(self, state=BreakerState.PROBING)
            case _:
                return None

    def succeeded(self, generation: int) -> "Circuit":
        """The circuit after the success of a call of this generation."""
        if generation != self.generation:
            return self
        begun = generation if self.state is BreakerState.CLOSED else generation + 1
        return Circuit(generation=begun)

    def failed(self, generation: int, now: float, breaker: CircuitBreaker) -> "Circuit":
        """The circuit after the failure of a call of this generation, or of a question whether there may be one."""
        if generation != self.generation or self.state_at(now) is BreakerState.OPEN:
            return self
        closed = self.state is BreakerState.CLOSED
        if closed and self.failures + 1 < breaker.failures:
            return replace(self, failures=self.failures + 1)
        cool_off = breaker.cool_off if closed else min(2 * self.cool_off, breaker.longest)
        return Circuit(
            state=BreakerState.OPEN,
            failures=self.failures + 1,
            generation=generation + 1,
            cool_off=cool_off,
            until=now + cool_off,
        )

    def released(self, generation: int) -> "Circuit":
        """The circuit after a call of this generation that tells nothing: cancelled, or refused for its content."""
        probe = generation == self.generation and self.state is BreakerState.PROBING
        return replace(self, state=BreakerState.HALF_OPEN) if probe else self
