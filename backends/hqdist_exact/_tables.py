"""Basis and index tables of SLOS, the recursion that adds one photon at a time to all Fock states at once.

Heurtel et al., "Strong simulation of linear optical processes" (arXiv 2206.10549). Layer k holds every state
of k photons; layer n is the output. A *pair* (s, j) with s_j > 0 is one multiply-add: state s of layer k
receives V[k, j] times the amplitude of its parent s - e_j of layer k - 1. In the restricted spaces a layer
has only the states from which an allowed output can be reached.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hqdist_exact._recursion import Recursion, layers_of, recursion_of
from hqdist_exact._scratch import COMPLEX_BYTES, VECTOR_BYTES, scratch_layout

_MOST_PHOTONS = 127
_MOST_MODES = 2**15 - 1
_MOST_PAIRS = 2**31 - 1
_MOST_LAYER_BYTES = 2**32
_PAIR_BYTES = 8 + 4 + 4
_BUILDING_PAIR_BYTES = 64


@dataclass(frozen=True, eq=False)
class SlosTables:
    """Basis and recursion of `photons` photons in `modes` modes, restricted to a computation space."""

    modes: int
    photons: int
    space: str
    states: NDArray[np.int8]
    """(D, m) occupations, in descending lexicographic order."""
    factor: NDArray[np.float64]
    """(D,) product of the factorials of the occupations."""
    root_factor: NDArray[np.float64]
    """(D,) its square root."""
    layer_sizes: tuple[int, ...]
    """States of 0, 1, ..., n photons."""
    recursion: Recursion

    @property
    def size(self) -> int:
        """Number D of output states."""
        return self.layer_sizes[-1]

    @property
    def multiply_adds(self) -> int:
        """Complex multiply-adds per sample in the forward recursion; n D in the whole Fock space."""
        return len(self.recursion.children)


@dataclass(frozen=True)
class SlosFootprint:
    """What a size needs. Python integers: nothing overflows, however large the size."""

    states: int
    """Number D of output states."""
    multiply_adds: int
    """Complex multiply-adds per sample in the forward recursion."""
    tables: int
    """Bytes of the tables."""
    building: int
    """Bytes, about, that are in use at once while the tables are built."""
    scratch: int
    """Bytes per thread of a backward pass; grouping adds 64 per group, a forward pass takes less."""


@lru_cache(maxsize=256)
def slos_footprint(modes: int, photons: int, space: str) -> SlosFootprint:
    """Tells what a size needs before anything is built.

    Raises:
        ValueError: the space is unknown or has no state.
    """
    _check(modes, photons, space)
    sizes = tuple(_layer_size(modes, photons, space, k) for k in range(photons + 1))
    pairs = sum(sizes[k] * _children_per_state(modes, photons, space, k) for k in range(photons))
    tables = pairs * _PAIR_BYTES + 4 * sum(sizes) + sizes[-1] * (modes + 16) + 8 * photons * (modes + 1)
    layout = scratch_layout(modes, sizes, 0, gradients=True)
    return SlosFootprint(
        states=sizes[-1],
        multiply_adds=pairs,
        tables=tables,
        building=tables + pairs * _BUILDING_PAIR_BYTES,
        scratch=VECTOR_BYTES * (layout.rows + 1),
    )


@lru_cache(maxsize=64)
def slos_tables(modes: int, photons: int, space: str) -> SlosTables:
    """Builds the tables, or returns those built before; they are immutable and shared between threads.

    Args:
        modes: number of modes m.
        photons: number of photons n.
        space: "fock", "unbunched" (no mode holds two photons) or "dual_rail" (m = 2n, one photon in each
            pair of modes 2k and 2k + 1).

    Raises:
        ValueError: the space is unknown, has no state, or is too large for indices of 32 bits. Whether
            tables fit in memory is for the caller to ask `slos_footprint`.
    """
    footprint = slos_footprint(modes, photons, space)
    layer_bytes = COMPLEX_BYTES * sum(_layer_size(modes, photons, space, k) for k in range(photons))
    if footprint.multiply_adds > _MOST_PAIRS or layer_bytes > _MOST_LAYER_BYTES:
        raise ValueError(
            f"{photons} photons in {modes} modes ({space}) have {footprint.states} states and take "
            f"{footprint.multiply_adds} multiply-adds a sample, more than indices of 32 bits can number"
        )
    if photons > _MOST_PHOTONS or modes > _MOST_MODES:
        raise ValueError(f"at most {_MOST_PHOTONS} photons and {_MOST_MODES} modes, not {photons} and {modes}")
    layers = layers_of(modes, photons, space)
    states = np.zeros((footprint.states, modes), np.int8)
    for photon in range(photons):
        states[np.arange(len(states)), layers[-1].photons[:, photon]] += 1
    factorials = np.array([math.factorial(k) for k in range(photons + 1)], np.float64)
    factor = factorials[states].prod(axis=1)
    root_factor, recursion = np.sqrt(factor), recursion_of(layers, modes)
    for array in (states, factor, root_factor, *recursion):
        array.flags.writeable = False
    sizes = tuple(len(layer.photons) for layer in layers)
    return SlosTables(modes, photons, space, states, factor, root_factor, sizes, recursion)


def _layer_size(modes: int, photons: int, space: str, k: int) -> int:
    """Number of states of k photons from which an output can be reached."""
    if space == "fock":
        return math.comb(k + modes - 1, k)
    if space == "unbunched":
        return math.comb(modes, k)
    return math.comb(photons, k) << k


def _children_per_state(modes: int, photons: int, space: str, k: int) -> int:
    """Number of modes that can take another photon in a state of k photons."""
    return {"fock": modes, "unbunched": modes - k, "dual_rail": 2 * (photons - k)}[space]


def _check(modes: int, photons: int, space: str) -> None:
    if modes < 1 or photons < 0:
        raise ValueError(f"at least one mode and no negative number of photons, not {modes} and {photons}")
    if space not in ("fock", "unbunched", "dual_rail"):
        raise ValueError(f"space must be 'fock', 'unbunched' or 'dual_rail', not {space!r}")
    if space == "unbunched" and photons > modes:
        raise ValueError(f"{photons} photons do not fit in {modes} modes without bunching")
    if space == "dual_rail" and modes != 2 * photons:
        raise ValueError(f"dual rail takes two modes per photon, not {modes} modes for {photons} photons")
