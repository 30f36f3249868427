"""Files that are either as they were or as they shall be, whenever the process is killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hqdist.errors import TrainingError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file anew: to a temporary one beside it, which takes its place when everything is on the disk.

    Raises:
        TrainingError: If it cannot be written; the file is as it was.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
