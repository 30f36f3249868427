"""Machines of a network of their own on this machine: network namespaces on a bridge, each with its address."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

#: Private addresses that nothing else here should have.
_PREFIX = "10.213.77"


def run(*command: str) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def why_not() -> str | None:
    """Why there can be no network namespaces here; None if there can."""
    name = f"hq{secrets.token_hex(3)}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "delete", name)
    except (OSError, AssertionError) as error:
        return f"network namespaces cannot be made here: {error}"
    return None


class Machine:
    """A namespace: an address, a link to the others, and what runs in it.

    Attributes:
        address: Its address.
    """

    def __init__(self, bridge: str, number: int, folder: str) -> None:
        self.address = f"{_PREFIX}.{number}"
        self._name, self._link = f"{bridge}-{number}", f"{bridge}v{number}"
        self._environment = os.environ | {
            "RAY_ADDRESS": f"{_PREFIX}.1:6379",
            "RAY_TMPDIR": folder,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",  # or the head would want a token that others do not show
            "NO_PROXY": "*",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # Ray notices within some three seconds that a node is gone
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_timeout_ms": "1000",
            "RAY_health_check_failure_threshold": "3",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
        }
        run("ip", "netns", "add", self._name)
        run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self._name)
        run("ip", "link", "set", self._link, "master", bridge, "up")
        run("ip", "-n", self._name, "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            run("ip", "-n", self._name, "link", "set", device, "up")

    def start_ray(self, *options: str) -> None:
        """Become a node of the cluster."""
        self.run(
            "ray", "start", f"--node-ip-address={self.address}", "--num-cpus=1", "--object-store-memory=80000000",
            "--disable-usage-stats", *options,
        )  # fmt: skip

    def run(self, *command: str) -> str:
        """What a command prints on this machine."""
        done = subprocess.run(
            self._inside(command), env=self._environment, capture_output=True, text=True, check=False, timeout=180
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def popen(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command that is spoken to."""
        return subprocess.Popen(
            self._inside(command), env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def cut(self) -> None:
        """Take the link down: nothing comes through any more, and nobody is told."""
        run("ip", "link", "set", self._link, "down")

    def mend(self) -> None:
        """The link is up again."""
        run("ip", "link", "set", self._link, "up")

    def kill(self, words: str = "") -> int:
        """SIGKILL to every process with these words in its command; how many there were."""
        found = [pid for pid in map(int, run("ip", "netns", "pids", self._name).split()) if words in _command(pid)]
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def remove(self) -> None:
        """End everything in it."""
        while self.kill():
            pass
        run("ip", "netns", "delete", self._name)

    def _inside(self, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self._name, *command]


class Network:
    """Some machines on a bridge, as long as the context lasts."""

    def __init__(self, machines: int) -> None:
        self._bridge = f"hq{secrets.token_hex(3)}"
        run("ip", "link", "add", self._bridge, "type", "bridge")
        run("ip", "link", "set", self._bridge, "up")
        self._folder = tempfile.TemporaryDirectory(prefix="hq")  # short: sockets are in it
        self.machines = [Machine(self._bridge, number, self._folder.name) for number in range(1, machines + 1)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            machine.remove()
        run("ip", "link", "delete", self._bridge)
        self._folder.cleanup()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
