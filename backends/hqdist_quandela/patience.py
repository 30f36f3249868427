"""How long one call waits, how often it looks, and how it is told to stop."""

import threading
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, field

from hqdist.errors import DeadlineError

#: Each wait is this much longer than the one before.
_GROWTH = 1.5

#: Longest wait between two looks, in first waits.
_LONGEST = 30


@dataclass(eq=False)
class Patience:
    """The waiting of one call.

    Attributes:
        seconds: Until the deadline; None for none.
        first_wait: Seconds until the first look.
        stop: Set to end the call early.
    """

    seconds: float | None
    first_wait: float
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._start = time.monotonic()
        self._wait = self.first_wait

    def pause(self, what: str) -> None:
        """Wait, longer each time.

        Raises:
            DeadlineError: If the deadline has passed; `what` says what was waited for.
            concurrent.futures.CancelledError: If the call was told to stop.
        """
        wait = self._wait
        if self.seconds is not None:
            left = self.seconds - (time.monotonic() - self._start)
            if left <= 0:
                raise DeadlineError(
                    f"{what} took longer than timeout={self.seconds:g} seconds; it goes on at the provider, and the "
                    "same request takes it up again at no further cost"
                )
            wait = min(wait, left)
        if self.stop.wait(wait):
            raise CancelledError(f"{what} was cancelled")
        self._wait = min(self._wait * _GROWTH, self.first_wait * _LONGEST)

    def refresh(self) -> None:
        """Look often again: something has happened."""
        self._wait = self.first_wait
