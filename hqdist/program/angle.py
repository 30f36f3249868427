"""Angles that are affine in named parameters: ``constant + sum_k coefficient_k * parameter_k``."""

from dataclasses import dataclass

from hqdist.errors import ProgramError
from hqdist.program.checks import listed, parameter_name, real, shown


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
        constant = real(self.constant, "an angle in radians")
        terms = sorted(_term(term) for term in listed(self.terms, "an angle's terms"))
        names = [name for name, _ in terms]
        if len(set(names)) != len(names):
            raise ProgramError(f"an angle names each parameter once, got {shown(names)}")
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
        factor = real(factor, "the factor of an angle")
        return Angle(self.constant * factor, tuple((name, c * factor) for name, c in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> "Angle":
        return self * -1.0

    def __sub__(self, other: "Angle | float") -> "Angle":
        return self + -as_angle(other)


def _term(term: tuple[str, float]) -> tuple[str, float]:
    if not isinstance(term, tuple | list) or len(term) != 2:
        raise ProgramError(f"a term of an angle is a pair (name, coefficient), got {shown(term)}")
    return parameter_name(term[0]), real(term[1], "a coefficient of an angle")


def parameter(name: str) -> Angle:
    """The angle that equals the parameter of this name."""
    return Angle(0.0, ((name, 1.0),))


def as_angle(value: Angle | float) -> Angle:
    """Take a number of radians as a constant angle; leave an angle as it is."""
    return value if isinstance(value, Angle) else Angle(value)
