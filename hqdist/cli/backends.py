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

        console = Console()
        table, notes = _backend_table()
        console.print(table)
        for note in notes:
            console.print(note, markup=False, soft_wrap=True)


def _backend_table() -> tuple["Table", list[str]]:
    """The table, and what there is to say below it of those that are not ready as they are."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from hqdist.execution import available_backends, backend, backend_class

    table, notes = Table(box=SIMPLE_HEAD, padding=(0, 1, 1, 0)), []
    for column in ("backend", "ready", "values", "readouts", "spaces", "devices", "limits"):
        table.add_column(column, no_wrap=True)
    for name in available_backends():
        ready = "[red]no[/]"
        try:
            backend_class(name)
            ready = "options"
            table.add_row(name, "[green]yes[/]", *_abilities(backend(name).capabilities))
        except HqdistError as error:
            table.add_row(name, ready)
            notes.append(f"{name}: {error}")
    return table, notes


def _abilities(can: "Capabilities") -> tuple[str, ...]:
    limits = {"modes": can.max_modes, "photons": can.max_photons, "samples": can.max_batch}
    return (
        "\n".join(
            word for word, has in (("exact", can.exact), ("adjoint", can.adjoint), ("sampled", can.sampled)) if has
        ),
        "\n".join(kind.__name__ for kind in can.readouts),
        "\n".join(can.spaces),
        "\n".join(can.devices),
        "\n".join(f"{most} {what}" for what, most in limits.items() if most is not None) or "none",
    )
