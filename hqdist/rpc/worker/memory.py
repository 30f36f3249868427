"""The memory of a process that is a worker and nothing else."""

import ctypes
import platform

#: Of glibc's mallopt; see malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

#: Bytes below which freed memory is kept at hand, and the largest block that comes from such memory.
_KEPT, _LARGEST = 2**28, 2**25


def keep_freed_memory() -> None:
    """Keep some of the memory of a reply that was sent for the next one.

    By default glibc hands megabytes back to the system as soon as they are freed, and the system has to fill them with
    zeros again, page by page, for the next reply: at replies of megabytes that takes longer than everything else.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
