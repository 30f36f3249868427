"""In which order the candidates that take a request are asked."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hqdist.errors import ConfigurationError
from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.noise import Noise
from hqdist.execution.request import Request
from hqdist.execution.routing.fidelity import fidelity
from hqdist.program.checks import real, shown


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of a router's backends, as a policy sees it.

    Attributes:
        backend: It.
        place: Where it stands among the router's backends, from 0.
        capabilities: Its capabilities.
        seconds_per_row: What a row of programs of the request's size takes there, as measured in this process; None if
            it has not been measured, or not lately.
    """

    backend: Backend
    place: int
    capabilities: Capabilities
    seconds_per_row: float | None = None


class Policy(ABC):
    """Gives each candidate a figure, and says which figures come first."""

    name: ClassVar[str]

    #: Of the figure.
    unit: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """What it is called in decisions."""
        return self.name

    @abstractmethod
    def figure(self, candidate: Candidate, request: Request) -> float | None:
        """A candidate's figure for a request; None if it is unknown."""

    def key(self, figure: float | None) -> float:
        """What candidates are sorted by: the smallest is asked first, equal ones in the order given."""
        return math.inf if figure is None else figure


@dataclass(frozen=True)
class Order(Policy):
    """In the order given."""

    name: ClassVar[str] = "order"
    unit: ClassVar[str] = "place"

    def figure(self, candidate: Candidate, request: Request) -> float:
        """Its place, from 1."""
        return candidate.place + 1


@dataclass(frozen=True)
class Latency(Policy):
    """The fastest first, as measured in this process; what has not been measured is tried before, to be measured."""

    name: ClassVar[str] = "latency"
    unit: ClassVar[str] = "s/row"

    def figure(self, candidate: Candidate, request: Request) -> float | None:
        """Seconds for each row."""
        return candidate.seconds_per_row

    def key(self, figure: float | None) -> float:
        """The figure; unknown ones first."""
        return -math.inf if figure is None else figure


@dataclass(frozen=True)
class Cost(Policy):
    """The cheapest first; what is free before all that is not."""

    name: ClassVar[str] = "cost"
    unit: ClassVar[str] = "credits"

    def figure(self, candidate: Candidate, request: Request) -> float:
        """The credits that the request takes as one job."""
        price = candidate.capabilities.price
        return 0.0 if price is None else price.per_shot * request.total_shots + price.per_job


@dataclass(frozen=True)
class Fidelity(Policy):
    """The most faithful first; see `hqdist.execution.routing.fidelity`."""

    name: ClassVar[str] = "fidelity"
    unit: ClassVar[str] = "fidelity"

    def figure(self, candidate: Candidate, request: Request) -> float | None:
        """The probability that nothing goes wrong; unknown for what charges and names no imperfection."""
        noise = candidate.capabilities.noise or Noise()
        if candidate.capabilities.price is not None and noise == Noise():
            return None
        return fidelity(noise, request.program)

    def key(self, figure: float | None) -> float:
        """The largest figure first; unknown ones last."""
        return math.inf if figure is None else -figure


@dataclass(frozen=True)
class Custom(Policy):
    """A user's own figure, smallest first.

    Attributes:
        function: Gives it; None where it is unknown, which comes last.
    """

    name: ClassVar[str] = "custom"

    function: Callable[[Candidate, Request], float | None]

    @property
    def label(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", self.name)

    def figure(self, candidate: Candidate, request: Request) -> float | None:
        """What the function gives.

        Raises:
            ConfigurationError: If it is no finite number.
        """
        found = self.function(candidate, request)
        return None if found is None else real(found, f"the figure of policy {self.label}", error=ConfigurationError)


PolicyLike = Policy | str | Callable[[Candidate, Request], float | None]

_POLICIES: dict[str, type[Policy]] = {kind.name: kind for kind in (Order, Latency, Cost, Fidelity)}


def as_policy(given: PolicyLike) -> Policy:
    """The policy that a name or a function stands for.

    Raises:
        ConfigurationError: If it is neither.
    """
    if isinstance(given, Policy):
        return given
    if isinstance(given, str) and given in _POLICIES:
        return _POLICIES[given]()
    if callable(given):
        return Custom(given)
    raise ConfigurationError(
        f"a policy is one of {', '.join(_POLICIES)}, a Policy, or a function of a candidate and a request, "
        f"got {shown(given)}"
    )
