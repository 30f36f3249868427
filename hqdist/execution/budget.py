"""What may be spent on a platform, and what has been."""

import math
from dataclasses import dataclass, fields

from hqdist.errors import BudgetError, ConfigurationError
from hqdist.program.checks import real, shown

#: Ten jobs of 0.1 credits are 1 credit, though their sum in floating point may be a little more.
_ROUNDING = 1 + 1e-12


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What was spent on a platform, or would be.

    Attributes:
        shots: Shots of jobs that have ended, and those reserved by jobs that have not.
        credits: Credits, in the same way.
        jobs: Jobs.
        seconds: Time between submission and end of jobs, those under way included.
    """

    shots: int = 0
    credits: float = 0.0
    jobs: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(
            shots=self.shots + other.shots,
            credits=self.credits + other.credits,
            jobs=self.jobs + other.jobs,
            seconds=self.seconds + other.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be spent on a platform, as a ledger counts it; None for no limit.

    It is checked before anything is submitted, against all that the ledger knows of the platform, whoever spent it.

    Attributes:
        shots: Most shots.
        credits: Most credits.
        jobs: Most jobs.
        seconds: Wall time of jobs after which no other is submitted; one that is under way is not interrupted.

    Raises:
        ConfigurationError: If a limit is not a number from 0, or shots or jobs are not whole.
    """

    shots: int | None = None
    credits: float | None = None
    jobs: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is None:
                continue
            number = real(limit, f"the budget's {field.name}", error=ConfigurationError)
            whole = field.name in ("shots", "jobs")
            if not 0 <= number < math.inf or (whole and number != int(number)):
                kind = "a whole number" if whole else "a number"
                raise ConfigurationError(f"the budget's {field.name} are {kind} from 0, got {shown(limit)}")
            object.__setattr__(self, field.name, int(number) if whole else number)

    def left(self, spent: Spending) -> dict[str, float]:
        """What may still be spent, for each limit there is; not negative.

        Args:
            spent: What was spent and is reserved.
        """
        limits = {field.name: getattr(self, field.name) for field in fields(self)}
        return {unit: max(0.0, limit - getattr(spent, unit)) for unit, limit in limits.items() if limit is not None}

    def check(
        self, spent: Spending, reserved: Spending, wanted: Spending, platform: str, along: Spending | None = None
    ) -> None:
        """See that something may still be spent.

        Args:
            spent: What was spent and is reserved.
            reserved: The part of it that is reserved.
            wanted: What is to be spent in addition.
            platform: Where, for messages.
            along: What of it was reserved for the same purpose, which a message counts as asked for.

        Raises:
            BudgetError: If it would exceed a limit.
        """
        for field in fields(self):
            limit, before = getattr(self, field.name), getattr(spent, field.name)
            ours = 0 if along is None else getattr(along, field.name)
            more = getattr(wanted, field.name)
            # How long a job will take is not known before, so that the time is used up only when it is.
            if limit is None or (before < limit if field.name == "seconds" else before + more <= limit * _ROUNDING):
                continue
            asked = f"{more + ours:,.10g} more are" if more else "more is"
            open_ = getattr(reserved, field.name) - ours
            raise BudgetError(
                f"the budget of {limit:,.10g} {field.name} on {platform} does not allow it: {before - ours:,.10g} are "
                f"spent or reserved ({open_:,.10g} of them by jobs that have not ended) and {asked} asked for; "
                "nothing was submitted. Raise the budget, ask for less, or see where it went: hqdist jobs list"
            )
