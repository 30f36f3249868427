"""What a measurement ran on: processor, threads, versions. Names no host and no path."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import threadpoolctl
import torch

#: Packages whose versions decide the figures.
PACKAGES = ("hqdist", "merlinquantum", "perceval-quandela", "exqalibur", "torch", "numpy", "numba", "llvmlite")
#: Instruction sets worth telling.
INSTRUCTION_SETS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512dq", "avx512vl", "avx512_bf16", "neon", "asimd")


def pin_threads(threads: int | None) -> int:
    """Give torch, and with it hqdist's kernels, and every BLAS and OpenMP pool the same number of threads.

    Args:
        threads: How many; None takes the cores that this process may run on.
    """
    threads = threads or available_cores()
    torch.set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)
    return threads


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def description() -> dict[str, object]:
    """The machine, the threads as they are set now, and the software."""
    pools = {(pool["user_api"], pool["internal_api"]): pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    return {
        "processor": _processor(),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in _flags()],
        "cores": available_cores(),
        "memory_gib": round(_memory() / 2**30, 1),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version(name) for name in PACKAGES},
        "revision": _revision(),
        "threads": {"torch": torch.get_num_threads()} | {f"{api} ({kind})": n for (api, kind), n in pools.items()},
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _cpuinfo(field: str) -> str:
    path = Path("/proc/cpuinfo")
    found = re.search(rf"^{field}\s*:\s*(.*)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return found.group(1) if found else ""


def _processor() -> str:
    family, model = _cpuinfo("cpu family"), _cpuinfo("model")
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    return f"{name} (family {family}, model {model})" if family else name


def _flags() -> set[str]:
    return set((_cpuinfo("flags") or _cpuinfo("Features")).split())


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _revision() -> str:
    """The commit that was measured; "-dirty" if files were changed since."""
    try:
        command = ["git", "describe", "--always", "--dirty"]
        return subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
