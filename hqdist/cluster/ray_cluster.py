"""The Ray cluster that pools live on: one that is there, or one on this machine. Nothing here imports Ray early."""

import os
import subprocess
import sys
from typing import Any

from hqdist.errors import ConfigurationError, MissingDependencyError

#: Pools and their workers are named within this Ray namespace.
NAMESPACE = "hqdist"


def ray() -> Any:
    """The module `ray`.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns about a coming default that only matters to tasks which ask for no GPU; ours name what they need.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            f"pools need Ray, which is not installed: {error}; install hqdist with the extra 'ray'"
        ) from error
    return ray


def connect(*, start: bool = False) -> Any:
    """The module `ray`, connected to a cluster: ``$RAY_ADDRESS``, or one on this machine.

    Args:
        start: Whether to start one on this machine if there is none. It goes on when this process ends; `ray stop`
            ends it.

    Raises:
        ConfigurationError: If there is none, or it cannot be reached.
        MissingDependencyError: If Ray is not installed.
    """
    module = ray()
    if module.is_initialized():
        return module
    try:
        _initialise(module)
    except ConnectionError as error:
        if not start or os.environ.get("RAY_ADDRESS"):
            raise ConfigurationError(
                f"no Ray cluster can be reached ({error}); set RAY_ADDRESS, or start a pool with: hqdist pool start"
            ) from error
        _start_here()
        _initialise(module)
    return module


def _initialise(module: Any) -> None:
    module.init(address="auto", namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")


def _start_here() -> None:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--port=0", "--include-dashboard=false"]
    done = subprocess.run([*command, "--disable-usage-stats"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigurationError(f"Ray could not be started on this machine: {done.stderr.strip() or done.stdout}")
