"""The values of a readout with noise: what photons arrive, what detectors tell, and what of it counts."""

from dataclasses import dataclass
from functools import lru_cache

import torch

from hqdist.execution import Detectors, Noise
from hqdist.program import (
    ComputationSpace,
    LexGrouping,
    ModeExpectations,
    ModGrouping,
    NumberCorrelators,
    Program,
    observable,
)
from hqdist_exact._chunks import CHUNK_BYTES, in_chunks
from hqdist_exact._detection import detected
from hqdist_exact._lattice import Lattice, lattice
from hqdist_exact._mixture import distributions
from hqdist_exact._readout import Light, Reading, check_accepted, read
from hqdist_exact._rows import normalised, row_sums

#: Most ways in which photons may interfere, or not: each takes a distribution of its own.
MOST_CHOICES = 2**14


@dataclass(frozen=True)
class NoisyReading:
    """How a program is read with some noise.

    Attributes:
        program: What is read.
        noise: Of source, loss and detectors; phases are the circuit's matter.
    """

    program: Program
    noise: Noise

    def read(self, light: Light) -> Reading:
        """Values (B, R), and the fraction of shots that count, (B,).

        Raises:
            PostSelectionError: If a sample has no probability in the computation space.
        """
        if self.only_loses:
            values, accepted = read(self.program, light)
            share = self._survival / self._shot
            if share == 0.0:
                check_accepted(values.new_zeros(len(values), 1))
            rows = values.real.new_full((len(values),), share)
            return values, rows if accepted is None else rows * accepted
        columns = light.columns()
        return in_chunks(self._read, columns, self.bytes_for_sample(columns.element_size()))

    @property
    def only_loses(self) -> bool:
        """Whether values that are conditional on all photons are those of an ideal device."""
        noise = self.noise
        return noise.indistinguishability == 1 and noise.g2 == 0 and noise.counts_are_photons

    @property
    def choices(self) -> int:
        """In how many ways photons may interfere: how many of each source's are in the common mode."""
        return 1 if self.only_loses else len({c for c, _ in self.noise.survivors()}) ** self.program.photons

    def bytes_needed(self, batch: int, item: int) -> int:
        """Bytes for a batch on top of those that the light takes; `item` is that of a complex number."""
        if self.only_loses:
            return 0
        sample = self.bytes_for_sample(item)
        return max(sample, min(batch * sample, CHUNK_BYTES)) + 2 * batch * item * self.program.outputs

    def bytes_for_sample(self, item: int) -> int:
        """Bytes that the distributions of one sample take, and their derivatives."""
        return 3 * item * _numbers(self.plan, self.program.modes)

    @property
    def plan(self) -> Lattice:
        """How distributions are put together."""
        photons, noise = self.program.photons, self.noise
        entered = tuple(mode for mode, count in enumerate(self.program.input_state) for _ in range(count))
        least, most = photons, photons
        if not noise.counts_are_photons:
            least = 0
            most = photons if noise.detectors is Detectors.PNR else photons * noise.most_photons_per_source
        return lattice(entered, tuple(sorted(noise.survivors().items())), least, most)

    @property
    def _shot(self) -> float:
        return self.noise.detection_probability(self.program.photons, self.program.modes) or 1.0

    @property
    def _survival(self) -> float:
        return (self.noise.brightness * self.noise.transmittance) ** self.program.photons

    def _read(self, columns: torch.Tensor) -> Reading:
        program, space = self.program, self.program.readout.space
        arrived = distributions(self.plan, columns)
        patterns = (
            detected(arrived, self.noise, space, program.modes, program.photons)
            if arrived
            else columns.real.new_zeros(len(columns), space.dimension(program.modes, program.photons))
        )
        accepted = row_sums(patterns)
        # what rounding leaves is in proportion to all photons that could have been detected so
        check_accepted(accepted / _total(arrived, program.photons).clamp(min=torch.finfo(accepted.dtype).tiny))
        return _averages(program, normalised(patterns, accepted)), (accepted.flatten() / self._shot).clamp(max=1.0)


def _total(arrived: dict[int, torch.Tensor], photons: int) -> torch.Tensor:
    if not arrived:
        return torch.ones(1, 1)
    likely = arrived.get(photons, next(iter(arrived.values())))
    return row_sums(likely)


def _averages(program: Program, probabilities: torch.Tensor) -> torch.Tensor:
    readout = program.readout
    grouping = getattr(readout, "grouping", None)
    if isinstance(grouping, LexGrouping | ModGrouping):
        into = torch.from_numpy(grouping.assign(probabilities.shape[1])).to(probabilities.device, torch.int64)
        return probabilities.new_zeros(len(probabilities), grouping.size).index_add(1, into, probabilities)
    if isinstance(readout, ModeExpectations | NumberCorrelators):
        return probabilities @ _observable(program).to(probabilities)
    return probabilities


@lru_cache(maxsize=64)
def _observable(program: Program) -> torch.Tensor:
    """(D, R)."""
    return torch.from_numpy(observable(program.readout, program.states).T.copy())


@lru_cache(maxsize=64)
def _numbers(plan: Lattice, modes: int) -> int:
    """Numbers in all that one sample's amplitudes and distributions have, with the terms of their sums."""

    def dimension(photons: int) -> int:
        return ComputationSpace.FOCK.dimension(modes, photons)

    total = sum(
        len(layer.parents) * dimension(photons) * (photons + 2)
        for photons, layer in enumerate(plan.amplitudes, start=1)
    )
    for steps in plan.levels:
        total += sum(step.choices * dimension(step.photons) * (step.photons + 2) for step in steps)
    return total + 1
