"""How the kernels are compiled: once for each machine, and kept on disk for the next process.

Numba keeps compiled functions beside the source, or in the user's cache directory, under the processor's name and
the time of the function's own file. It does not see changes in the files of functions that are called, so `make clean`
after editing `_vector.py`.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba.core.caching import FunctionCache

Decorator = Callable[[Callable[..., Any]], Any]


class _OptionalCache(FunctionCache):
    """A cache that a full disk or a damaged file turns into one that has nothing: the kernel is compiled again."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling damaged bytes can raise anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled function if there is room."""
        try:
            super().save_overload(sig, data)
        except Exception:  # so can reading a damaged index on the way
            self.disable()


def _cached(**options: Any) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        with suppress(RuntimeError):  # no directory to write to: compile in each process
            dispatcher._cache = _OptionalCache(function)
        return dispatcher

    return decorate


#: For functions that Python calls; they release the interpreter lock.
kernel: Decorator = _cached(nogil=True, no_cfunc_wrapper=True)

#: For functions that only kernels call: an entry point from Python would take longer to compile than they do.
inner: Decorator = _cached(no_cpython_wrapper=True, no_cfunc_wrapper=True)

#: The same, copied into the caller.
inline: Decorator = _cached(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
