"""Workers as processes of their own, as `hqdist worker` starts them."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self


class WorkerProcess:
    """`hqdist worker` on a port that the system chooses; ended when the context is left."""

    def __init__(self, *options: str, port: int = 0, environment: dict[str, str] | None = None) -> None:
        command = [str(Path(sys.executable).with_name("hqdist")), "worker", "--port", str(port), "--threads", "1"]
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe that nobody reads would fill
        self._process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise AssertionError(f"the worker did not start: {self.log()}")
        self.address = line.split()[-1]

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def uri(self) -> str:
        return f"grpc://{self.address}"

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def log(self) -> str:
        """What it has written to stderr."""
        self._log.seek(0)
        return self._log.read()

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
