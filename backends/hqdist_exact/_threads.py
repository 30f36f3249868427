"""Spreads tiles over threads.

Numba's own parallel loops abort when two Python threads enter them at once, so the kernels are plain functions that
release the interpreter lock, and a pool of Python threads runs them.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_WORTH_A_THREAD = 500_000
"""Multiply-adds of whole tiles below which waking another thread takes longer than it saves."""


def run_tiles(kernel: Callable[..., None], V: NDArray[Any], arguments: tuple[Any, ...], multiply_adds: int) -> None:
    """Calls kernel(flat V, first tile, last tile, *arguments) until every tile has been computed.

    Uses as many threads as torch does (`torch.get_num_threads`), the caller's among them; fewer for little work.

    Args:
        kernel: a compiled function that releases the interpreter lock.
        V: (tiles, ...) numbers of all tiles.
        arguments: what the kernel takes besides.
        multiply_adds: work per sample, for weighing.
    """
    tiles, flat = len(V), np.ascontiguousarray(V).reshape(-1)
    if tiles == 0:
        return
    lanes = V.shape[-1]
    parts = max(1, min(tiles, torch.get_num_threads(), tiles * lanes * multiply_adds // _WORTH_A_THREAD))
    if parts == 1:
        kernel(flat, 0, tiles, *arguments)
        return
    bounds = [tiles * part // parts for part in range(parts + 1)]
    pool = _pool(os.getpid(), torch.get_num_threads())
    futures = [pool.submit(kernel, flat, bounds[i], bounds[i + 1], *arguments) for i in range(1, parts)]
    kernel(flat, 0, bounds[1], *arguments)
    for future in futures:
        future.result()


@lru_cache(maxsize=4)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """A pool of this process: threads do not survive a fork, so the process's id is part of the key."""
    return ThreadPoolExecutor(threads, thread_name_prefix="hqdist-exact")


def run_parallel(kernel: Callable[..., None], units: int, work: int, arguments: tuple[Any, ...]) -> None:
    """Calls kernel(first, last, *arguments) until all units of work have been done.

    Args:
        kernel: a compiled function that releases the interpreter lock.
        units: number of units.
        work: multiply-adds of a unit, for weighing.
        arguments: what the kernel takes besides.
    """
    threads = torch.get_num_threads()
    parts = max(1, min(units, threads, units * work // _WORTH_A_THREAD))
    bounds = [units * part // parts for part in range(parts + 1)]
    futures = [
        _pool(os.getpid(), threads).submit(kernel, bounds[i], bounds[i + 1], *arguments) for i in range(1, parts)
    ]
    kernel(0, bounds[1], *arguments)
    for future in futures:
        future.result()
