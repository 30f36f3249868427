import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hqdist import Angle, ProgramError, parameter

numbers = st.floats(-1e3, 1e3)
angles = st.builds(
    Angle,
    numbers,
    st.dictionaries(st.sampled_from("abcd"), numbers, max_size=4).map(lambda terms: tuple(terms.items())),
)


def at(angle: Angle, values: dict[str, float]) -> float:
    return angle.constant + sum(coefficient * values[name] for name, coefficient in angle.terms)


VALUES = {"a": 0.3, "b": -1.2, "c": 2.5, "d": 7.0}


@given(angles, angles, numbers)
def test_arithmetic_of_angles_is_arithmetic_of_their_values(left: Angle, right: Angle, factor: float) -> None:
    assert at(left + right, VALUES) == pytest.approx(at(left, VALUES) + at(right, VALUES), abs=1e-8)
    assert at(left - right, VALUES) == pytest.approx(at(left, VALUES) - at(right, VALUES), abs=1e-8)
    assert at(factor * left, VALUES) == pytest.approx(factor * at(left, VALUES), rel=1e-9, abs=1e-6)
    assert at(-left, VALUES) == -at(left, VALUES)


def test_numbers_of_radians_mix_with_angles() -> None:
    assert 0.5 + 2 * parameter("x") - 0.25 == Angle(0.25, (("x", 2.0),))


def test_terms_are_sorted_so_that_equal_angles_are_equal_objects() -> None:
    assert Angle(0, (("b", 1), ("a", 2))) == Angle(0, (("a", 2), ("b", 1)))
    assert parameter("b") + parameter("a") == parameter("a") + parameter("b")


def test_a_term_that_cancels_is_gone() -> None:
    angle = parameter("x") - parameter("x")
    assert angle == Angle()
    assert angle.parameters == ()


def test_minus_zero_is_zero() -> None:
    assert math.copysign(1.0, Angle(-0.0).constant) == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ProgramError, match="finite"):
        Angle(bad)
    with pytest.raises(ProgramError, match="finite"):
        Angle(0.0, (("x", bad),))


def test_a_name_is_not_empty_and_appears_once() -> None:
    with pytest.raises(ProgramError, match="not empty"):
        parameter("")
    with pytest.raises(ProgramError, match="once"):
        Angle(0.0, (("x", 1.0), ("x", 2.0)))


@pytest.mark.parametrize("bad", [True, "1", None, 1j, np.complex64(1j), 10**400, [1.0]])
def test_only_real_numbers_are_angles_and_coefficients(bad: object) -> None:
    for make in (
        lambda: Angle(bad),  # type: ignore[arg-type]
        lambda: Angle(0.0, (("x", bad),)),  # type: ignore[arg-type]
        lambda: parameter("x") + bad,  # type: ignore[operator]
        lambda: parameter("x") * bad,  # type: ignore[operator]
    ):
        with pytest.raises(ProgramError, match="finite real number"):
            make()


def test_numbers_of_numpy_are_taken() -> None:
    assert Angle(np.float32(0.5), (("x", np.int64(2)),)) == Angle(0.5, (("x", 2.0),))


@pytest.mark.parametrize("bad", [3, None, "", b"x", "\ud800"])
def test_a_name_is_text_that_can_be_sent(bad: str) -> None:
    with pytest.raises(ProgramError, match="Unicode text and not empty"):
        parameter(bad)


@pytest.mark.parametrize("terms", [5, "ab", ("ab",), (("x",),), (("x", 1.0, 2.0),)])
def test_terms_are_pairs(terms: object) -> None:
    with pytest.raises(ProgramError, match=r"a term of an angle|terms is a list"):
        Angle(0.0, terms)  # type: ignore[arg-type]


def test_a_tensor_that_requires_a_gradient_is_no_constant() -> None:
    assert Angle(torch.tensor(0.5)).constant == 0.5  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match="name a parameter"):
        Angle(torch.tensor(0.5, requires_grad=True))  # type: ignore[arg-type]
