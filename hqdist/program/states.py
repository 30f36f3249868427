"""Where the photons enter: ready-made input states."""

from enum import StrEnum

from hqdist.errors import ProgramError


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
        if modes < 1 or photons < 0:
            raise ProgramError(f"an input state needs modes >= 1 and photons >= 0, got {modes} and {photons}")
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
