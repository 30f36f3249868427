"""The basis, and what is known about a size before it is built."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hqdist_exact._tables import slos_footprint, slos_tables

SIZES = [
    (1, 1, "fock"),
    (1, 4, "fock"),
    (5, 0, "fock"),
    (3, 2, "fock"),
    (4, 5, "fock"),
    (6, 1, "unbunched"),
    (5, 3, "unbunched"),
    (4, 4, "unbunched"),
    (3, 0, "unbunched"),
    (2, 1, "dual_rail"),
    (8, 4, "dual_rail"),
]


def allowed(state, space):
    if space == "unbunched":
        return max(state) <= 1
    if space == "dual_rail":
        return all(state[i] + state[i + 1] == 1 for i in range(0, len(state), 2))
    return True


def brute_force_basis(modes, photons, space):
    occupations = itertools.product(range(photons, -1, -1), repeat=modes)
    return [state for state in occupations if sum(state) == photons and allowed(state, space)]


@pytest.mark.parametrize(("modes", "photons", "space"), SIZES)
def test_states_descend_lexicographically(modes, photons, space):
    tables = slos_tables(modes, photons, space)
    expected = brute_force_basis(modes, photons, space)
    assert [tuple(state) for state in tables.states.tolist()] == expected
    assert tables.states.dtype == np.int8
    assert tables.factor.tolist() == [math.prod(map(math.factorial, state)) for state in expected]


@pytest.mark.parametrize(("modes", "photons", "space"), SIZES)
def test_footprint_agrees_with_what_is_built(modes, photons, space):
    tables, footprint = slos_tables(modes, photons, space), slos_footprint(modes, photons, space)
    assert footprint.states == tables.size
    assert footprint.multiply_adds == tables.multiply_adds


def test_footprint_bounds_the_tables_of_a_large_size():
    tables, footprint = slos_tables(12, 6, "fock"), slos_footprint(12, 6, "fock")
    arrays = (tables.states, tables.factor, tables.root_factor, *tables.recursion)
    assert sum(array.nbytes for array in arrays) == pytest.approx(footprint.tables, rel=0.02)


def test_the_whole_fock_space_takes_n_d_multiply_adds():
    assert slos_footprint(12, 6, "fock").multiply_adds == 6 * 12_376


def test_pruning_to_unbunched_states():
    assert slos_footprint(12, 6, "unbunched").multiply_adds == 12_288
    assert slos_footprint(20, 3, "unbunched").multiply_adds == 3_820


def test_astronomical_sizes_are_known_without_building():
    footprint = slos_footprint(400, 200, "fock")
    assert footprint.states == math.comb(599, 200)
    assert footprint.scratch > 2**400
    with pytest.raises(ValueError, match="200 photons in 400 modes"):
        slos_tables(400, 200, "fock")


@pytest.mark.parametrize(
    ("modes", "photons", "space"),
    [(0, 1, "fock"), (3, -1, "fock"), (2, 3, "unbunched"), (4, 3, "dual_rail"), (3, 2, "polarisation")],
)
def test_impossible_spaces_are_refused(modes, photons, space):
    with pytest.raises(ValueError):
        slos_tables(modes, photons, space)
    with pytest.raises(ValueError):
        slos_footprint(modes, photons, space)


def test_tables_are_shared_and_immutable():
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda _: slos_tables(7, 3, "fock"), range(8)))
    assert all(np.array_equal(tables.states, built[0].states) for tables in built)
    assert slos_tables(7, 3, "fock") is slos_tables(7, 3, "fock")
    with pytest.raises(ValueError):
        built[0].recursion.children[0] = 1
