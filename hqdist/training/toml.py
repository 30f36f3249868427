"""Writing TOML, which the standard library only reads."""

import json
import re
from collections.abc import Mapping
from datetime import date, time


def to_toml(table: Mapping[str, object]) -> str:
    """A table as TOML text that `tomllib` reads back as an equal one.

    Args:
        table: Strings, numbers, booleans, dates, lists and tables, nested in any way.

    Raises:
        TypeError: If a value is of another type.
    """
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    blocks = ["".join(f"{_key(key)} = {_value(value)}\n" for key, value in plain.items())] if plain else []
    for key, inner in tables.items():
        lines = "".join(f"{_key(name)} = {_value(value)}\n" for name, value in inner.items())
        blocks.append(f"[{_key(key)}]\n{lines}")
    return "\n".join(blocks)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _string(key)


def _string(text: str) -> str:
    # JSON and TOML escape alike, but for the one control character that JSON allows as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _string(value)
        case date() | time():
            return value.isoformat()
        case list() | tuple():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case Mapping():
            return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}: {value!r}")
