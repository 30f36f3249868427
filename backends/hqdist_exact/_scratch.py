"""Where a kernel keeps what it computes on the way: one buffer per thread, of vectors of 64 bytes."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

VECTOR_BYTES = 64
"""One number of each sample of a tile; also a cache line."""

COMPLEX_BYTES = 2 * VECTOR_BYTES
"""A row of real parts, then one of imaginary parts."""

WINDOW = 128
"""Output states that are computed together before they are written, about: they stay in the first cache."""

SMALLEST_WINDOW = 16
"""A shorter remainder joins the window before it, so that whole blocks can be transposed."""


class Layout(NamedTuple):
    """First row of each part of a buffer. A complex number takes two rows, real and imaginary."""

    columns: int
    """V of the tile, 2 n m rows."""
    window: int
    """Two rows for each state of a window of outputs."""
    parts: int
    """One row for each state of a window, for what is read or written."""
    groups: int
    """One row for each group of outputs; none without grouping."""
    layers: int
    """Amplitudes of the layers 0 to n - 1."""
    above: int
    """Gradient of the layers n, n - 2, ... in turn."""
    below: int
    """Gradient of the layers n - 1, n - 3, ... in turn."""
    rows: int
    """Rows in all."""


@lru_cache(maxsize=256)
def scratch_layout(modes: int, layer_sizes: tuple[int, ...], groups: int, gradients: bool) -> Layout:
    """Divides a buffer for n + 1 layers of the given sizes; a forward pass takes no gradients' part."""
    photons = len(layer_sizes) - 1
    sizes = (
        2 * photons * modes,
        2 * (WINDOW + SMALLEST_WINDOW),
        WINDOW + SMALLEST_WINDOW,
        groups,
        2 * sum(layer_sizes[:-1]),
        2 * max(layer_sizes[::-2]) if gradients else 0,
        2 * max(layer_sizes[-2::-2], default=0) if gradients else 0,
    )
    return Layout(*(sum(sizes[:i]) for i in range(len(sizes) + 1)))


def scratch(rows: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A buffer whose rows are cache lines: a vector that straddles two takes twice as long to load."""
    count = VECTOR_BYTES // dtype.itemsize
    buffer = np.empty((rows + 1) * count, dtype)
    skip = -buffer.ctypes.data % VECTOR_BYTES // dtype.itemsize
    return buffer[skip : skip + rows * count]
