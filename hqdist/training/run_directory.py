"""The directory of a run: what lies in it, and who may write there."""

import fcntl
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from hqdist.errors import TrainingError
from hqdist.training.atomic import replacing
from hqdist.training.configuration import Configuration
from hqdist.training.words import brief, first_few


class RunDirectory:
    """The files of a run.

    ``config.toml``, every key of its configuration; ``environment.json``, what it started on; ``metrics.jsonl``, a
    line for each epoch; ``checkpoint.pt``, its state after the last epoch, and the best model; ``summary.json`` and
    ``curves.png``, when it is done.

    Args:
        path: Where it is, or shall be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.configuration = path / "config.toml"
        self.environment = path / "environment.json"
        self.metrics = path / "metrics.jsonl"
        self.checkpoint = path / "checkpoint.pt"
        self.summary = path / "summary.json"
        self.curves = path / "curves.png"

    @property
    def taken(self) -> bool:
        """Whether there is something at this path already: anything but an empty directory."""
        try:
            return any(self.path.iterdir()) if self.path.is_dir() else self.path.exists()
        except OSError as error:
            raise TrainingError(
                f"cannot look at the run directory {brief(str(self.path))}: {error.strerror}"
            ) from error

    def check_free(self) -> None:
        """See that a new run can have this path.

        Raises:
            TrainingError: If there is something already.
        """
        if self.taken:
            raise TrainingError(
                f"{self.path} exists already; continue that run with --resume, or choose another --run-dir"
            )

    def create(self, configuration: Configuration, environment: Mapping[str, object]) -> None:
        """Make the directory, or take an empty one, and write configuration and environment.

        Raises:
            TrainingError: If there is something already, or it cannot be made.
        """
        self.check_free()
        try:
            if not self.path.is_dir():
                Path(os.path.realpath(self.path)).mkdir(parents=True)  # a link may lead to what is not there yet
        except OSError as error:
            raise TrainingError(f"cannot make the run directory {self.path}: {error.strerror}") from error
        # The configuration alone makes a run that can be resumed, so it comes first.
        with replacing(self.configuration) as file:
            file.write(tomli_w.dumps(configuration.resolved()).encode())
        with replacing(self.environment) as file:
            file.write(json.dumps(environment, indent=2).encode() + b"\n")

    def check_resumable(self, configuration: Configuration) -> None:
        """See that the run in this directory has this very configuration.

        Raises:
            TrainingError: If it has another one, naming every key that differs; or if this is no run directory.
        """
        try:
            started_with = tomllib.loads(self.configuration.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(f"{self.path} is no run directory: config.toml cannot be read there") from error
        differences = list(_differences(started_with, configuration.resolved()))
        if differences:
            raise TrainingError(
                f"{self.path} was started with another configuration: {first_few(differences)}; "
                "resume with the same one, or choose another --run-dir"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this directory; the lock ends with the process, however it ends.

        Raises:
            TrainingError: If another process is training there.
        """
        try:
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise TrainingError(f"cannot write {self.path / 'lock'}: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(f"another process is training in {self.path}") from None
            yield

    def write_summary(self, summary: Mapping[str, object]) -> None:
        """Write the figures of a finished run."""
        with replacing(self.summary) as file:
            file.write(json.dumps(summary, indent=2).encode() + b"\n")


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} was {_shown(old)} and is {_shown(new)}"


def _shown(value: object) -> str:
    return "not set" if value is None else brief(value)
