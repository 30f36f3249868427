"""Who would be asked for a request, and why: a table to look at."""

from dataclasses import dataclass, field

from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.noise import Noise
from hqdist.execution.routing.breaker import BreakerState


@dataclass(frozen=True, kw_only=True)
class Option:
    """One candidate of a router for one request.

    Attributes:
        label: Its name, with its place if others have the same.
        place: Where it stands among the router's candidates, from 0; fallbacks come after the regular ones.
        backend: It.
        fallback: Whether it is asked only where no regular candidate answers.
        capabilities: Its capabilities; None if it has never been able to tell them.
        violations: Every reason why it does not take the request.
        unready: Why it takes nothing now; None if it does.
        breaker: The state of its circuit breaker.
        figure: Its figure under the policy; None if that is unknown or it does not take the request.
    """

    label: str
    place: int
    backend: Backend = field(repr=False)
    fallback: bool
    capabilities: Capabilities | None = field(repr=False)
    violations: tuple[str, ...]
    unready: str | None
    breaker: BreakerState
    figure: float | None = None

    @property
    def takes(self) -> bool:
        """Whether it takes the request, as far as it could tell, now or later."""
        return self.capabilities is not None and not self.violations

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason why it is not asked now; none if it would be."""
        found = tuple(f"passed over: {violation}" for violation in self.violations)
        return found if self.unready is None else (*found, f"not ready: {self.unready}")

    @property
    def noise(self) -> Noise | None:
        """The noise that it declares."""
        return None if self.capabilities is None else self.capabilities.noise


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Who would be asked for a request now; printed, it is a table.

    Attributes:
        policy: By which the candidates are ranked.
        unit: Of its figures.
        options: All candidates: first those that would be asked, in their order, then the others.
    """

    policy: str
    unit: str
    options: tuple[Option, ...]

    @property
    def first(self) -> str | None:
        """Label of the candidate that would be asked first; None if there is none."""
        return next((option.label for option in self.options if not option.reasons), None)

    def __str__(self) -> str:
        rows = [("", "candidate", self.unit or self.policy, "breaker", "takes the request")]
        for number, option in enumerate(self.options, start=1):
            figure = "" if not option.takes else "unknown" if option.figure is None else f"{option.figure:.4g}"
            turn = "-" if option.reasons else str(number)
            label = f"{option.label} (fallback)" if option.fallback else option.label
            answer, *more = _answer(option)
            rows.append((turn, label, figure, option.breaker, answer))
            rows += [("", "", "", "", reason) for reason in more]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, f"by {self.policy}, asked first: {self.first or 'nobody'}"])


def _answer(option: Option) -> tuple[str, ...]:
    if option.violations:
        return tuple(f"no: {violation}" for violation in option.violations)
    answer = "unknown" if option.capabilities is None else "yes"
    return (answer if option.unready is None else f"{answer}; not ready: {option.unready}",)
