"""Options of backends as configuration files give them: tables that become values."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from hqdist.errors import ConfigurationError
from hqdist.program.checks import shown

T = TypeVar("T")


def as_value(kind: type[T], given: T | Mapping[str, Any] | None, option: str) -> T | None:
    """An option that is a dataclass, from an instance or from a table of its fields; None stays None.

    Args:
        kind: A dataclass that takes keywords.
        given: What the user gave.
        option: Its name, for messages.

    Raises:
        ConfigurationError: If it is neither, or a key is unknown.
    """
    if given is None or isinstance(given, kind):
        return given
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{option} is a {kind.__name__} or a table of its fields, got {shown(given)}")
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        raise ConfigurationError(f"{option} has the unknown keys {', '.join(unknown)}; it knows {', '.join(known)}")
    return kind(**given)
