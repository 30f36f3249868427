"""Angles that are affine in weights and inputs: evaluated for whole tiles of samples, and differentiated.

Everything is float64 and summed in a fixed order, sample by sample: a row's bits do not depend on the rows around it.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist_exact._precision import check_angles
from hqdist_exact._vector import LANES
from hqdist_exact.jit import inner, kernel


class AffineAngles(NamedTuple):
    """The angles of some gates; arrays only, as Numba takes them. Beam splitters have half their theta here."""

    constants: NDArray[np.float64]
    """(P,) constant part of each angle, in radians."""
    first_term: NDArray[np.int64]
    """(P + 1,) first term of each angle, then the number of terms."""
    parameters: NDArray[np.int64]
    """(terms,) what a term multiplies: weight t as t, input f as T + f."""
    coefficients: NDArray[np.float64]
    """(terms,) by what."""


def waves(
    angles: AffineAngles, weights: NDArray[np.float64], inputs: NDArray[np.float64], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Cosine and sine of every angle in tiles of L samples, (tiles, P, 2, L); angle zero in lanes without a sample.

    Args:
        angles: P angles.
        weights: (T,).
        inputs: (B, F).
        dtype: of the result, which decides L.

    Raises:
        RequestError: If an angle is too large for a floating-point number.
    """
    lanes = LANES[dtype]
    values = np.zeros((-(-len(inputs) // lanes), len(angles.constants), lanes))
    _evaluate(values, angles, weights, inputs)
    check_angles(bool(np.isfinite(values).all()))
    result = np.empty((*values.shape[:2], 2, lanes), dtype)
    result[:, :, 0], result[:, :, 1] = np.cos(values), np.sin(values)
    return result


def pull_back_angles(
    angles: AffineAngles, by_angle: NDArray[Any], weights: int, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Derivatives by weights (T,) and inputs (B, F), from those by the angles, (tiles, P, L).

    Args:
        angles: P angles.
        by_angle: (tiles, P, L).
        weights: T.
        shape: (B, F).
    """
    by_weights, by_inputs = np.zeros(weights), np.zeros(shape)
    _pull_back(angles, by_angle, by_weights, by_inputs)
    return by_weights, by_inputs


def angles_in_torch(angles: AffineAngles, weights: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """The angles of every sample, (B, P), float64, on the inputs' device and differentiable by torch."""
    device, count = inputs.device, len(weights)
    derivatives = torch.zeros(len(angles.constants), count + inputs.shape[1], dtype=torch.float64)
    rows = np.repeat(np.arange(len(angles.constants)), np.diff(angles.first_term))
    derivatives[rows, angles.parameters] = torch.from_numpy(angles.coefficients)
    by_weight, by_input = derivatives.to(device).tensor_split([count], dim=1)
    return torch.from_numpy(angles.constants).to(device) + by_weight @ weights.double() + inputs.double() @ by_input.T


@inner
def shared_angle(angles: AffineAngles, gate: int, weights: NDArray[np.float64]) -> float:
    """The part of an angle that does not depend on inputs."""
    angle = angles.constants[gate]
    for term in range(angles.first_term[gate], angles.first_term[gate + 1]):
        if angles.parameters[term] < len(weights):
            angle += angles.coefficients[term] * weights[angles.parameters[term]]
    return float(angle)


@kernel
def _evaluate(
    values: NDArray[np.float64], angles: AffineAngles, weights: NDArray[np.float64], inputs: NDArray[np.float64]
) -> None:
    tiles, gates, lanes = values.shape
    for gate in range(gates):
        shared = shared_angle(angles, gate, weights)
        for tile in range(tiles):
            for lane in range(min(lanes, len(inputs) - tile * lanes)):
                angle = shared
                for term in range(angles.first_term[gate], angles.first_term[gate + 1]):
                    column = angles.parameters[term] - len(weights)
                    if column >= 0:
                        angle += angles.coefficients[term] * inputs[tile * lanes + lane, column]
                values[tile, gate, lane] = angle


@kernel
def _pull_back(
    angles: AffineAngles, by_angle: NDArray[Any], by_weights: NDArray[np.float64], by_inputs: NDArray[np.float64]
) -> None:
    tiles, gates, lanes = by_angle.shape
    for gate in range(gates):
        for term in range(angles.first_term[gate], angles.first_term[gate + 1]):
            coefficient, column = angles.coefficients[term], angles.parameters[term] - len(by_weights)
            for tile in range(tiles):
                for lane in range(min(lanes, len(by_inputs) - tile * lanes)):
                    slope = coefficient * by_angle[tile, gate, lane]
                    if column >= 0:
                        by_inputs[tile * lanes + lane, column] += slope
                    else:
                        by_weights[angles.parameters[term]] += slope
