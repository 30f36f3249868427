"""Detections before a readout, and the readout that is computed from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch

from hqdist.errors import PostSelectionError
from hqdist.program import Amplitudes, ModeExpectations, NumberCorrelators, Probabilities, Program


@dataclass(frozen=True, eq=False)
class Counts:
    """The detections of one row: sparse, so that it fits whatever the size of the Fock space.

    Attributes:
        states: (K, m) detection patterns: photons (or clicks) in each mode. A pattern may come more than once.
        weights: (K,) how often each was seen; or how likely it is, where a platform gives probabilities.
        shots: Runs in which at least one photon was detected, those whose pattern was discarded included; or their
            probability, in the unit of `weights`.
        places: (K,) places of the patterns in the readout's space, if it is known that all belong to it; None if not.
    """

    states: npt.NDArray[np.integer]
    weights: npt.NDArray[np.integer] | npt.NDArray[np.floating]
    shots: float
    places: npt.NDArray[np.int64] | None = None


def read_counts(
    program: Program, rows: Sequence[Counts], like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Compute a program's readout from detections.

    A pattern counts if it has as many photons as entered and is a state of the readout's space. Values are averages
    over those that count, and acceptances their share of all shots.

    Args:
        program: Whose readout; any but amplitudes.
        rows: The detections of each of the B samples.
        like: A tensor of the dtype and on the device that values are wanted in.

    Returns:
        Values (B, R); one standard deviation of each, (B, R), if the weights are counts; acceptances (B,).

    Raises:
        PostSelectionError: If no pattern of a row counts.
    """
    # in the dtype that is wanted, so that nothing of this size is copied
    values = torch.empty(len(rows), program.outputs, dtype=like.dtype)
    errors, acceptances = torch.empty_like(values), torch.empty(len(rows), dtype=like.dtype)
    for row, counts in enumerate(rows):
        states, weights, places = _kept(program, counts)
        accepted = weights.sum()
        if not accepted > 0:
            raise PostSelectionError(
                f"row {row}: none of {counts.shots:g} shots has {program.photons} detections in the computation space "
                f"{program.readout.space}; take more shots, another space, or a device that loses less light"
            )
        averages, squares = _averages(program, states, places, weights / accepted)
        values.numpy()[row] = averages
        errors.numpy()[row] = np.sqrt(np.clip(squares - averages**2, 0, None) / accepted)
        acceptances[row] = accepted / counts.shots
    return values.to(like.device), errors.to(like.device), acceptances.to(like.device)


def _kept(
    program: Program, counts: Counts
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.float64], npt.NDArray[np.int64] | None]:
    """The patterns that count, their weights and, where the readout needs them, their places in its space."""
    states, weights, places = counts.states, counts.weights, counts.places
    space = program.readout.space
    if places is None:
        kept = space.contains(states, program.photons)
        states, weights = states[kept], weights[kept]
        if isinstance(program.readout, Probabilities):
            places = space.ranks(states)
    return states, weights.astype(np.float64), places


def _averages(
    program: Program,
    states: npt.NDArray[np.integer],
    places: npt.NDArray[np.int64] | None,
    shares: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The averages of a readout's numbers and of their squares, (R,) each, over states with these shares."""
    match program.readout:
        case Probabilities(space=space, grouping=grouping):
            assert places is not None
            if grouping is not None:
                places = grouping.outputs(places, space.dimension(program.modes, program.photons))
            probabilities = np.bincount(places, shares, minlength=program.outputs).astype(np.float64)
            return probabilities, probabilities
        case ModeExpectations():
            numbers = states.astype(np.float64)
        case NumberCorrelators():
            pairs = list(combinations(range(program.modes), 2))
            first, second = np.array(pairs, np.intp).reshape(-1, 2).T
            numbers = states[:, first].astype(np.float64) * states[:, second]
        case Amplitudes():
            raise TypeError("amplitudes cannot be computed from detections")
    return shares @ numbers, shares @ numbers**2
