"""From the light in the modes to the values of a readout, in torch operations on top of an engine.

An engine holds the light of a batch: the columns ``V_b = U_b[:, occupied]`` of every sample's unitary, (m, n) each, and
turns them into probabilities or amplitudes by SLOS.
"""

from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.errors import PostSelectionError
from hqdist.program import (
    Amplitudes,
    ComputationSpace,
    LexGrouping,
    ModeExpectations,
    ModGrouping,
    NumberCorrelators,
    Probabilities,
    Program,
)
from hqdist_exact._averages import averages
from hqdist_exact._chunks import in_chunks
from hqdist_exact._noise_tables import NoiseTables
from hqdist_exact._rows import normalised, normalised_squares, row_sums


class Light(Protocol):
    """The light of a batch, differentiable."""

    def columns(self) -> torch.Tensor:
        """The occupied columns of every sample's unitary, (B, m, n), complex."""

    def probabilities(self, space: ComputationSpace, outputs: NDArray[np.int32] | None, size: int) -> torch.Tensor:
        """Probabilities of the states of a space, (B, D), or summed into `size` outputs; not renormalised."""

    def amplitudes(self, space: ComputationSpace) -> torch.Tensor:
        """Amplitudes of the states of a space, (B, D), complex; not renormalised."""

    def patterns(
        self, tables: NoiseTables, outputs: NDArray[np.int32] | None, size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities of patterns of detections with noise, (B, D), or summed into `size` outputs; and their sums."""


#: Values (B, R), and what was left of each row after post-selection, (B,), if anything was discarded.
Reading = tuple[torch.Tensor, torch.Tensor | None]


def read(program: Program, light: Light, overlap: float = 1.0) -> Reading:
    """The values of a program's readout, and the probability of its space if that is a post-selection.

    Args:
        program: What is read.
        light: The light of a batch.
        overlap: Indistinguishability of any two photons. Only expectations over all Fock states can be read if it is
            not 1; others follow from `Light.patterns`.

    Raises:
        PostSelectionError: If a sample has no probability in the computation space.
    """
    readout, space = program.readout, program.readout.space
    dimension = space.dimension(program.modes, program.photons)
    match readout:
        case Probabilities(grouping=LexGrouping() | ModGrouping() as grouping):
            return _renormalised(light.probabilities(space, assigned(grouping, dimension), grouping.size), space)
        case Amplitudes():
            return _unit_norm(light.amplitudes(space), space)
        case ModeExpectations(space=ComputationSpace.FOCK):
            return _mode_expectations(light.columns()), None
        case NumberCorrelators(space=ComputationSpace.FOCK):
            columns = light.columns()
            row = 16 * program.outputs * max(program.photons, 1) * columns.element_size()
            return in_chunks(lambda chunk: _number_correlators(chunk, program.input_state, overlap), columns, row), None
        case Probabilities():
            return _renormalised(light.probabilities(space, None, dimension), space)
        case _:
            probabilities, accepted = _renormalised(light.probabilities(space, None, dimension), space)
            return averages(readout, space, program.modes, program.photons, probabilities), accepted


@lru_cache(maxsize=64)
def assigned(grouping: LexGrouping | ModGrouping, dimension: int) -> NDArray[np.int32]:
    return grouping.assign(dimension)


def _renormalised(probabilities: torch.Tensor, space: ComputationSpace) -> Reading:
    if not space.post_selects:
        return probabilities, None
    accepted = row_sums(probabilities)
    check_accepted(accepted)
    return normalised(probabilities, accepted), accepted.flatten()


def _unit_norm(amplitudes: torch.Tensor, space: ComputationSpace) -> Reading:
    if not space.post_selects:
        return amplitudes, None
    planes = torch.view_as_real(amplitudes).flatten(1)
    accepted = row_sums(planes.detach().square())
    check_accepted(accepted)
    values = torch.view_as_complex(normalised_squares(planes, accepted).reshape(*amplitudes.shape, 2))
    return values, accepted.flatten()


def check_accepted(accepted: torch.Tensor) -> None:
    """See that something is left of every sample, (B, 1): more than rounding leaves of amplitudes that cancel."""
    rounding = (8 * torch.finfo(accepted.dtype).eps) ** 2
    refused = (~(accepted >= rounding)).flatten()
    if bool(refused.any()):
        row = int(refused.nonzero()[0])
        raise PostSelectionError(
            f"sample {row} has no probability in the computation space ({int(refused.sum())} of {len(refused)} "
            "samples), so nothing can be renormalised; use another computation space, circuit or kind of detector"
        )


def _mode_expectations(columns: torch.Tensor) -> torch.Tensor:
    """``<n_j> = sum_i |V_ji|^2`` over the photons i: no Fock space is needed."""
    return _over_photons(_power(columns))


def _number_correlators(columns: torch.Tensor, input_state: tuple[int, ...], overlap: float) -> torch.Tensor:
    """``<n_i n_j> = N_i N_j + I |G_ij|^2 - sum_k t_k (I t_k + 1) |U_ik|^2 |U_jk|^2`` for i != j.

    N are the mode expectations, ``G_ij = sum_k t_k conj(U_ik) U_jk``, t_k the photons that enter mode k, and I the
    overlap: Wick's theorem for the normally ordered product, corrected for photons that share a mode. Two photons of
    different modes interfere with probability I, those of the same mode cannot. No Fock space is needed.
    """
    upper, lower = np.triu_indices(columns.shape[1], k=1)
    power = _power(columns)
    mean = _over_photons(power)
    re_i, im_i, re_j, im_j = (
        part[:, modes] for modes in (upper, lower) for part in torch.view_as_real(columns).unbind(3)
    )
    together_re, together_im = _over_photons(re_i * re_j + im_i * im_j), _over_photons(re_i * im_j - im_i * re_j)
    # column k comes t_k times, so each of its copies carries (I t_k + 1)
    copies = torch.tensor(
        [overlap * t + 1 for t in input_state for _ in range(t)], dtype=mean.dtype, device=mean.device
    )
    same = _over_photons(power[:, upper] * power[:, lower] * copies)
    together = together_re.square() + together_im.square()
    return mean[:, upper] * mean[:, lower] + overlap * together - same


def _power(columns: torch.Tensor) -> torch.Tensor:
    # Real operations one by one: torch rounds complex ones differently at the end of a tensor and within it.
    real, imaginary = torch.view_as_real(columns).unbind(3)
    return real.square() + imaginary.square()


def _over_photons(terms: torch.Tensor) -> torch.Tensor:
    """Sum over the photons, (B, ..., n) to (B, ...), one after another, whatever the batch."""
    first, *others = terms.unbind(2) if terms.shape[2] else (terms.sum(dim=2),)
    return sum(others, start=first)
