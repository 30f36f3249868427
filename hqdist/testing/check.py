"""One check of the conformance kit, and what it says when a backend does not pass."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from hqdist.errors import HqdistError
from hqdist.execution import Backend
from hqdist.testing.reference import Numbers, as_array


class ConformanceError(HqdistError, AssertionError):
    """A backend does not keep what every backend promises, or what its capabilities say."""


@dataclass(frozen=True)
class Check:
    """A promise that a backend is held to; call it to check.

    Attributes:
        function: Raises `ConformanceError` if a backend breaks the promise.
        backend: The backend.
    """

    function: Callable[[Backend], None]
    backend: Backend

    @property
    def name(self) -> str:
        """The promise, in a few words."""
        return self.function.__name__

    @property
    def statement(self) -> str:
        """The promise, in a sentence."""
        return (self.function.__doc__ or "").split("\n")[0]

    def __call__(self) -> None:
        """Check the promise.

        Raises:
            ConformanceError: If the backend breaks it; whatever the backend raised in the course of it is the cause.
        """
        try:
            self.function(self.backend)
        except ConformanceError as error:
            raise ConformanceError(f"{self.backend.name}, {self.name}: {error}") from error.__cause__
        except Exception as error:
            raise ConformanceError(
                f"{self.backend.name}, {self.name}: it raised {type(error).__name__}: {error}"
            ) from error

    def __str__(self) -> str:
        return self.name


def require(condition: bool, message: str) -> None:
    """Raise `ConformanceError` with a message unless a condition holds."""
    if not condition:
        raise ConformanceError(message)


def require_close(found: Numbers, expected: Numbers, tolerance: float, what: str) -> None:
    """Raise `ConformanceError` unless two arrays agree to a tolerance, relative to the largest number above 1."""
    left, right = as_array(found), as_array(expected)
    require(left.shape == right.shape, f"{what}: shape {left.shape}, expected {right.shape}")
    if right.size == 0:
        return
    difference = np.abs(left - right)
    allowed = tolerance * max(1.0, float(np.abs(right).max()))
    worst = tuple(int(i) for i in np.unravel_index(int(np.nan_to_num(difference, nan=np.inf).argmax()), right.shape))
    require(
        bool(difference[worst] <= allowed),
        f"{what}: {left[worst]} at {worst}, expected {right[worst]}; they differ by {difference[worst]:.1e}, "
        f"at most {allowed:.1e} is allowed",
    )


def require_same(found: torch.Tensor, expected: torch.Tensor, what: str) -> None:
    """Raise `ConformanceError` unless two tensors agree in every bit."""
    require(found.shape == expected.shape, f"{what}: shape {tuple(found.shape)}, expected {tuple(expected.shape)}")
    if not torch.equal(found, expected):
        difference = float((found - expected).abs().max())
        raise ConformanceError(f"{what}: not the same bits, the values differ by up to {difference:.1e}")
