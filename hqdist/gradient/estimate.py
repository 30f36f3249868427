"""What evaluating and differentiating will cost, said before anything is spent."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from hqdist.execution import Backend, Request
from hqdist.gradient.method import Cost, GradientMethod, Wanted


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What some quantum evaluations take of their backends, forward and backward.

    Estimates add, and multiply by whole numbers; `str` tells them in a line.

    Attributes:
        backends: Names of the backends.
        gradients: Names of the gradient methods; none where nothing is differentiated.
        forward: What the values take.
        backward: What the derivatives take beyond that.
        forward_credits: The price of `forward`, in the providers' credits; 0 where backends are free.
        backward_credits: The price of `backward`.
    """

    backends: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    forward: Cost = field(default_factory=Cost)
    backward: Cost = field(default_factory=Cost)
    forward_credits: float = 0.0
    backward_credits: float = 0.0

    @property
    def total(self) -> Cost:
        """Forward and backward together."""
        return self.forward + self.backward

    @property
    def credits(self) -> float:
        """The price of both, in credits."""
        return self.forward_credits + self.backward_credits

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            backends=tuple(dict.fromkeys(self.backends + other.backends)),
            gradients=tuple(dict.fromkeys(self.gradients + other.gradients)),
            forward=self.forward + other.forward,
            backward=self.backward + other.backward,
            forward_credits=self.forward_credits + other.forward_credits,
            backward_credits=self.backward_credits + other.backward_credits,
        )

    def __mul__(self, times: int) -> "Estimate":
        return Estimate(
            backends=self.backends,
            gradients=self.gradients,
            forward=self.forward * times,
            backward=self.backward * times,
            forward_credits=self.forward_credits * times,
            backward_credits=self.backward_credits * times,
        )

    def __str__(self) -> str:
        forward, backward = self.forward, self.backward
        parts = [_sum("evaluations", forward.evaluations, backward.evaluations)]
        if self.total.shots:
            parts.append(_sum("shots", forward.shots, backward.shots))
        parts.append(_sum("backend calls", forward.calls, backward.calls))
        if self.credits:
            parts.append(_sum("credits", self.forward_credits, self.backward_credits))
        who = ", ".join(self.backends) or "no backend"
        how = f" differentiated by {', '.join(self.gradients)}" if self.gradients else ""
        return f"{who}{how}: {'; '.join(parts)}"


def estimate_request(backend: Backend, request: Request, method: GradientMethod | None, wanted: Wanted) -> Estimate:
    """What a request takes, and its derivatives by a method if there is one; nothing is evaluated.

    Raises:
        GradientError: If the method cannot differentiate the request.
    """
    forward = Cost(evaluations=request.batch, shots=request.total_shots, calls=1)
    backward = Cost() if method is None else method.cost(backend, request, wanted)
    return Estimate(
        backends=(backend.name,),
        gradients=() if method is None else (method.name,),
        forward=forward,
        backward=backward,
        forward_credits=_price(backend, forward),
        backward_credits=_price(backend, backward),
    )


_estimates: ContextVar[list[Estimate] | None] = ContextVar("hqdist_estimates", default=None)


@contextmanager
def estimating() -> Iterator[list[Estimate]]:
    """Within this context (in this thread) quantum evaluations give zeros, and are estimated instead of made."""
    found: list[Estimate] = []
    token = _estimates.set(found)
    try:
        yield found
    finally:
        _estimates.reset(token)


def estimates_wanted() -> list[Estimate] | None:
    """Where `estimating` collects; None outside of it."""
    return _estimates.get()


def _price(backend: Backend, cost: Cost) -> float:
    price = backend.capabilities.price
    return 0.0 if price is None else price.per_shot * cost.shots + price.per_job * cost.calls


def _sum(what: str, forward: float, backward: float) -> str:
    return f"{forward + backward:,.10g} {what}" + (f" ({backward:,.10g} of them for derivatives)" if backward else "")
