"""What a run directory holds is read in one way: whatever goes wrong is damage."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hqdist.errors import TrainingError
from hqdist.training.words import cut


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """Read and check a file of a run within this context.

    Raises:
        TrainingError: If anything is raised within.
    """
    try:
        yield
    except Exception as error:  # unpickling a damaged file leads to anything
        reason = cut(str(error).partition("\n")[0] or type(error).__name__, 200)
        raise TrainingError(
            f"{path} is damaged: {reason}; delete the run directory, or choose another --run-dir"
        ) from error
