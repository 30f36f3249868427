"""Sub-commands that installed packages add, by the entry-point group ``hqdist.commands``."""

from collections.abc import Callable
from functools import lru_cache, wraps
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from hqdist.cli.one_line import one_line_errors
from hqdist.errors import ConfigurationError

#: Entry-point group in which packages announce sub-commands: functions as Typer takes them.
GROUP = "hqdist.commands"


class WithPlugins(TyperGroup):
    """A group of commands, and those of plug-ins, which are loaded when they are asked for.

    Contexts and commands are Click's, which Typer brings along in some versions and imports in others.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all."""
        return [*super().list_commands(ctx), *_plugins()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; one that cannot be loaded says so when it is called."""
        own = super().get_command(ctx, cmd_name)
        return _load(_plugins()[cmd_name]) if own is None and cmd_name in _plugins() else own


@lru_cache(maxsize=1)
def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def _load(point: EntryPoint) -> Any:
    plugin = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    try:
        function = _telling(point.load())
    except Exception as error:  # whatever somebody else's module does when it is imported
        function = _broken(f"{point.name} ({point.value}) cannot be loaded: {type(error).__name__}: {error}")
    plugin.command(point.name)(function)
    return typer.main.get_command(plugin)


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def command(*arguments: Any, **options: Any) -> Any:
        with one_line_errors():
            return function(*arguments, **options)

    return command


def _broken(why: str) -> Callable[[], None]:
    def command() -> None:
        with one_line_errors():
            raise ConfigurationError(f"{why}; mend or uninstall the package that announces it")

    command.__doc__ = "Cannot be loaded."
    return command
