"""How busy other processes keep the machine meanwhile.

Time taken from one of several threads that wait for each other slows all of them, so that a busy machine hurts
contenders unequally: figures taken on one are worth nothing.
"""

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")
#: Cores kept busy by others up to which figures are trusted.
QUIET = 0.1


class OtherLoad:
    """Measures from when it is made until it is asked."""

    def __init__(self) -> None:
        self._start, self._others = time.perf_counter(), _others()

    def cores(self) -> float | None:
        """Cores that other processes kept busy on average; None where this cannot be known."""
        if self._others is None:
            return None
        elapsed = time.perf_counter() - self._start
        return round(max(0.0, (_others() or 0.0) - self._others) / elapsed, 2)


def _others() -> float | None:
    """Processor seconds that others, interrupts and the hypervisor took since the start of the machine."""
    if not _STAT.exists():
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, _STAT.read_text().split("\n")[0].split()[1:9])
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return busy - own.user - own.system - own.children_user - own.children_system
