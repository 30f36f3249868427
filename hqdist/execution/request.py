"""A program with values: what a backend is asked to evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt
import torch

from hqdist.errors import RequestError
from hqdist.program import Program
from hqdist.program.checks import instance, shown, whole

#: The precisions that values may have.
DTYPES = (torch.float32, torch.float64)

# What 64 bits hold, as numbers of shots and seeds travel.
_LARGEST = 2**63 - 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """A program, the weights that all samples share, and one row of inputs for each sample.

    Attributes:
        program: What to evaluate.
        weights: (T,), in the order of ``program.weights``.
        inputs: (B, F), in the order of ``program.inputs``; the same dtype (float32 or float64) and device as weights.
        shots: Shots for each sample: one number, or a number for each of the B rows; None asks for exact values. A shot
            is a run in which at least one photon was detected.
        seed: Seeds whatever is random, row by row; None lets the backend draw one, which it then reports.
        first_row: Where the first row stood in the batch that this request was cut from: what is random in a row
            follows from the seed and the row's place there, so that it does not depend on how a batch is split.

    Raises:
        RequestError: If a shape, dtype, device, shot count or seed does not fit, or a value is not finite.
    """

    program: Program
    weights: torch.Tensor
    inputs: torch.Tensor
    shots: int | Sequence[int] | None = None
    seed: int | None = None
    first_row: int = 0

    def __post_init__(self) -> None:
        instance(self.program, Program, "the program of a request", error=RequestError)
        object.__setattr__(self, "weights", dense(self.weights, "weights").detach())
        object.__setattr__(self, "inputs", dense(self.inputs, "inputs").detach())
        weights, inputs, program = self.weights, self.inputs, self.program
        if weights.shape != (len(program.weights),):
            raise RequestError(
                f"the program has {len(program.weights)} weights, got values of shape {tuple(weights.shape)}"
            )
        if inputs.ndim != 2 or inputs.shape[1] != len(program.inputs):
            raise RequestError(
                f"the program has {len(program.inputs)} inputs, so a batch is (B, {len(program.inputs)}); "
                f"got shape {tuple(inputs.shape)}"
            )
        if weights.dtype not in DTYPES or weights.dtype != inputs.dtype:
            raise RequestError(
                f"weights and inputs are both float32 or both float64, got {weights.dtype} and {inputs.dtype}"
            )
        if weights.device != inputs.device:
            raise RequestError(f"weights are on {weights.device}, inputs on {inputs.device}; move one")
        _check_finite("weight", program.weights, weights)
        _check_finite("input", program.inputs, inputs)
        if self.shots is not None:
            object.__setattr__(self, "shots", _shots(self.shots, self.batch))
        if self.seed is not None:
            seed = whole(self.seed, "a seed, if not None,", least=0, most=_LARGEST, error=RequestError)
            object.__setattr__(self, "seed", seed)
        first = whole(self.first_row, "first_row", least=0, most=_LARGEST, error=RequestError)
        object.__setattr__(self, "first_row", first)

    @property
    def batch(self) -> int:
        """Number of samples B."""
        return self.inputs.shape[0]

    @property
    def row_shots(self) -> npt.NDArray[np.int64]:
        """Shots of each row, (B,); zeros where exact values are asked for."""
        return np.broadcast_to(np.asarray(self.shots or 0, np.int64), (self.batch,))

    @property
    def total_shots(self) -> int:
        """Shots of all rows together; 0 where exact values are asked for."""
        return int(self.row_shots.sum())

    def rows(self, first: int, last: int) -> "Request":
        """The request for the rows from `first` to before `last` alone; it gives the same values as they have here."""
        if first == 0 and last >= self.batch:
            return self
        shots = self.shots[first:last] if isinstance(self.shots, tuple) else self.shots
        return replace(self, inputs=self.inputs[first:last], shots=shots, first_row=self.first_row + first)


def _shots(shots: int | Sequence[int], batch: int) -> int | tuple[int, ...]:
    def one(number: SupportsIndex) -> int:
        return whole(number, "shots, if not None for exact values,", least=1, most=_LARGEST, error=RequestError)

    if not isinstance(shots, Sequence) or isinstance(shots, str):
        return one(shots)
    if len(shots) != batch:
        raise RequestError(f"shots are one number or one for each of the {batch} rows, got {len(shots)} numbers")
    return tuple(one(number) for number in shots)


def dense(values: object, what: str) -> torch.Tensor:
    """Values as a dense tensor, which they have to be already.

    Raises:
        RequestError: If they are no tensor, or a sparse, nested or quantised one.
    """
    if not isinstance(values, torch.Tensor):
        raise RequestError(
            f"{what} are a torch tensor, got {shown(values)} of type {type(values).__name__}; "
            "pass torch.as_tensor(values, dtype=torch.float32)"
        )
    if values.layout is not torch.strided or values.is_nested:
        raise RequestError(f"{what} are a dense tensor, got a sparse or nested one ({values.layout}); pass a dense one")
    if values.is_quantized:
        raise RequestError(f"{what} are floating-point numbers, got quantised ones; pass values.dequantize()")
    return values


def _check_finite(kind: str, names: tuple[str, ...], values: torch.Tensor) -> None:
    # A sum is finite only if all its terms are, and costs one pass without a mask; look closer only if it is not.
    if values.numel() == 0 or bool(torch.isfinite(values.sum())):
        return
    bad = (~torch.isfinite(values)).nonzero()
    if len(bad) == 0:  # finite values whose sum overflows
        return
    *row, column = bad[0].tolist()
    where = f" in row {row[0]}" if row else ""
    raise RequestError(
        f"{kind} {names[column]!r} is {values[tuple(bad[0])].item()}{where} ({len(bad)} values are not finite); "
        "angles must be finite numbers"
    )
