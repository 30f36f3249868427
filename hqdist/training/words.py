"""Values and lists in messages, cut to a length that a line can bear."""

from collections.abc import Sequence
from itertools import islice
from reprlib import Repr

_brief = Repr()
_brief.maxstring = _brief.maxother = 60


def brief(value: object) -> str:
    """A value as Python writes it, without the middle of what is long or deep."""
    try:
        return _brief.repr(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        return "a number of too many digits"


def cut(text: str, length: int) -> str:
    """A text, or its beginning."""
    return text if len(text) <= length else text[: length - 1] + "…"


def first_few(problems: Sequence[str], most: int = 5) -> str:
    """The first of some problems, and how many more there are."""
    told = [cut(problem, 300) for problem in islice(problems, most)]
    return "; ".join([*told, f"and {len(problems) - most} more"] if len(problems) > most else told)
