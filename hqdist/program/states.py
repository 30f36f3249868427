"""Where the photons enter: ready-made input states."""

from collections.abc import Iterable
from enum import StrEnum

from hqdist.errors import ProgramError
from hqdist.program.checks import MAX_MODES, MAX_PHOTONS, listed, shown, whole


class StatePattern(StrEnum):
    """How n photons are spread over m modes, at most one in each.

    PERIODIC: every other mode from the first, then the gaps from the first: 1,0,1,0.
    SEQUENTIAL: the first n modes: 1,1,0,0.
    SPACED: mode ``floor(i m / n)`` for photon i, evenly over all modes: for 2 photons in 6 modes 1,0,0,1,0,0.
    """

    PERIODIC = "periodic"
    SEQUENTIAL = "sequential"
    SPACED = "spaced"

    def state(self, modes: int, photons: int) -> tuple[int, ...]:
        """The input state as `modes` occupation numbers.

        Raises:
            ProgramError: If there are more photons than modes, or numbers out of range.
        """
        modes = whole(modes, "the number of modes", least=1, most=MAX_MODES)
        photons = whole(photons, "the number of photons", least=0, most=MAX_PHOTONS)
        if photons > modes:
            raise ProgramError(
                f"{photons} photons do not fit in {modes} modes with one in each; use at most {modes} photons, "
                "or give an input state with several photons in a mode"
            )
        match self:
            case StatePattern.PERIODIC:
                order = [*range(0, modes, 2), *range(1, modes, 2)]
                occupied = set(order[:photons])
            case StatePattern.SEQUENTIAL:
                occupied = set(range(photons))
            case StatePattern.SPACED:
                occupied = {index * modes // photons for index in range(photons)}
        return tuple(int(mode in occupied) for mode in range(modes))


def input_state(modes: int, photons: Iterable[int]) -> tuple[int, ...]:
    """A program's input state, checked in a time that does not depend on how far it is out of range.

    Args:
        modes: Number of modes m, at most `MAX_MODES`.
        photons: Photons entering each mode, m numbers, `MAX_PHOTONS` in all.

    Raises:
        ProgramError: If it does not fit.
    """
    modes = whole(modes, "the number of modes", least=1, most=MAX_MODES)
    counts = listed(photons, "an input state", most=MAX_MODES)
    if len(counts) != modes:
        raise ProgramError(f"the input state {shown(counts)} has {len(counts)} entries, the program {modes} modes")
    state = tuple(whole(count, "the number of photons in a mode", least=0, most=MAX_PHOTONS) for count in counts)
    if sum(state) > MAX_PHOTONS:
        raise ProgramError(
            f"the input state {shown(state)} has {sum(state)} photons, at most {MAX_PHOTONS} are allowed"
        )
    return state
