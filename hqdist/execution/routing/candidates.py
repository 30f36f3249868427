"""A router's candidates: what each says to a request, and in which order they are asked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hqdist.errors import CapabilityError, ConfigurationError, NoBackendError
from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.request import Request
from hqdist.execution.routing.breaker import BreakerState, CircuitBreaker
from hqdist.execution.routing.decision import Decision, Option
from hqdist.execution.routing.failover import FAILS_OVER, in_words
from hqdist.execution.routing.health import health_of
from hqdist.execution.routing.policy import Candidate, Policy
from hqdist.execution.routing.union import union


class Candidates:
    """The backends and the fallbacks of a router, and what this process knows of them.

    Attributes:
        all: Backends, then fallbacks; they are named by their places in it.
        labels: Their names, numbered where several have the same.
        health: What is known of them.
    """

    def __init__(
        self, regular: tuple[Backend, ...], fallbacks: tuple[Backend, ...], policy: Policy, breaker: CircuitBreaker
    ) -> None:
        self.all = regular + fallbacks
        self.labels = _labels(self.all)
        self.health = health_of(self.all, breaker)
        self._regular = len(regular)
        self._policy = policy

    def together(self) -> Capabilities:
        """What they can do together.

        Raises:
            NoBackendError: If none of them can tell.
        """
        known = [self.capabilities(place) for place in range(len(self.all))]
        if not any(known):
            reasons = [f"{label}: {self.health.last_error(place)}" for place, label in enumerate(self.labels)]
            raise NoBackendError("no candidate of the router tells what it can do", reasons)
        regular, fallbacks = known[: self._regular], known[self._regular :]
        return union([can for can in regular if can], [can for can in fallbacks if can])

    def not_ready(self) -> str | None:
        """Why none is ready; None if one is."""
        reasons = []
        for place, (label, backend) in enumerate(zip(self.labels, self.all, strict=True)):
            opened = self.health.state(place) is BreakerState.OPEN
            why = f"circuit breaker open after {self.health.last_error(place)}" if opened else backend.not_ready()
            if why is None:
                return None
            reasons.append(f"{label}: {why}")
        return "; ".join(reasons)

    def decision(self, request: Request) -> Decision:
        """Who would be asked for a request now."""
        return Decision(policy=self._policy.label, unit=self._policy.unit, options=tuple(self.options(request)))

    def capabilities(self, place: int) -> Capabilities | None:
        """What a candidate can do, or could when it last told; None if it never has."""
        health = self.health
        if health.state(place) is BreakerState.OPEN:
            return health.known(place)
        generation = health.generation(place)
        try:
            health.learn(place, self.all[place].capabilities)
        except FAILS_OVER as error:
            health.failed(place, generation, in_words(error))
        return health.known(place)

    def takers(self, request: Request, *, adjoint: bool = False, first: Option | None = None) -> list[Option]:
        """What `options` gives, if there is anyone to ask.

        Raises:
            CapabilityError: If all can be asked what they can do, and none takes the request.
            ConfigurationError: If some backends that take it are ideal and some are not.
        """
        options = self.options(request, adjoint=adjoint, first=first)
        if not any(option.takes or option.capabilities is None for option in options):
            violations = [f"{option.label}: {reason}" for option in options for reason in option.violations]
            raise CapabilityError("router", violations)
        _see_that_values_are_alike([option for option in options if option.takes and not option.fallback])
        return options

    def options(self, request: Request, *, adjoint: bool = False, first: Option | None = None) -> list[Option]:
        """All candidates: first those that would be asked, in their order, then the others.

        Args:
            request: What for.
            adjoint: Whether they need to offer adjoint gradients.
            first: Who has answered before, so that others need the same noise.
        """

        def key(option: Option) -> tuple[bool, bool, bool, float, int]:
            other = first is None or option.place != first.place
            rank = 0.0 if option.fallback else self._policy.key(option.figure)  # fallbacks as they are given
            return bool(option.reasons), other, option.fallback, rank, option.place

        return sorted((self._option(place, request, adjoint, first) for place in range(len(self.all))), key=key)

    def why(self, option: Option) -> str:
        """Why it is the first to be asked."""
        if option.fallback:
            return "as a fallback"
        figure = "unknown" if option.figure is None else f"{option.figure:.4g}"
        return f"by {self._policy.label} ({self._policy.unit or 'figure'} {figure})"

    def _option(self, place: int, request: Request, adjoint: bool, first: Option | None) -> Option:
        backend = self.all[place]
        capabilities, violations, unready = self.capabilities(place), [], None
        if capabilities is None:
            unready = self.health.last_error(place)
        else:
            generation = self.health.generation(place)
            try:
                violations = list(backend.violations(request))
                unready = backend.not_ready()
            except FAILS_OVER as error:
                unready = in_words(error)
                self.health.failed(place, generation, unready)
            if adjoint and not capabilities.adjoint:
                violations.append("a derivative by adjoint, which it does not offer")
            if first is not None and capabilities.noise != first.noise:
                violations.append(f"other noise than {first.label}, whose values these must fit")
        breaker = self.health.state(place)
        if unready is None and breaker in (BreakerState.OPEN, BreakerState.PROBING):
            unready = f"circuit breaker {breaker} after {self.health.last_error(place)}"
        option = Option(
            label=self.labels[place],
            place=place,
            backend=backend,
            fallback=place >= self._regular,
            capabilities=capabilities,
            violations=tuple(violations),
            unready=unready,
            breaker=breaker,
        )
        return replace(option, figure=self._figure(option, request)) if option.takes else option

    def _figure(self, option: Option, request: Request) -> float | None:
        assert option.capabilities is not None
        candidate = Candidate(
            backend=option.backend,
            place=option.place,
            capabilities=option.capabilities,
            seconds_per_row=self.health.seconds_per_row(option.place, request),
        )
        return self._policy.figure(candidate, request)


def _see_that_values_are_alike(takers: Sequence[Option]) -> None:
    ideal = [option.label for option in takers if option.noise is None]
    if 0 < len(ideal) < len(takers):
        noisy = [option.label for option in takers if option.noise is not None]
        raise ConfigurationError(
            f"the router's backends {', '.join(ideal)} give ideal values and {', '.join(noisy)} those of a device with "
            "noise, which are different answers to the same request; give all of them noise, or move one kind to "
            "fallback"
        )


def _labels(candidates: Sequence[Backend]) -> list[str]:
    """Names, numbered where several candidates have the same."""
    often = Counter(backend.name for backend in candidates)
    seen: Counter[str] = Counter()
    labels = []
    for backend in candidates:
        seen[backend.name] += 1
        labels.append(f"{backend.name}#{seen[backend.name]}" if often[backend.name] > 1 else backend.name)
    return labels
