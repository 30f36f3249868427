"""Angles that are affine in named parameters: ``constant + sum_k coefficient_k * parameter_k``."""

import math
from dataclasses import dataclass

from hqdist.errors import ProgramError


@dataclass(frozen=True)
class Angle:
    """An angle in radians, affine in named parameters.

    Angles add, and scale by real numbers: ``0.3 + 2 * parameter("theta")``.

    Attributes:
        constant: The part that depends on no parameter, in radians.
        terms: ``(name, coefficient)`` pairs, sorted by name, each name once; a coefficient of zero is no term.

    Raises:
        ProgramError: If a number is not finite, or a name is empty or appears twice.
    """

    constant: float = 0.0
    terms: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        constant = float(self.constant)
        terms = tuple(sorted((name, float(coefficient)) for name, coefficient in self.terms))
        if not all(math.isfinite(number) for number in (constant, *(c for _, c in terms))):
            raise ProgramError(f"an angle needs finite numbers, got constant {constant} and terms {terms}")
        names = [name for name, _ in terms]
        if len(set(names)) != len(names) or not all(names):
            raise ProgramError(f"an angle names each parameter once, and not by an empty name; got {names}")
        object.__setattr__(self, "constant", constant + 0.0)  # not -0.0, which is equal but has other bytes
        object.__setattr__(self, "terms", tuple((name, c) for name, c in terms if c != 0.0))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that this angle depends on."""
        return tuple(name for name, _ in self.terms)

    def __add__(self, other: "Angle | float") -> "Angle":
        other = as_angle(other)
        terms = dict(self.terms)
        for name, coefficient in other.terms:
            terms[name] = terms.get(name, 0.0) + coefficient
        return Angle(self.constant + other.constant, tuple(terms.items()))

    __radd__ = __add__

    def __mul__(self, factor: float) -> "Angle":
        return Angle(self.constant * factor, tuple((name, c * factor) for name, c in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> "Angle":
        return self * -1.0

    def __sub__(self, other: "Angle | float") -> "Angle":
        return self + -as_angle(other)


def parameter(name: str) -> Angle:
    """The angle that equals the parameter of this name."""
    return Angle(0.0, ((name, 1.0),))


def as_angle(value: Angle | float) -> Angle:
    """Take a number of radians as a constant angle; leave an angle as it is."""
    return value if isinstance(value, Angle) else Angle(value)
