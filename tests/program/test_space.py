from itertools import product
from math import comb

import numpy as np
import pytest

from hqdist import ComputationSpace, ProgramError

SIZES = [(modes, photons) for modes in range(1, 6) for photons in range(5)]


def brute_force(modes: int, photons: int) -> list[tuple[int, ...]]:
    """All occupation lists in descending lexicographic order."""
    return sorted((s for s in product(range(photons + 1), repeat=modes) if sum(s) == photons), reverse=True)


def listed(space: ComputationSpace, modes: int, photons: int) -> list[tuple[int, ...]]:
    return [tuple(state) for state in space.states(modes, photons).tolist()]


@pytest.mark.parametrize(("modes", "photons"), SIZES)
def test_fock_states_are_all_occupations_in_descending_order(modes: int, photons: int) -> None:
    states = listed(ComputationSpace.FOCK, modes, photons)
    assert states == brute_force(modes, photons)
    assert len(states) == ComputationSpace.FOCK.dimension(modes, photons) == comb(photons + modes - 1, photons)


@pytest.mark.parametrize(("modes", "photons"), [(m, n) for m, n in SIZES if n <= m])
def test_unbunched_states_are_the_fock_states_without_bunching_in_the_same_order(modes: int, photons: int) -> None:
    states = listed(ComputationSpace.UNBUNCHED, modes, photons)
    assert states == [state for state in brute_force(modes, photons) if max(state) <= 1]
    assert len(states) == ComputationSpace.UNBUNCHED.dimension(modes, photons) == comb(modes, photons)


@pytest.mark.parametrize("photons", [1, 2, 3])
def test_dual_rail_states_have_one_photon_in_each_pair_in_the_same_order(photons: int) -> None:
    modes = 2 * photons
    states = listed(ComputationSpace.DUAL_RAIL, modes, photons)
    expected = [s for s in brute_force(modes, photons) if all(s[k] + s[k + 1] == 1 for k in range(0, modes, 2))]
    assert states == expected
    assert len(states) == ComputationSpace.DUAL_RAIL.dimension(modes, photons) == 2**photons


def test_only_fock_space_keeps_everything() -> None:
    assert [space for space in ComputationSpace if space.post_selects] == ["unbunched", "dual_rail"]


def test_a_space_without_states_says_what_to_change() -> None:
    with pytest.raises(ProgramError, match=r"use fewer photons or ComputationSpace\.FOCK"):
        ComputationSpace.UNBUNCHED.dimension(2, 3)
    with pytest.raises(ProgramError, match="need 4 modes, not 5"):
        ComputationSpace.DUAL_RAIL.states(5, 2)


def test_more_photons_than_a_byte_counts_are_refused_not_wrapped() -> None:
    assert ComputationSpace.FOCK.states(2, 127)[0].tolist() == [127, 0]
    with pytest.raises(ProgramError, match="127"):
        ComputationSpace.FOCK.states(2, 128)


def test_shared_tables_cannot_be_written() -> None:
    states = ComputationSpace.FOCK.states(3, 2)
    assert states is ComputationSpace.FOCK.states(3, 2)
    with pytest.raises(ValueError, match="read-only"):
        states[0, 0] = 5
    assert states.dtype == np.int8


@pytest.mark.parametrize("space", list(ComputationSpace))
@pytest.mark.parametrize(("modes", "photons"), [(2, 1), (4, 2), (6, 3), (8, 4)])
def test_ranks_number_the_states_in_their_order(space, modes, photons):
    states = space.states(modes, photons)
    assert space.contains(states, photons).all()
    assert space.ranks(states).tolist() == list(range(len(states)))


def test_ranks_of_a_space_that_is_too_large_to_list():
    last, first = np.eye(24, dtype=np.int8)[[-1]] * 12, np.eye(24, dtype=np.int8)[[0]] * 12
    assert ComputationSpace.FOCK.ranks(np.concatenate([first, last])).tolist() == [0, comb(35, 12) - 1]


@pytest.mark.parametrize("space", list(ComputationSpace))
def test_a_space_contains_its_own_states_and_no_others(space):
    every = np.array(list(product(range(3), repeat=4)), np.int8)
    own = {tuple(state) for state in space.states(4, 2).tolist()}
    assert space.contains(every, 2).tolist() == [tuple(state) in own for state in every.tolist()]
