"""What a run ran on: enough to repeat it, nothing that names a person, a machine or a place."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import torch

_PACKAGES = ("hqdist", "torch", "numpy", "numba", "scikit-learn")


def describe_environment() -> dict[str, object]:
    """Versions, platform, processor and threads, as JSON takes them."""
    return {
        "python": platform.python_version(),
        "packages": {package: version(package) for package in _PACKAGES},
        "platform": {"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "processor": {"model": _processor(), "logical_cpus": os.cpu_count()},
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return found.group(1) if found else platform.processor()
