"""Computation spaces: which output Fock states count, and in which order."""

from enum import StrEnum
from functools import lru_cache
from math import comb

import numpy as np
import numpy.typing as npt

from hqdist.errors import ProgramError
from hqdist.program.checks import MAX_MODES, MAX_PHOTONS, whole


class ComputationSpace(StrEnum):
    """The Fock states that count as outcomes.

    FOCK: all ``C(n + m - 1, n)`` ways to put n photons in m modes.
    UNBUNCHED: at most one photon per mode, ``C(m, n)`` states.
    DUAL_RAIL: m = 2n and one photon in each pair of modes (2k, 2k + 1), ``2^n`` states.
    The last two are post-selections: whatever is computed over them is renormalised by their total probability.
    """

    FOCK = "fock"
    UNBUNCHED = "unbunched"
    DUAL_RAIL = "dual_rail"

    @property
    def post_selects(self) -> bool:
        """Whether outcomes outside the space are discarded and the rest renormalised."""
        return self is not ComputationSpace.FOCK

    def dimension(self, modes: int, photons: int) -> int:
        """Number of states of `photons` photons in `modes` modes.

        Raises:
            ProgramError: If the space has no state of this size, or a program cannot be as large.
        """
        modes = whole(modes, "the number of modes", least=1, most=MAX_MODES)
        photons = whole(photons, "the number of photons", least=0, most=MAX_PHOTONS)
        if self is ComputationSpace.FOCK:
            return comb(photons + modes - 1, photons)
        if self is ComputationSpace.UNBUNCHED:
            if photons > modes:
                raise ProgramError(
                    f"{photons} photons do not fit in {modes} modes without bunching; "
                    "use fewer photons or ComputationSpace.FOCK"
                )
            return comb(modes, photons)
        if modes != 2 * photons:
            raise ProgramError(
                f"dual rail needs two modes for each photon: {photons} photons need {2 * photons} modes, not {modes}"
            )
        return 1 << photons

    def states(self, modes: int, photons: int) -> npt.NDArray[np.int8]:
        """All states as occupation lists, (D, modes), in descending lexicographic order.

        For 2 photons in 3 modes: (2,0,0), (1,1,0), (1,0,1), (0,2,0), (0,1,1), (0,0,2). The array is read-only.

        Raises:
            ProgramError: If the space has no state of this size, or a program cannot be as large.
        """
        return _states(self, modes, photons)

    def contains(self, states: npt.NDArray[np.integer], photons: int) -> npt.NDArray[np.bool_]:
        """Which of some states (K, modes) belong to the space of `photons` photons, (K,)."""
        kept: npt.NDArray[np.bool_] = states.sum(axis=1, dtype=np.int64) == photons
        if self is ComputationSpace.UNBUNCHED:
            kept &= (states <= 1).all(axis=1)
        if self is ComputationSpace.DUAL_RAIL:
            kept &= (states[:, 0::2] + states[:, 1::2] == 1).all(axis=1)
        return kept

    def ranks(self, states: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """The places of some states (K, modes) of the space among all of them, from 0, without a list of all.

        Args:
            states: States of one number of photons; that they belong to the space is for `contains` to tell.

        Raises:
            ProgramError: If the space has more states than 64 bits can number.
        """
        occupations = states.astype(np.int64)
        if not len(states):
            return np.empty(0, np.int64)
        modes, photons = occupations.shape[1], int(occupations[0].sum())
        if self.dimension(modes, photons) >= 2**63:
            raise ProgramError(f"{modes} modes have too many states to be numbered; use mode expectations")
        if self is ComputationSpace.DUAL_RAIL:
            return _sums(occupations[:, 1::2] << np.arange(modes // 2)[::-1])
        # Before a state come those that agree with it up to a mode and have more photons there.
        left = occupations[:, ::-1].cumsum(axis=1)[:, ::-1]  # photons in this mode and those after it
        after = np.arange(modes - 1, -1, -1)
        if self is ComputationSpace.UNBUNCHED:
            before = np.where(occupations == 0, _binomials(modes, photons)[after, left - 1], 0)
        else:
            fewer = left - occupations - 1  # -1 in modes that no photon comes after
            before = _binomials(modes + photons, photons)[fewer + after, fewer]
        return _sums(before)


def _sums(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    sums: npt.NDArray[np.int64] = rows.sum(axis=1)
    return sums


@lru_cache(maxsize=64)
def _binomials(most: int, largest: int) -> npt.NDArray[np.int64]:
    """Binomial coefficients C(n, k) for n up to `most` and k up to `largest`, and zeros at k = -1.

    Those that 64 bits do not hold are wrong: no state that can be numbered asks for them.
    """
    table = np.zeros((most + 1, largest + 2), np.int64)
    table[:, 0] = 1
    for k in range(1, largest + 1):
        table[1:, k] = table[:-1, k - 1].cumsum()  # C(n, k) = C(0, k - 1) + ... + C(n - 1, k - 1)
    return table


@lru_cache(maxsize=64)
def _states(space: ComputationSpace, modes: int, photons: int) -> npt.NDArray[np.int8]:
    space.dimension(modes, photons)
    if space is ComputationSpace.DUAL_RAIL:
        rails = (np.arange(2**photons)[:, None] >> np.arange(photons)[::-1]) & 1
        states = np.stack([1 - rails, rails], axis=-1).reshape(2**photons, modes).astype(np.int8)
    else:
        most = photons if space is ComputationSpace.FOCK else 1
        states = _bounded(modes, photons, most)
    states.setflags(write=False)
    return states


def _bounded(modes: int, photons: int, most: int) -> npt.NDArray[np.int8]:
    """States with at most `most` photons per mode, built from the last mode to the first."""
    tails = {k: np.full((1, 1), k, dtype=np.int8) for k in range(min(photons, most) + 1)}
    for width in range(2, modes + 1):
        tails = {
            k: np.concatenate(
                [
                    np.insert(tails[k - head], 0, head, axis=1)
                    for head in range(min(k, most), -1, -1)
                    if k - head in tails
                ]
            )
            for k in (range(photons + 1) if width < modes else (photons,))
            if k <= width * most
        }
    return tails[photons]
