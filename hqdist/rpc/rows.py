"""How many rows of a request are taken at a time, by callers who cut it and by workers who look up in between."""

from hqdist.program import Program

#: Kernels take so many rows side by side; a rest of them takes as long.
LANES = 16


def rows_at_a_time(program: Program, amplitudes: int, most: int) -> int:
    """Rows with about so many amplitudes in all, a multiple of `LANES`, and at least that.

    Args:
        program: What is evaluated.
        amplitudes: How many, about.
        most: Rows at most, a multiple of `LANES`.
    """
    dimension = program.readout.space.dimension(program.modes, program.photons)
    return min(most, max(1, amplitudes // dimension // LANES) * LANES)
