"""The router: a backend over several backends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, cast

import torch

from hqdist.errors import ConfigurationError
from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.job import Job
from hqdist.execution.options import as_value
from hqdist.execution.registry import BackendLike
from hqdist.execution.registry import backend as make_backend
from hqdist.execution.request import Request
from hqdist.execution.result import Cotangents, Result
from hqdist.execution.routing.breaker import CircuitBreaker
from hqdist.execution.routing.call import Call
from hqdist.execution.routing.candidates import Candidates
from hqdist.execution.routing.decision import Decision
from hqdist.execution.routing.policy import Policy, PolicyLike, as_policy
from hqdist.program.checks import listed, seconds, whole


@dataclass(frozen=True)
class Router(Backend):
    """Gives each request to one of several backends: one that takes it, is ready, and comes first by a policy.

    Where that one turns out to be unavailable, the next is asked; only errors of `FAILS_OVER` lead there, and only
    where nothing can be paid for twice. Each backend has a circuit breaker. See docs/router.md.

    The evaluations of one call of a layer fit together: who answers first answers the rest, the derivatives included,
    or else a backend that declares the same noise. A request whose takers are partly ideal and partly noisy is refused,
    because their values are different answers.

    Its capabilities are those of all backends and fallbacks together, and whether a request is taken is for `check` to
    say: one backend has to take all of it. Of adjoint gradients, they say whether one of `backends` offers them; then
    requests that are differentiated so go only to those that do. Of noise, they say the worst of each imperfection that
    one of `backends` declares, so that the shift rule shifts far enough. Prices are the highest, so that estimates are
    upper bounds.

    Attributes:
        backends: Whatever `hqdist.backend` takes, each.
        policy: ``"order"``, ``"latency"``, ``"cost"``, ``"fidelity"``, a `Policy`, or a function of a `Candidate` and a
            request that gives a figure, smallest first.
        fallback: Backends that are asked, in this order, only where none of `backends` answers; the log tells.
        shots: Shots for each sample where a layer names none; None for what all backends agree on, and exact values
            where they do not.
        breaker: When a backend that fails is left alone, or a table of it.
        hedge_after: Seconds after which an exact request that costs nothing is sent to a second backend with the same
            noise as well; the first answer counts. None for never.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "router"

    backends: Sequence[BackendLike]
    policy: PolicyLike = "order"
    _: KW_ONLY
    fallback: Sequence[BackendLike] = ()
    shots: int | None = None
    breaker: CircuitBreaker | Mapping[str, Any] | None = None
    hedge_after: float | None = None

    def __post_init__(self) -> None:
        for option in ("backends", "fallback"):
            object.__setattr__(self, option, _made(getattr(self, option), option))
        if not self.backends:
            raise ConfigurationError('a router has at least one backend, such as backends = ["exact"]')
        object.__setattr__(self, "policy", as_policy(self.policy))
        breaker = as_value(CircuitBreaker, self.breaker, "breaker") or CircuitBreaker()
        object.__setattr__(self, "breaker", breaker)
        if self.shots is not None:
            object.__setattr__(self, "shots", whole(self.shots, "shots", least=1, error=ConfigurationError))
        else:
            agreed = {backend.shots for backend in self.regular}
            object.__setattr__(self, "shots", agreed.pop() if len(agreed) == 1 else None)
        if self.hedge_after is not None:
            object.__setattr__(self, "hedge_after", seconds(self.hedge_after, "hedge_after", zero=True))

    @property
    def _candidates(self) -> Candidates:
        return Candidates(self.regular, self.fallbacks, self.ranking, self.circuit_breaker)

    @property
    def _call(self) -> Call:
        return Call(self._candidates, hedge_after=self.hedge_after, shots=self.shots)

    @property
    def regular(self) -> tuple[Backend, ...]:
        """`backends`, made."""
        return cast(tuple[Backend, ...], self.backends)

    @property
    def fallbacks(self) -> tuple[Backend, ...]:
        """`fallback`, made."""
        return cast(tuple[Backend, ...], self.fallback)

    @property
    def ranking(self) -> Policy:
        """`policy`, made."""
        return cast(Policy, self.policy)

    @property
    def circuit_breaker(self) -> CircuitBreaker:
        """`breaker`, made."""
        return cast(CircuitBreaker, self.breaker)

    @property
    def capabilities(self) -> Capabilities:
        """Those of all backends and fallbacks together; see the class.

        Raises:
            NoBackendError: If none of them can tell.
        """
        return self._candidates.together()

    def check(self, request: Request) -> None:
        """See that a backend takes a request, all of it.

        Raises:
            CapabilityError: Naming every violation of every backend; not where one cannot tell now what it can do.
            ConfigurationError: If some that take it are ideal, and some are not.
        """
        self._call.check(request)

    def violations(self, request: Request) -> list[str]:
        """Every reason of every backend, if none takes the request."""
        return self._call.violations(request)

    def not_ready(self) -> str | None:
        """Why no backend is ready; None if one is."""
        return self._candidates.not_ready()

    def evaluate(self, request: Request) -> Result:
        """Evaluate at the first backend that answers.

        Raises:
            CapabilityError: If none takes the request.
            NoBackendError: If none of those that take it is available, with the reasons of each.
            ConfigurationError: If some that take it are ideal, and some are not.
            HqdistError: What a backend raises and is not in `FAILS_OVER`.
        """
        return self._call.evaluate(request)

    def submit(self, request: Request) -> Job:
        """Start evaluating at once; cancelling cancels the job of whichever backend works on it."""
        return self._call.submit(request)

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product, from the first backend that takes the request and offers adjoint gradients."""
        return self._call.vjp(request, cotangent)

    def evaluate_with_vjp(self, request: Request) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate, and differentiate where that was done, or at a backend with the same noise."""
        return self._call.evaluate_with_vjp(request)

    def for_one_call(self) -> Backend:
        """A router that stays with whichever backend answers first."""
        return self._call

    def explain(self, request: Request) -> Decision:
        """Who would be asked for a request now, and why; nothing is submitted."""
        return self._candidates.decision(request)


def _made(specs: Sequence[BackendLike], option: str) -> tuple[Backend, ...]:
    if isinstance(specs, Mapping):
        raise ConfigurationError(f"{option} is a list of backends, got one table; write it in brackets")
    made = tuple(make_backend(spec) for spec in listed(specs, option, error=ConfigurationError))
    for backend in made:
        try:
            hash(backend)
        except TypeError:
            raise ConfigurationError(
                f"backend {backend.name!r} has no hash, by which a router remembers it; make it a frozen dataclass"
            ) from None
    return made
