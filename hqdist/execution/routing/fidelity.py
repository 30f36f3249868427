"""How much of a device's light does what a program says, as one figure."""

import math

from hqdist.execution.noise import Detectors, Noise
from hqdist.program import ComputationSpace, PhaseShifter, Program


def fidelity(noise: Noise, program: Program) -> float:
    """The probability that nothing goes wrong that changes values, for a rough comparison of devices.

    A product over independent mishaps, for n photons in m modes and P phase shifters:

    - a photon outside the common mode: ``indistinguishability^(n / 2)`` that there is none, if n > 1;
    - a second photon from a source that emits: ``(p1 / (p1 + p2))^n``, with p1 and p2 of `Noise.emission`;
    - a wrong phase: for an error d, a balanced superposition overlaps with the one that was meant by
      ``cos(d / 2)^2``, on average ``(1 + sin(e) / e) / 2`` for errors uniform in [-e, e]; to the power P, with e once
      `phase_error` and once half of `phase_imprecision`;
    - a dark count: ``(1 - dark_counts)^m``;
    - photons that hide behind each other at threshold detectors, where bunched states count: the share of the Fock
      states without bunching, ``C(m, n) / C(m + n - 1, n)``.

    Lost photons and brightness are not in it: values are conditional on all photons being detected, and only the shots
    that an estimate takes depend on them.
    """
    photons, modes = program.photons, program.modes
    _, one, two = noise.emission()
    if photons and one == 0:
        return 0.0
    shifters = sum(isinstance(element, PhaseShifter) for element in program.elements)
    figure = noise.indistinguishability ** (photons / 2) if photons > 1 else 1.0
    figure *= (one / (one + two)) ** photons if photons else 1.0
    figure *= (_overlap(noise.phase_error) * _overlap(noise.phase_imprecision / 2)) ** shifters
    figure *= (1 - noise.dark_counts) ** modes
    if noise.detectors is Detectors.THRESHOLD and program.readout.space is ComputationSpace.FOCK:
        figure *= math.comb(modes, photons) / math.comb(modes + photons - 1, photons)
    return figure


def _overlap(largest: float) -> float:
    """The average of cos(d / 2)^2 over d uniform in [-largest, largest]; an error of pi or more is any phase."""
    largest = min(largest, math.pi)
    return (1 + math.sin(largest) / largest) / 2 if largest else 1.0
