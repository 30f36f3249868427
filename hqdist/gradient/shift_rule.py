"""Coefficients and shifts that differentiate a trigonometric polynomial exactly, and the shots that its terms get."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Rule:
    """One angle's derivative as a sum of values at shifted angles.

    Attributes:
        shifts: (2d,), in radians.
        coefficients: (2d,).
    """

    shifts: tuple[float, ...]
    coefficients: tuple[float, ...]


@lru_cache(maxsize=256)
def rule(degree: int, frequency: float = 1.0) -> Rule:
    """The equidistant rule for a trigonometric polynomial of some degree in ``frequency * t``.

    With d the degree, ``s_u = (2u - 1) pi / (2d)`` and ``c_u = (-1)^(u-1) / (4d sin^2(s_u / 2))`` for u = 1 to 2d
    (Wierichs et al. 2021, arXiv:2107.12390); in ``frequency * t`` shifts are divided by the frequency, coefficients
    multiplied with it. The sizes of the coefficients sum to ``d * frequency``.
    """
    u = np.arange(1, 2 * degree + 1)
    shifts = (2 * u - 1) * np.pi / (2 * degree)
    coefficients = (-1.0) ** (u - 1) / (4 * degree * np.sin(shifts / 2) ** 2)
    return Rule(tuple((shifts / frequency).tolist()), tuple((frequency * coefficients).tolist()))


@lru_cache(maxsize=1024)
def weighted_shots(coefficients: tuple[float, ...], shots: int, most: int | None = None) -> tuple[int, ...]:
    """Shots for the terms of a rule in proportion to the size of their coefficients.

    Args:
        coefficients: (2d,).
        shots: How many each has on average.
        most: The most that one may have, not less than `shots`; None for no limit.

    Returns:
        (2d,) whole numbers, at least 1 each, ``2 d shots`` in all.
    """
    sizes, total = np.abs(coefficients), len(coefficients) * shots
    most = total if most is None else max(most, shots)
    low, high = 0.0, most / sizes.min()
    for _ in range(200):  # the factor whose products, kept within the bounds, have the right sum
        factor = (low + high) / 2
        low, high = (factor, high) if np.clip(factor * sizes, 1, most).sum() < total else (low, factor)
    ideal = np.clip(low * sizes, 1, most)
    whole = np.floor(ideal).astype(np.int64)
    order = np.argsort(whole - ideal, kind="stable")
    everyone, some = divmod(total - int(whole.sum()), len(whole))  # `everyone` is 0 unless floats are too coarse
    whole += everyone
    whole[order[:some]] += 1
    return tuple(whole.tolist())
