"""Which worker gets the next part of a request: the one with the least work under way. No clock, no sockets."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

#: Seconds for which a worker that failed once is left alone, and at most after it failed again and again.
_COOL_OFF, _LONGEST = 0.1, 5.0


@dataclass
class _Load:
    rows: int = 0
    failures: int = 0
    down_until: float = -math.inf


class Balance:
    """The work that this process has given to each worker. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._loads: dict[str, _Load] = {}
        self._turn = 0

    def pick(self, addresses: Iterable[str], now: float, busy: Collection[str] = ()) -> str | None:
        """The worker to give work to: that with the fewest rows under way of those that have not just failed.

        Args:
            addresses: Workers that may take it.
            now: The time.
            busy: Workers that should get no more.

        Returns:
            None if there is none now.
        """
        able = [a for a in addresses if a not in busy and self._load(a).down_until <= now]
        if not able:
            return None
        self._turn += 1  # among equals, take turns
        turn = self._turn % len(able)
        return min(able[turn:] + able[:turn], key=lambda a: self._load(a).rows)

    def next_up(self, addresses: Iterable[str]) -> float:
        """When the first of the workers that have failed may be tried again; infinity if there are no workers."""
        return min((self._load(address).down_until for address in addresses), default=math.inf)

    def given(self, address: str, rows: int) -> None:
        """A worker was sent so many rows."""
        self._load(address).rows += rows

    def ended(self, address: str, rows: int) -> None:
        """It has answered, or never will."""
        self._load(address).rows -= rows

    def worked(self, address: str) -> None:
        """A worker has answered."""
        self._load(address).failures = 0

    def failed(self, address: str, now: float, least: float = 0.0) -> None:
        """A worker could not be reached, or asked to be left alone for some seconds at least."""
        load = self._load(address)
        pause = min(_LONGEST, _COOL_OFF * 2**load.failures)
        load.failures = min(load.failures + 1, 10)
        load.down_until = now + max(pause, least)

    def _load(self, address: str) -> _Load:
        return self._loads.setdefault(address, _Load())
