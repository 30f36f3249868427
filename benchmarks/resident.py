"""How much memory a call adds, at its peak, to what this process holds."""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_bytes(call: Callable[[], object]) -> int:
    """Bytes of resident memory at the peak of a call, beyond what was resident before; where there is /proc."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # memory that was freed but kept would hide a part of the call's
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = _kibibytes("VmRSS")
    call()
    return 1024 * (_kibibytes("VmHWM") - before)


def _kibibytes(field: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field))
