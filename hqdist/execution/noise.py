"""What is not ideal about a photonic device: its source, its loss, its phases and its detectors."""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hqdist.errors import ConfigurationError
from hqdist.program.checks import member, real, shown


class Detectors(StrEnum):
    """What a detector tells.

    PNR: how many photons arrived (photon-number resolving). THRESHOLD: whether any did (click or no click).
    """

    PNR = "pnr"
    THRESHOLD = "threshold"


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The imperfections of a device; by default there are none. docs/noise.md says what each does to a readout.

    The first seven are those of Perceval's ``NoiseModel``, with the same meaning: a source after Pont et al. (Phys.
    Rev. X 12, 031033; arXiv:2211.15626), uniform loss, and phase shifters that are set inexactly.

    Attributes:
        brightness: Probability that the source emits at least one photon where one is asked for.
        transmittance: Probability that a photon is not lost on its way, the same for all.
        indistinguishability: Overlap of two photons' wave packets (Hong-Ou-Mandel visibility); each photon is in the
            common mode with probability ``sqrt(indistinguishability)``, else in a mode of its own.
        g2: Second-order autocorrelation g2(0) of the source: how often a second photon comes along.
        g2_distinguishable: Whether such a second photon is in a mode of its own, or in the common mode.
        phase_imprecision: Step to whose multiples phase shifters are rounded, in radians; 0 for exact ones.
        phase_error: Largest random error of a phase shifter, in radians, uniform in [-phase_error, phase_error].
        detectors: What the detectors tell.
        dark_counts: Probability that a detector counts one photon too many in a shot.

    Raises:
        ConfigurationError: If a number is out of range.
    """

    brightness: float = 1.0
    transmittance: float = 1.0
    indistinguishability: float = 1.0
    g2: float = 0.0
    g2_distinguishable: bool = True
    phase_imprecision: float = 0.0
    phase_error: float = 0.0
    detectors: Detectors = Detectors.PNR
    dark_counts: float = 0.0

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            value = real(getattr(self, name), name, error=ConfigurationError)
            if not 0 <= value <= most:
                raise ConfigurationError(f"{name} is a number from 0 to {most:g}, got {shown(value)}")
            object.__setattr__(self, name, value)
        if not isinstance(self.g2_distinguishable, bool):
            raise ConfigurationError(f"g2_distinguishable is true or false, got {shown(self.g2_distinguishable)}")
        object.__setattr__(self, "detectors", member(Detectors, self.detectors, error=ConfigurationError))
        self.emission()  # g2 and brightness may contradict each other

    def emission(self) -> tuple[float, float, float]:
        """Probabilities p0, p1, p2 that the source emits no, one or two photons where one is asked for.

        ``p1 + p2 = brightness`` and ``g2 = 2 p2 / (p1 + 2 p2)^2``.

        Raises:
            ConfigurationError: If no p2 fits.
        """
        b, g2 = self.brightness, self.g2
        if g2 == 0:
            return 1 - b, b, 0.0
        # g2 (b + p2)^2 = 2 p2; of the two solutions the one that vanishes with g2
        under_root = 1 - 2 * g2 * b
        p2 = (1 - g2 * b - math.sqrt(under_root)) / g2 if under_root >= 0 else math.inf
        if p2 > b:
            raise ConfigurationError(
                f"no source of brightness {b:g} has g2 = {g2:g}: it would emit two photons more often than any; "
                "lower g2 or brightness"
            )
        return 1 - b, b - p2, p2

    @classmethod
    def from_perceval(cls, model: object, *, detectors: Detectors = Detectors.PNR, dark_counts: float = 0.0) -> "Noise":
        """The noise that a ``perceval.NoiseModel`` describes, with detectors, of which it tells nothing.

        Raises:
            ConfigurationError: If it is no such model.
        """
        from hqdist.execution.perceval import noise_fields

        return cls(**noise_fields(model), detectors=detectors, dark_counts=dark_counts)

    def to_perceval(self) -> Any:
        """The same noise as a ``perceval.NoiseModel``.

        Raises:
            ConfigurationError: If the detectors are not ideal; such a model knows no detectors.
        """
        from hqdist.execution.perceval import noise_model

        if not self.counts_are_photons:
            raise ConfigurationError(
                "Perceval's NoiseModel does not describe detectors: give noise with PNR detectors and no dark counts, "
                "and add detectors to the experiment"
            )
        return noise_model(asdict(self))

    def detection_probability(self, photons: int, modes: int) -> float:
        """Probability that a run is a shot, with at least one detection.

        Args:
            photons: Photons asked for.
            modes: Detectors.
        """
        _, one, two = self.emission()
        seen = (one + two * (2 - self.transmittance)) * self.transmittance
        if photons == 0:
            seen = 0.0
        if seen >= 1 or self.dark_counts == 1:
            return 1.0
        # 1 - (1 - seen)^n (1 - dark)^m, with all its digits where it is small
        return -math.expm1(photons * math.log1p(-seen) + modes * math.log1p(-self.dark_counts))

    def survivors(self) -> dict[tuple[int, int], float]:
        """What comes out of one source where one photon is asked for, losses included.

        Returns:
            The probability of c photons in the common mode and p in private ones, by (c, p); only those that can be.
        """
        none, one, two = self.emission()
        t, common = self.transmittance, math.sqrt(self.indistinguishability)
        found: dict[tuple[int, int], float] = {}

        def add(photons: tuple[int, int], probability: float) -> None:
            if probability > 0:
                found[photons] = found.get(photons, 0.0) + probability

        add((0, 0), none + one * (1 - t) + two * (1 - t) ** 2)
        for mode, share in (((1, 0), common), ((0, 1), 1 - common)):
            add(mode, share * t * (one + two * (1 - t)))
            # the second photon alone, and both; as in Perceval's source, a copy is in the common mode in any case
            partner = (0, 1) if self.g2_distinguishable else (1, 0)
            add(partner, share * two * t * (1 - t))
            add((mode[0] + partner[0], mode[1] + partner[1]), share * two * t**2)
        return found

    def actual_phases(self, phases: npt.NDArray[np.float64], seed: int, first_row: int) -> npt.NDArray[np.float64]:
        """The phases that phase shifters really have, as Perceval has it: taken to [0, 2 pi), shifted, then rounded.

        Args:
            phases: (B, P) what they are set to, in the order of the circuit, in radians.
            seed: Of the random shifts.
            first_row: The place of the first row in its batch.
        """
        actual = np.mod(phases, 2 * np.pi)
        for row in range(len(actual) if self.phase_error else 0):
            draw = np.random.Generator(np.random.Philox(key=[seed, first_row + row]))
            actual[row] += draw.uniform(-self.phase_error, self.phase_error, phases.shape[1])
        step = self.phase_imprecision
        return step * np.rint(actual / step) if step else actual

    @property
    def random_phases(self) -> bool:
        """Whether values depend on a seed even without shots."""
        return self.phase_error > 0

    @property
    def keeps_photons(self) -> bool:
        """Whether as many photons are detected as were asked for, in every run."""
        return self.brightness == self.transmittance == 1 and self.g2 == 0 and self.counts_are_photons

    @property
    def most_photons_per_source(self) -> int:
        """Photons that can come where one is asked for."""
        return 2 if self.g2 > 0 else 1

    @property
    def counts_are_photons(self) -> bool:
        """Whether n detected photons are n photons that arrived: no bunching hidden, none made up."""
        return self.detectors is Detectors.PNR and self.dark_counts == 0


_MOST = {
    "brightness": 1.0,
    "transmittance": 1.0,
    "indistinguishability": 1.0,
    "g2": 1.0,
    "phase_imprecision": math.inf,
    "phase_error": math.pi,
    "dark_counts": 1.0,
}
