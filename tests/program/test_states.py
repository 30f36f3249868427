import pytest

from hqdist import ProgramError, StatePattern


@pytest.mark.parametrize(
    ("pattern", "modes", "photons", "state"),
    [
        (StatePattern.PERIODIC, 6, 3, (1, 0, 1, 0, 1, 0)),
        (StatePattern.PERIODIC, 4, 3, (1, 1, 1, 0)),
        (StatePattern.PERIODIC, 5, 2, (1, 0, 1, 0, 0)),
        (StatePattern.SEQUENTIAL, 4, 2, (1, 1, 0, 0)),
        (StatePattern.SPACED, 6, 2, (1, 0, 0, 1, 0, 0)),
        (StatePattern.SPACED, 5, 2, (1, 0, 1, 0, 0)),
    ],
)
def test_patterns(pattern: StatePattern, modes: int, photons: int, state: tuple[int, ...]) -> None:
    assert pattern.state(modes, photons) == state


@pytest.mark.parametrize("pattern", StatePattern)
def test_every_pattern_places_every_photon_in_a_mode_of_its_own(pattern: StatePattern) -> None:
    for modes in range(1, 9):
        for photons in range(modes + 1):
            state = pattern.state(modes, photons)
            assert len(state) == modes
            assert sum(state) == photons
            assert set(state) <= {0, 1}


def test_more_photons_than_modes_are_refused() -> None:
    with pytest.raises(ProgramError, match="use at most 2 photons"):
        StatePattern.PERIODIC.state(2, 3)
    with pytest.raises(ProgramError, match="at least 1"):
        StatePattern.PERIODIC.state(0, 0)
    with pytest.raises(ProgramError, match="whole number"):
        StatePattern.PERIODIC.state(4, 1.0)  # type: ignore[arg-type]
