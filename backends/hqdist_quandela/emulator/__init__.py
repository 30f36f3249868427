"""A loopback emulator of Quandela's cloud service: not Quandela's service; it simulates on this machine."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hqdist.errors import MissingDependencyError

if TYPE_CHECKING:
    from hqdist_quandela.emulator.emulator import CloudEmulator
    from hqdist_quandela.emulator.faults import Faults
    from hqdist_quandela.emulator.platform import DEFAULT_PLATFORMS, Platform
    from hqdist_quandela.emulator.statistics import JobRecord, Statistics

__all__ = ["DEFAULT_PLATFORMS", "CloudEmulator", "Faults", "JobRecord", "Platform", "Statistics"]

_HOMES = {
    "CloudEmulator": "emulator",
    "DEFAULT_PLATFORMS": "platform",
    "Faults": "faults",
    "JobRecord": "statistics",
    "Platform": "platform",
    "Statistics": "statistics",
}


def __getattr__(name: str) -> Any:
    """Import Perceval, which takes a second, only when it is needed: the command line looks in here for its help."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "perceval":
            raise
        raise MissingDependencyError('the cloud emulator needs Perceval: pip install "hqdist[perceval]"') from error
