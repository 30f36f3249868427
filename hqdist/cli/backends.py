"""The command `hqdist backends`."""

from typing import TYPE_CHECKING

from hqdist.cli.one_line import one_line_errors
from hqdist.errors import HqdistError

if TYPE_CHECKING:
    from rich.table import Table

    from hqdist.execution import Capabilities


def backends() -> None:
    """List the backends, whether they are ready, and what each can do."""
    with one_line_errors():
        from rich.console import Console

        Console().print(_backend_table())


def _backend_table() -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from hqdist.execution import available_backends, backend, backend_class

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 1, 0))
    for column in ("backend", "ready", "values", "gradient", "readouts", "spaces", "devices", "limits"):
        table.add_column(column, no_wrap=column in ("backend", "readouts", "spaces"), min_width=len(column))
    for name in available_backends():
        try:
            backend_class(name)
        except HqdistError as error:
            table.add_row(name, "[red]no[/]", escape(str(error)))
            continue
        try:
            table.add_row(name, "[green]yes[/]", *_abilities(backend(name).capabilities))
        except HqdistError as error:
            table.add_row(name, "[yellow]with options[/]", escape(str(error)))
    return table


def _abilities(can: "Capabilities") -> tuple[str, ...]:
    limits = {"modes": can.max_modes, "photons": can.max_photons, "samples": can.max_batch}
    return (
        "\n".join(word for word, has in (("exact", can.exact), ("sampled", can.sampled)) if has),
        "adjoint" if can.adjoint else "none",
        "\n".join(kind.__name__ for kind in can.readouts),
        "\n".join(can.spaces),
        "\n".join(can.devices),
        "\n".join(f"{most} {what}" for what, most in limits.items() if most is not None) or "none",
    )
