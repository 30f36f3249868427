"""What detectors tell of the photons that arrive: maps from distributions of photons to those of patterns."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.execution import Detectors, Noise
from hqdist.program import ComputationSpace

Distributions = Mapping[int, torch.Tensor]


def detected(arrived: Distributions, noise: Noise, space: ComputationSpace, modes: int, photons: int) -> torch.Tensor:
    """The probability of every pattern of a space, with as many detections as photons were asked for; (B, D).

    Args:
        arrived: (B, D_N) by the number N of photons that arrive.
        noise: Whose detectors.
        space: Which patterns.
        modes: Detectors.
        photons: Detections n.
    """
    if noise.detectors is Detectors.PNR:
        patterns = _with_dark_counts(arrived, noise.dark_counts, modes, photons)
        return patterns if space is ComputationSpace.FOCK else patterns[:, _places(space, modes, photons)]
    like = next(iter(arrived.values()))
    dimension = space.dimension(modes, photons)
    if photons > modes:  # there are not as many detectors as clicks
        return like.new_zeros(len(like), dimension)
    clicks = _clicks_with_dark_counts(_clicks(arrived, modes, photons), noise.dark_counts, modes, photons)
    if space is ComputationSpace.UNBUNCHED:
        return clicks
    if space is ComputationSpace.DUAL_RAIL:
        rails = ComputationSpace.UNBUNCHED.ranks(space.states(modes, photons))
        return clicks[:, torch.from_numpy(rails).to(clicks.device)]
    into = torch.from_numpy(ComputationSpace.FOCK.ranks(ComputationSpace.UNBUNCHED.states(modes, photons)))
    return clicks.new_zeros(len(clicks), dimension).index_copy(1, into.to(clicks.device), clicks)


def _with_dark_counts(arrived: Distributions, chance: float, modes: int, photons: int) -> torch.Tensor:
    """Every detector, one after another, counts one more with some probability."""
    if not chance:
        return arrived[photons]
    layers = {number: arrived[number] for number in range(photons + 1) if number in arrived}
    for mode in range(modes):
        layers = {
            number: _sum(
                (1 - chance) * layers[number] if number in layers else None,
                _moved(layers.get(number - 1), _without(ComputationSpace.FOCK, modes, number, mode), chance),
            )
            for number in range(photons + 1)
            if number in layers or number - 1 in layers
        }
    return layers[photons]


def _clicks(arrived: Distributions, modes: int, photons: int) -> dict[int, torch.Tensor]:
    """The probability that exactly these detectors are reached, (B, C(m, k)), by their number k up to n."""
    found: dict[int, torch.Tensor] = {}
    for number, distribution in arrived.items():
        for count, (states, supports) in _supports(modes, number).items():
            if count > photons:
                continue
            device = distribution.device
            dimension = ComputationSpace.UNBUNCHED.dimension(modes, count)
            some = distribution[:, torch.from_numpy(states).to(device)]
            part = some.new_zeros(len(some), dimension).index_add(1, torch.from_numpy(supports).to(device), some)
            found[count] = _sum(found.get(count), part)
    return found


def _clicks_with_dark_counts(clicks: dict[int, torch.Tensor], chance: float, modes: int, photons: int) -> torch.Tensor:
    """Every detector, one after another, clicks with some probability if it has not been reached."""
    for mode in range(modes) if chance else ():
        after: dict[int, torch.Tensor] = {}
        for count in range(photons + 1):
            without = _without(ComputationSpace.UNBUNCHED, modes, count, mode)
            same = None
            if count in clicks:
                silent = torch.from_numpy(np.where(without >= 0, 1.0, 1 - chance))
                same = clicks[count] * silent.to(clicks[count])
            more = _moved(clicks.get(count - 1), without, chance)
            if same is not None or more is not None:
                after[count] = _sum(same, more)
        clicks = after
    return clicks[photons]


def _moved(before: torch.Tensor | None, without: NDArray[np.int64], chance: float) -> torch.Tensor | None:
    """What comes to each pattern from the one with one detection less in some mode."""
    if before is None:
        return None
    origin = torch.from_numpy(without).to(before.device)
    return torch.where(origin >= 0, before[:, origin.clamp(min=0)] * chance, 0.0)


def _sum(first: torch.Tensor | None, second: torch.Tensor | None) -> torch.Tensor:
    parts = [part for part in (first, second) if part is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@lru_cache(maxsize=512)
def _without(space: ComputationSpace, modes: int, photons: int, mode: int) -> NDArray[np.int64]:
    """For each state, the place of the one with one photon less in a mode; -1 if there is none in it."""
    states = space.states(modes, photons)
    occupied = states[:, mode] > 0
    less = states[occupied].copy()
    less[:, mode] -= 1
    found = np.full(len(states), -1, np.int64)
    found[occupied] = space.ranks(less)
    return found


@lru_cache(maxsize=64)
def _supports(modes: int, photons: int) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """By the number of modes that are occupied: which Fock states these are, and which sets of modes."""
    occupied = (ComputationSpace.FOCK.states(modes, photons) > 0).astype(np.int8)
    counts = occupied.sum(axis=1)
    found = {}
    for count in np.unique(counts).tolist():
        states = (counts == count).nonzero()[0]
        found[count] = states, ComputationSpace.UNBUNCHED.ranks(occupied[states])
    return found


@lru_cache(maxsize=64)
def _places(space: ComputationSpace, modes: int, photons: int) -> torch.Tensor:
    """The places of a space's states among all Fock states, (D,)."""
    return torch.from_numpy(ComputationSpace.FOCK.ranks(space.states(modes, photons)))
