import warnings
from collections.abc import Callable
from math import pi

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hqdist import (
    BeamSplitter,
    BeamSplitterConvention,
    FixedUnitary,
    Permutation,
    PhaseShifter,
    Program,
    ProgramError,
    interferometer,
)
from hqdist.program import circuit_unitary
from hqdist.program.elements import rectangle


@given(st.sampled_from(list(BeamSplitterConvention)), st.floats(-10, 10))
def test_every_beam_splitter_is_unitary(convention: BeamSplitterConvention, theta: float) -> None:
    block = BeamSplitter((0, 1), theta, convention).block(theta)
    np.testing.assert_allclose(block.conj().T @ block, np.eye(2), atol=1e-14)


@pytest.mark.parametrize("convention", BeamSplitterConvention)
@pytest.mark.parametrize("theta", [0.0, 0.3, pi / 2, 2.0, pi, 4.0, 7.5])
def test_beam_splitter_conventions_are_those_of_perceval(convention: BeamSplitterConvention, theta: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pcvl = pytest.importorskip("perceval")
    name = {"rx": "Rx", "ry": "Ry", "h": "H"}[convention]
    expected = np.array(getattr(pcvl.BS, name)(theta=theta).compute_unitary())
    np.testing.assert_allclose(BeamSplitter((0, 1), theta, convention).block(theta), expected, atol=1e-14)


def test_permutations_route_as_in_perceval() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pcvl = pytest.importorskip("perceval")
    targets = [2, 0, 3, 1]
    expected = np.array(pcvl.PERM(targets).compute_unitary())
    block = Permutation((0, 1, 2, 3), tuple(targets)).block
    np.testing.assert_array_equal(block, expected)
    assert block[2, 0] == 1.0  # what enters port 0 leaves at port 2


def test_transmittance_is_the_squared_cosine_of_half_the_angle() -> None:
    block = BeamSplitter((0, 1), pi / 3).block(pi / 3)
    assert abs(block[0, 0]) ** 2 == pytest.approx(np.cos(pi / 6) ** 2)


@pytest.mark.parametrize("modes", [1, 2, 3, 6, 7])
def test_an_interferometer_is_unitary_with_a_phase_for_each_entry(modes: int) -> None:
    elements = interferometer(range(modes), "phi")
    names = tuple(f"phi{index}" for index in range(modes**2))
    program = Program(modes, (1,) + (0,) * (modes - 1), elements, names)
    rng = np.random.default_rng(1)
    unitary = circuit_unitary(program, {name: rng.uniform(0, 2 * pi) for name in names})
    np.testing.assert_allclose(unitary.conj().T @ unitary, np.eye(modes), atol=1e-12)
    assert np.all(np.abs(unitary) > 0)


@pytest.mark.parametrize("modes", [2, 3, 4])
def test_an_interferometer_reaches_every_unitary_up_to_phases_at_its_input(modes: int) -> None:
    """With m phases at the input it moves in m^2 independent directions at a generic point: the dimension of U(m)."""
    names = tuple(f"phi{index}" for index in range(modes**2))
    program = Program(modes, (1,) + (0,) * (modes - 1), interferometer(range(modes), "phi"), names)
    rng = np.random.default_rng(2)
    values = {name: rng.uniform(0, 2 * pi) for name in names}
    unitary = circuit_unitary(program, values)
    moves = [1j * unitary @ np.diag(mode) for mode in np.eye(modes)]
    for name in names:
        above, below = (circuit_unitary(program, values | {name: values[name] + step}) for step in (1e-5, -1e-5))
        moves.append((above - below) / 2e-5)
    flat = np.array(moves).reshape(len(moves), -1)
    assert np.linalg.matrix_rank(np.concatenate([flat.real, flat.imag], axis=1), tol=1e-5) == modes**2


def test_a_rectangle_couples_neighbours_column_by_column() -> None:
    assert list(rectangle(range(4))) == [(0, 1), (2, 3), (1, 2), (0, 1), (2, 3), (1, 2)]
    assert list(rectangle([5, 7, 9])) == [(5, 7), (7, 9), (5, 7)]


def test_a_beam_splitter_acts_in_the_order_of_its_modes() -> None:
    swapped = Program(2, (1, 0), (BeamSplitter((1, 0), 0.7, BeamSplitterConvention.RY),))
    straight = Program(2, (1, 0), (BeamSplitter((0, 1), -0.7, BeamSplitterConvention.RY),))
    np.testing.assert_allclose(circuit_unitary(swapped, {}), circuit_unitary(straight, {}), atol=1e-15)


def test_a_matrix_that_is_not_unitary_is_refused() -> None:
    with pytest.raises(ProgramError, match="not unitary"):
        FixedUnitary((0, 1), np.array([[1, 0], [0, 1 + 1e-7]]))
    for bad in (np.nan, np.inf, 1e200):
        with pytest.raises(ProgramError, match="not unitary"):
            FixedUnitary((0, 1), np.array([[1, 0], [0, bad]]))
    with pytest.raises(ProgramError, match="2 x 2"):
        FixedUnitary((0, 1), np.eye(3))


def test_a_permutation_names_each_port_once() -> None:
    with pytest.raises(ProgramError, match="once"):
        Permutation((0, 1, 2), (0, 0, 1))


def test_a_beam_splitter_has_two_modes_and_a_known_convention() -> None:
    with pytest.raises(ProgramError, match="two modes"):
        BeamSplitter((0, 1, 2), 0.1)  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match="rx, ry, h"):
        BeamSplitter((0, 1), 0.1, "rz")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PhaseShifter(True, 0.1), "a mode is a whole number"),
        (lambda: PhaseShifter(0.5, 0.1), "a mode is a whole number"),  # type: ignore[arg-type]
        (lambda: PhaseShifter("a", 0.1), "a mode is a whole number"),  # type: ignore[arg-type]
        (lambda: PhaseShifter(0, "a"), "finite real number"),  # type: ignore[arg-type]
        (lambda: PhaseShifter(0, None), "finite real number"),  # type: ignore[arg-type]
        (lambda: PhaseShifter(0, 1j), "finite real number"),  # type: ignore[arg-type]
        (lambda: PhaseShifter(0, 10**400), "finite real number"),  # type: ignore[arg-type]
        (lambda: BeamSplitter(5, 0.1), "modes is a list"),  # type: ignore[arg-type]
        (lambda: BeamSplitter((0, 1.0), 0.1), "a mode is a whole number"),  # type: ignore[arg-type]
        (lambda: Permutation((0, 1), (0, "a")), "a target is a whole number"),  # type: ignore[arg-type]
        (lambda: Permutation((0, 1), (1.0, 0.0)), "a target is a whole number"),  # type: ignore[arg-type]
        (lambda: Permutation((0, 1), (True, False)), "a target is a whole number"),
        (lambda: Permutation(range(10**12), ()), "more than 4096 entries"),  # type: ignore[arg-type]
        (lambda: FixedUnitary((0, 1), [[1, 0], [0]]), "square of complex numbers"),  # type: ignore[arg-type]
        (lambda: FixedUnitary((0,), [["1"]]), "it holds text"),  # type: ignore[arg-type]
        (lambda: FixedUnitary((0,), [[None]]), "not unitary"),  # type: ignore[arg-type]
        (lambda: FixedUnitary((0,), [[10**400]]), "square of complex numbers"),  # type: ignore[arg-type]
        (lambda: FixedUnitary((0,), torch.ones(1, 1, requires_grad=True)), "gradient"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_element_says_why(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        make()


def test_elements_are_values() -> None:
    assert PhaseShifter(0, 0.5) == PhaseShifter(0, 0.5)
    assert FixedUnitary((0, 1), np.eye(2)) == FixedUnitary((0, 1), ((1, 0), (0, 1)))
    assert len({FixedUnitary((0, 1), np.eye(2)), FixedUnitary((0, 1), ((1, -0.0), (0, 1)))}) == 1
