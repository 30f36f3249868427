"""Spreads work over threads.

Numba's own parallel loops abort when two Python threads enter them at once. The kernels are plain functions
that release the interpreter lock instead, and a pool of Python threads runs them.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist_exact._scratch import scratch

_WORTH_A_THREAD = 500_000
"""Multiply-adds below which waking another thread takes longer than it saves."""


def in_parallel(run: Callable[[int, int], None], units: int, work: int) -> None:
    """Calls run(first, last) for consecutive ranges until all units are done.

    Uses as many threads as torch does (`torch.get_num_threads`), the caller's among them; fewer for little
    work. Which thread takes a unit must not change its result.

    Args:
        run: does the units from first to last - 1, and releases the interpreter lock.
        units: how many there are.
        work: complex multiply-adds of one unit.
    """
    threads = torch.get_num_threads()
    parts = min(units, threads, max(1, units * work // _WORTH_A_THREAD))
    bounds = [units * part // max(parts, 1) for part in range(parts + 1)]
    others = [_pool(os.getpid(), threads).submit(run, bounds[i], bounds[i + 1]) for i in range(1, parts)]
    if parts:
        run(0, bounds[1])
    for other in others:
        other.result()


class Divided(Protocol):
    """How a kernel divides a buffer."""

    @property
    def rows(self) -> int:
        """Rows in all."""


def run_tiles(
    kernel: Callable[..., None],
    V: NDArray[Any],
    layout: Divided,
    multiply_adds: int,
    arguments: tuple[Any, ...],
) -> None:
    """Calls kernel(flat V, first tile, last tile, scratch, layout, *arguments) until all tiles are computed.

    Args:
        kernel: a compiled function that releases the interpreter lock.
        V: (tiles, n, m, 2, L).
        layout: of the scratch that every call gets its own piece of.
        multiply_adds: complex ones per sample, to weigh the work.
        arguments: what the kernel takes besides.
    """
    flat = np.ascontiguousarray(V).reshape(-1)

    def run(first: int, last: int) -> None:
        kernel(flat, first, last, scratch(layout.rows, V.dtype), layout, *arguments)

    in_parallel(run, len(V), V.shape[-1] * multiply_adds)


@lru_cache(maxsize=4)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads do not survive a fork, so a pool belongs to a process."""
    return ThreadPoolExecutor(threads, thread_name_prefix="hqdist-exact")
