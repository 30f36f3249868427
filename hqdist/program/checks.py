"""Checks of values that several parts of a program share, each with an error that says what is allowed."""

import math
import operator
import os
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from os import PathLike
from threading import TIMEOUT_MAX
from types import UnionType
from typing import Any, SupportsFloat, SupportsIndex, TypeVar, get_args

import numpy as np

from hqdist.errors import ConfigurationError, HqdistError, ProgramError

#: Most modes of a program. A dense unitary of this size takes 256 MiB; photonic chips have tens to hundreds of modes.
MAX_MODES = 4096

#: Most photons of a program: states list the photons of each mode as int8. Boson sampling is out of reach long before.
MAX_PHOTONS = 127

#: Most outputs of a grouping: `assign` numbers them as int32.
MAX_GROUPS = 2**31 - 1

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def shown(value: object) -> str:
    """A value for an error message: one line, cut where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # integers of more than 4300 digits have no repr; neither have some broken objects
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:97]}..."


def member(kind: type[E], value: str, *, error: type[HqdistError] = ProgramError) -> E:
    """The member of an enumeration with this value.

    Raises:
        ProgramError: If there is none; the message lists them.
    """
    try:
        return kind(value)
    except ValueError:
        raise error(f"{shown(value)} is no {kind.__name__}; choose one of {', '.join(kind)}") from None


def whole(
    number: SupportsIndex,
    what: str,
    *,
    least: int | None = None,
    most: int | None = None,
    error: type[HqdistError] = ProgramError,
) -> int:
    """A whole number as an int.

    Args:
        number: What was given; neither 1.0 nor True is a whole number, so that 1.5 is never rounded.
        what: What it is, for the message.
        least: The smallest that is allowed.
        most: The largest that is allowed.
        error: What is raised.

    Raises:
        ProgramError: If it is none, or out of range.
    """
    try:
        index = None if isinstance(number, bool) else operator.index(number)
    except (TypeError, ValueError, RuntimeError):  # torch raises the latter two for tensors that are no one integer
        index = None
    if index is None or (least is not None and index < least) or (most is not None and index > most):
        bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
        allowed = f" ({' and '.join(bounds)})" if bounds else ""
        raise error(f"{what} is a whole number{allowed}, got {shown(number)}")
    return index


def real(number: SupportsFloat, what: str, *, error: type[HqdistError] = ProgramError) -> float:
    """A finite real number as a float.

    Raises:
        ProgramError: If it is none; text, True and 1j are none. Nor is a tensor that requires a gradient: taken as a
            number it would lose it.
    """
    if getattr(number, "requires_grad", False):
        raise error(f"{what} cannot be trained through a tensor; name a parameter, and give its value as a weight")
    try:
        if not isinstance(number, bool | np.bool_ | np.complexfloating) and math.isfinite(number):
            return float(number)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass
    raise error(f"{what} is a finite real number, got {shown(number)}")


def seconds(
    number: SupportsFloat, what: str, *, zero: bool = False, error: type[HqdistError] = ConfigurationError
) -> float:
    """A time that something may take or wait, in seconds.

    Args:
        number: What was given.
        what: What it is, for the message.
        zero: Whether it may be no time at all.
        error: What is raised.

    Raises:
        ConfigurationError: If it is none, or longer than a thread can wait.
    """
    found = real(number, what, error=error)
    if not (0 <= found <= TIMEOUT_MAX and (zero or found)):
        raise error(f"{what} is a number of seconds {'from' if zero else 'above'} zero, got {shown(number)}")
    return found


def text(value: str | PathLike[str], what: str, *, error: type[HqdistError] = ConfigurationError) -> str:
    """Text that is not empty, or a path as text.

    Raises:
        ConfigurationError: If it is none, or has a NUL in it, which no system takes.
    """
    found = os.fspath(value) if isinstance(value, PathLike) else value
    if not isinstance(found, str) or not found or "\0" in found:
        raise error(f"{what} is text that is not empty, got {shown(value)}")
    return found


def parameter_name(text: str) -> str:
    """The name of a parameter: text that is not empty and can be encoded as UTF-8.

    Raises:
        ProgramError: If it is none.
    """
    try:
        if isinstance(text, str) and text.encode():
            return str(text)
    except UnicodeEncodeError:
        pass
    raise ProgramError(f"a parameter has a name that is Unicode text and not empty, got {shown(text)}")


def listed(
    values: Iterable[T], what: str, *, most: int | None = None, error: type[HqdistError] = ProgramError
) -> tuple[T, ...]:
    """Some values as a tuple; text is not a list of letters.

    Raises:
        ProgramError: If there is nothing to list, or more than `most` values, of which no more are looked at.
    """
    try:
        found = None if isinstance(values, str | bytes) else tuple(islice(values, None if most is None else most + 1))
    except TypeError:
        found = None
    if found is None:
        raise error(f"{what} is a list or tuple, got {shown(values)}")
    if most is not None and len(found) > most:
        raise error(f"{what} has more than {most} entries, at most {most} are allowed")
    return found


def instance(value: Any, kinds: type[T] | UnionType, what: str, *, error: type[HqdistError] = ProgramError) -> T:
    """A value that is of a class, or of one of several.

    Raises:
        ProgramError: If it is not; the message lists them.
    """
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in get_args(kinds) or (kinds,))
        raise error(f"{what} is of type {names}, got {shown(value)} of type {type(value).__name__}")
    checked: T = value
    return checked
