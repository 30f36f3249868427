"""How the kernels are compiled: once for each machine, and kept on disk for the next process.

Numba keeps compiled functions beside the source, or in the user's cache directory, under the processor's name and
the time of the function's own file. It does not see changes in the files of functions that are called, so `make clean`
after editing `_vector.py`.
"""

from collections.abc import Callable
from typing import Any

import numba

Decorator = Callable[[Callable[..., Any]], Any]


def _cached(**options: Any) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no place to write to: compile again in each process
            return numba.njit(**options)(function)

    return decorate


#: For functions that Python calls; they release the interpreter lock.
kernel: Decorator = _cached(nogil=True, no_cfunc_wrapper=True)

#: For functions that only kernels call: an entry point from Python would take longer to compile than they do.
inner: Decorator = _cached(no_cpython_wrapper=True, no_cfunc_wrapper=True)

#: The same, copied into the caller.
inline: Decorator = _cached(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
