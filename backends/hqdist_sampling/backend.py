"""The sampling backend: what a device would count, by whichever route fits."""

import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from hqdist.errors import ConfigurationError
from hqdist.execution import Backend, Capabilities, Counts, Noise, Provenance, Request, Result, read_counts
from hqdist.execution import backend as make_backend
from hqdist.execution.options import as_value
from hqdist.program import Amplitudes, ComputationSpace, ModeExpectations, NumberCorrelators, Probabilities, Program
from hqdist.program.checks import MAX_PHOTONS, whole
from hqdist_sampling._distribution import distribution_request, draw_from_distribution
from hqdist_sampling._photons import MOST_PHOTONS, draw_photon_by_photon

#: Most outputs of a readout: more would not be looked at, and fill the memory.
MOST_OUTPUTS = 2**24

#: Numbers of a distribution, over all rows, that are worked out at a time.
_BLOCK = 2**24

#: Fewer runs with a detection than this, and drawing them one by one takes too long.
_LEAST_LIGHT = 1e-3


@dataclass(frozen=True, kw_only=True)
class SamplingBackend(Backend):
    """Values estimated from shots, with their standard errors.

    Shots are drawn from the exact backend's distribution while that is of moderate size, and photon by photon beyond
    (docs/sampling.md). A row's shots follow from the request's seed and the row's place in its batch, whatever the
    other rows, threads or splits.

    Attributes:
        shots: For each sample, where a layer names none.
        noise: The imperfections of the device, or a table of them; None for an ideal one.
        largest_distribution: Most probabilities that a row's distribution may have, with noise those on the way to it;
            where there are more, photons are drawn one by one.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "sampling"
    in_process: ClassVar[bool] = True

    shots: int = 10_000
    noise: Noise | None = None
    largest_distribution: int = 2**22

    def __post_init__(self) -> None:
        whole(self.shots, "shots", least=1, error=ConfigurationError)
        whole(self.largest_distribution, "largest_distribution", least=0, error=ConfigurationError)
        object.__setattr__(self, "noise", as_value(Noise, self.noise, "noise"))

    @property
    def capabilities(self) -> Capabilities:
        """Every readout but amplitudes; shots, and no exact values."""
        return Capabilities(
            exact=False,
            sampled=True,
            adjoint=False,
            readouts=(Probabilities, ModeExpectations, NumberCorrelators),
            devices=self._exact.capabilities.devices,
            noise=self.noise,
        )

    def violations(self, request: Request) -> list[str]:
        """What `Backend.violations` finds, and sizes that neither route takes."""
        found = super().violations(request)
        program = request.program
        if isinstance(program.readout, Amplitudes):
            return found
        if program.outputs > MOST_OUTPUTS:
            found.append(
                f"{program.outputs:,} outputs, at most {MOST_OUTPUTS:,}; group the probabilities, or use mode "
                "expectations"
            )
        if self._by_distribution(request.program):
            return found or self._exact.violations(distribution_request(request.rows(0, min(1, request.batch))))
        if program.photons > MOST_PHOTONS:
            found.append(
                f"{program.photons} photons, at most {MOST_PHOTONS} drawn one by one; use fewer photons or modes"
            )
        light = (self.noise or Noise()).detection_probability(program.photons, program.modes)
        if light < _LEAST_LIGHT:
            found.append(f"a detection in {light:.1g} of all runs, at least {_LEAST_LIGHT:g}; use a brighter device")
        return found

    def evaluate(self, request: Request) -> Result:
        """Draw shots and estimate the values; see `Backend.evaluate`.

        Raises:
            CapabilityError: If the request is more than this backend can do.
            PostSelectionError: If no shot of a row counts.
        """
        start = time.perf_counter()
        self.check(request)
        seed = _seed(request)
        values, errors, acceptance = read_counts(request.program, self._counts(request, seed), request.inputs)
        everything_counts = self.noise is None and not request.program.readout.space.post_selects
        return Result(
            values=values,
            standard_errors=errors,
            acceptance=None if everything_counts else acceptance,
            provenance=Provenance(
                backend=self.name,
                shots=request.total_shots,
                seed=seed,
                compute_seconds=time.perf_counter() - start,
            ),
        )

    def sample(self, request: Request) -> tuple[Counts, ...]:
        """The detections of each row; of those that are discarded, a distribution only tells how many there were.

        The same request with the same seed is evaluated from the same shots.

        Raises:
            CapabilityError: If the request is more than this backend can do.
        """
        self.check(request)
        return tuple(self._counts(request, _seed(request)))

    @property
    def _exact(self) -> Backend:
        return _exact(self.noise)

    def _by_distribution(self, program: Program) -> bool:
        """Whether shots are drawn from the distribution: it depends on sizes alone, as seeds mean other shots else."""
        noise, modes, photons = self.noise or Noise(), program.modes, program.photons
        if photons == 0:  # nothing leaves, and nothing is waited for
            return True
        if noise.indistinguishability == 1 and noise.g2 == 0 and noise.counts_are_photons:
            return program.readout.space.dimension(modes, photons) <= self.largest_distribution
        # Noise takes a distribution over all states for each choice of photons that interfere, and for each number of
        # photons that the detectors may take for as many as entered.
        choices = len({common for common, _ in noise.survivors()}) ** photons
        if not noise.counts_are_photons:
            photons *= noise.most_photons_per_source
        if photons > MAX_PHOTONS:
            return False
        return bool(choices * ComputationSpace.FOCK.dimension(modes, photons) <= self.largest_distribution)

    def _counts(self, request: Request, seed: int) -> list[Counts]:
        program = request.program
        if not self._by_distribution(program):
            return draw_photon_by_photon(request, seed, self.noise or Noise())
        size = max(1, _BLOCK // program.readout.space.dimension(program.modes, program.photons))
        rows: list[Counts] = []
        for first in range(0, request.batch, size):
            block = request.rows(first, min(first + size, request.batch))
            rows += draw_from_distribution(block, seed, self._exact)
        return rows


def _seed(request: Request) -> int:
    return secrets.randbelow(2**63) if request.seed is None else request.seed


@lru_cache(maxsize=32)
def _exact(noise: Noise | None) -> Backend:
    return make_backend("exact") if noise is None else make_backend("exact", noise=noise)
