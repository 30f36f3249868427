"""The values of a readout with noise: what photons arrive, what detectors tell, and what of it counts."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.errors import PostSelectionError
from hqdist.execution import Noise
from hqdist.program import ComputationSpace, LexGrouping, ModeExpectations, ModGrouping, NumberCorrelators, Program
from hqdist_exact._averages import averages
from hqdist_exact._noise_tables import footprint, noise_tables, pattern_space
from hqdist_exact._precision import check_precision
from hqdist_exact._readout import Light, Reading, assigned, check_accepted, read
from hqdist_exact._rows import normalised
from hqdist_exact._scratch import VECTOR_BYTES

#: Most ways in which photons may interfere, or not: each takes an amplitude of its own.
MOST_WAYS = 2**14


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
            PostSelectionError: If a sample has no probability in the computation space, or nothing is ever detected.
        """
        if self.program.photons and not self._shot:
            raise PostSelectionError(
                "nothing is ever detected, so nothing can be renormalised: with this noise every photon is lost; "
                "give it a brightness and a transmittance above zero"
            )
        return self._of_all_photons(light) if self.only_all_photons else self._of_patterns(light)

    @property
    def only_all_photons(self) -> bool:
        """Whether n detections are the n photons that were asked for, and no Fock space tells more of them.

        Then losses have no say but in the acceptance, and distinguishability none but in `_readout.read`.
        """
        noise, readout = self.noise, self.program.readout
        if self.program.photons == 0:  # nothing is emitted, and no detection is what is waited for
            return True
        if noise.g2 > 0 or not noise.counts_are_photons:
            return False
        no_states = isinstance(readout, ModeExpectations | NumberCorrelators) and not readout.space.post_selects
        return noise.indistinguishability == 1 or no_states

    def _of_all_photons(self, light: Light) -> Reading:
        program, noise = self.program, self.noise
        values, accepted = read(program, light, noise.indistinguishability)
        if program.photons == 0:
            return values, accepted
        share = (noise.brightness * noise.transmittance) ** program.photons / self._shot
        return values, share * values.new_ones(len(values)) if accepted is None else share * accepted

    def _of_patterns(self, light: Light) -> Reading:
        program, readout = self.program, self.program.readout
        space = pattern_space(self.noise, readout.space)
        if space is ComputationSpace.UNBUNCHED and program.photons > program.modes:  # more clicks than detectors
            check_accepted(torch.zeros(1, 1))
        tables = noise_tables(self._entered, program.modes, space, self.noise)
        grouping = getattr(readout, "grouping", None)
        if isinstance(grouping, LexGrouping | ModGrouping):
            outputs = assigned(grouping, readout.space.dimension(program.modes, program.photons))
            if space is not readout.space:
                outputs = outputs[_places(program, space)]
            sums, accepted = light.patterns(tables, outputs, grouping.size)
        else:
            sums, accepted = light.patterns(tables, None, tables.dimension)
        if self.noise.counts_are_photons:
            check_precision(space, accepted.flatten())
        check_accepted(accepted if tables.chance else torch.zeros_like(accepted))
        values = normalised(sums, accepted)
        if isinstance(readout, ModeExpectations | NumberCorrelators):
            values = averages(readout, space, program.modes, program.photons, values)
        elif grouping is None and space is not readout.space:
            into = torch.from_numpy(_places(program, space)).to(values.device)
            values = values.new_zeros(len(values), program.outputs).index_copy(1, into, values)
        return values, (accepted.flatten() * (tables.chance / self._shot)).clamp(max=1.0)

    def violations(self) -> list[str]:
        """Why the program is too large, if it is, whatever the memory."""
        photons, ways = self.program.photons, self._ways
        if self.only_all_photons or ways <= MOST_WAYS:
            return []
        return [
            f"{photons} photons that may or may not interfere do so in {ways:,} ways with this noise, at most "
            f"{MOST_WAYS:,} are summed up; use fewer photons, or the backend 'sampling'"
        ]

    def bytes_needed(self, batch: int, item: int) -> int:
        """Bytes on top of those for the circuit: for values, derivatives and the work in between.

        Args:
            batch: B.
            item: Bytes of a real number.
        """
        program = self.program
        space = pattern_space(self.noise, program.readout.space)
        if self.only_all_photons or (space is ComputationSpace.UNBUNCHED and program.photons > program.modes):
            return 0
        tables, rows, states = footprint(self._entered, program.modes, space, self.noise)
        grouping = getattr(program.readout, "grouping", None)
        values = 6 * batch * item * (program.outputs if grouping is not None else program.outputs + states)
        return tables + values + rows * VECTOR_BYTES * torch.get_num_threads()

    @property
    def _ways(self) -> int:
        """In how many ways photons may interfere: how many of each mode's are common ones."""
        most = max(c for c, _ in self.noise.survivors())
        return math.prod(most * count + 1 for count in self.program.input_state)

    @property
    def _entered(self) -> tuple[int, ...]:
        return tuple(mode for mode, count in enumerate(self.program.input_state) for _ in range(count))

    @property
    def _shot(self) -> float:
        """Probability that anything is detected."""
        return self.noise.detection_probability(self.program.photons, self.program.modes)


@lru_cache(maxsize=64)
def _places(program: Program, space: ComputationSpace) -> NDArray[np.int64]:
    """The places of the patterns of a smaller space among the states of the readout's."""
    return program.readout.space.ranks(space.states(program.modes, program.photons))
