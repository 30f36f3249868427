"""Quandela's photonic processors and simulators, on Quandela Cloud and Scaleway, through Perceval's client."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqdist_quandela.backend import QuandelaBackend
    from hqdist_quandela.twin import Twin

__all__ = ["QuandelaBackend", "Twin"]

_HOMES = {"QuandelaBackend": "backend", "Twin": "twin"}


def __getattr__(name: str) -> Any:
    """Import torch only when it is needed: the command line looks in here for the emulator's help."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
