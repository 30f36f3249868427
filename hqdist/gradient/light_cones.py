"""How fast a program's probabilities vary with each element's angle: what light can reach the element, and leave it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hqdist.execution import Noise
from hqdist.program import (
    BeamSplitter,
    ComputationSpace,
    Element,
    ModeExpectations,
    NumberCorrelators,
    PhaseShifter,
    Program,
)

#: What an element connects: entry (i, j) says whether light that enters its port j may leave at its port i.
_Pattern = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Variation:
    """How values vary with an angle t: ``sum_k a_k exp(i k frequency t)`` with ``|k| <= degree``.

    Attributes:
        elements: Places in the program of the elements to whose angle t may be added, to one or another alike: a beam
            splitter, or phase shifters that follow each other on a mode.
        degree: The largest k.
        frequency: 1, or 1/2 for a beam splitter whose half angle counts.
    """

    elements: tuple[int, ...]
    degree: int
    frequency: float


@lru_cache(maxsize=256)
def variations(program: Program, noise: Noise | None) -> tuple[Variation, ...]:
    """How something varies with the angles that depend on parameters; those left out have derivative zero.

    What varies so are the unnormalised numerators and the acceptance of post-selected readouts, else the values.

    With k photons in a phase shifter's mode the amplitude has the factor ``exp(i k t)``, so probabilities have as
    degree the most photons that can be there: those that enter modes connected with it by the elements before
    (forward cone). They have none where their number is certain (the mode is connected with no other yet), or where
    nothing after it mixes the mode with others (backward cone). A beam splitter that k photons reach has degree 2k in
    theta / 2; k in theta if its two modes are connected with no other, so that their photons are certain in number.
    Averages of r photon numbers over all Fock states have at most degree r in the place of k.

    Args:
        program: What is evaluated.
        noise: What is known of the imperfections of who evaluates. A source may give more photons than asked for;
            their number is a mixture and no superposition, so what is certain in number without noise has still no
            phase.
    """
    photons = program.photons
    doubled = 1 if noise is None else noise.most_photons_per_source
    most = photons if noise is None or noise.counts_are_photons else photons * doubled
    match program.readout:
        case ModeExpectations(space=ComputationSpace.FOCK) if noise is None:
            most = min(most, 1)
        case NumberCorrelators(space=ComputationSpace.FOCK) if noise is None:
            most = min(most, 2)
    found: list[Variation] = []
    following: dict[int, int] = {}  # of modes where nothing but phases has come since: which variation they join
    cones = zip(program.elements, _before(program), _detected_alone(program), strict=True)
    for index, (element, (component, light), alone) in enumerate(cones):
        if not isinstance(element, PhaseShifter):
            for mode in element.modes:
                following.pop(mode, None)
        if not isinstance(element, PhaseShifter | BeamSplitter) or not element.angle.terms:
            continue
        labels = np.unique(component[list(element.modes)])
        reach = min(most, doubled * int(light[labels].sum()))
        certain = int(np.isin(component, labels).sum()) == len(element.modes)
        if isinstance(element, BeamSplitter):
            variation = Variation((index,), reach, 1.0) if certain else Variation((index,), 2 * reach, 0.5)
        elif element.mode in following:
            place = following[element.mode]
            found[place] = replace(found[place], elements=(*found[place].elements, index))
            continue
        else:
            variation = Variation((index,), 0 if certain or alone[element.mode] else reach, 1.0)
            following[element.mode] = len(found)
        found.append(variation)
    return tuple(variation for variation in found if variation.degree)


def _before(program: Program) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """For each element, a label for each mode, shared if the elements before connect them, and each label's photons."""
    component, light = np.arange(program.modes), np.array(program.input_state, dtype=np.intp)
    for element in program.elements:
        yield component.copy(), light.copy()
        pattern, modes = _pattern(element), np.array(element.modes)
        entering = component[modes]
        for sources in pattern:  # what comes together in one output is connected from here on
            first, *others = np.unique(entering[sources])
            light[first] += light[others].sum()
            light[others] = 0
            for labels in (component, entering):
                labels[np.isin(labels, others)] = first
        component[modes] = [entering[int(np.argmax(sources))] for sources in pattern]


def _detected_alone(program: Program) -> list[npt.NDArray[np.bool_]]:
    """For each element and mode, whether what follows only moves the mode's light, but mixes it with no other."""
    alone = np.ones(program.modes, dtype=bool)
    after = []
    for element in reversed(program.elements):
        after.append(alone.copy())
        pattern, modes = _pattern(element), np.array(element.modes)
        leaving = alone[modes]
        # light that leaves at one port only leaves alone: the matrix is unitary
        alone[modes] = [int(targets.sum()) == 1 and bool(leaving[targets].all()) for targets in pattern.T]
    return after[::-1]


def _pattern(element: Element) -> _Pattern:
    match element:
        case PhaseShifter():
            return np.ones((1, 1), dtype=bool)
        case BeamSplitter(theta=theta) if theta.terms:
            return np.ones((2, 2), dtype=bool)
        case BeamSplitter(theta=theta):
            block = element.block(theta.constant)
        case _:
            block = element.block
    return np.not_equal(block, 0)
