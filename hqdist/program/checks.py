"""Checks of values that several parts of a program share."""

import operator
from enum import StrEnum
from typing import SupportsIndex, TypeVar

from hqdist.errors import ProgramError

E = TypeVar("E", bound=StrEnum)


def member(kind: type[E], value: str) -> E:
    """The member of an enumeration with this value.

    Raises:
        ProgramError: If there is none; the message lists them.
    """
    try:
        return kind(value)
    except ValueError:
        raise ProgramError(f"{value!r} is no {kind.__name__}; choose one of {', '.join(kind)}") from None


def whole(number: SupportsIndex, what: str) -> int:
    """A whole number as an int.

    Raises:
        ProgramError: If it is none: 1.0 is not, so that 1.5 is never rounded.
    """
    try:
        return operator.index(number)
    except TypeError:
        raise ProgramError(f"{what} is a whole number, got {number!r}") from None
