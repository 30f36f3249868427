"""How a worker's log looks: lines for people, or JSON for machines."""

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum

from hqdist.errors import ConfigurationError
from hqdist.program.checks import member


class LogFormat(StrEnum):
    """Lines for people, or a JSON object a line."""

    TEXT = "text"
    JSON = "json"


_LEVELS = ("debug", "info", "warning", "error")


def log_to_stderr(level: str = "info", form: str = LogFormat.TEXT) -> None:
    """Write what hqdist logs, from a level on, to stderr.

    Args:
        level: "debug" tells of every request, "info" of the worker itself, "warning" and "error" of what somebody
            should look at: a backend that fails, work that could not be finished.
        form: How; see `LogFormat`.

    Raises:
        ConfigurationError: If there is no such level or format.
    """
    if level not in _LEVELS:
        raise ConfigurationError(f"a log level is one of {', '.join(_LEVELS)}, got {level!r}")
    form = member(LogFormat, form, error=ConfigurationError)
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(_Json() if form is LogFormat.JSON else text)
    logger = logging.getLogger("hqdist")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


#: What every record has; the rest was given with it.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _USUAL},
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)
