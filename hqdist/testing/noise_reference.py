"""What a noisy device gives, run by run: every way in which its source, its losses and its detectors can turn out.

Slow, and independent of every backend: a literal sum, for a few photons in a few modes.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hqdist.errors import PostSelectionError
from hqdist.execution import Detectors, Noise, Request
from hqdist.program import ComputationSpace, Element, PhaseShifter, Program, circuit_unitary, observable
from hqdist.program.elements import angle_of
from hqdist.testing.reference import as_array, permanent

Pattern = tuple[int, ...]
Distribution = dict[Pattern, float]


@dataclass(frozen=True)
class NoisyValues:
    """What a backend with noise should answer.

    Attributes:
        values: (B, R), conditional on as many detections as photons were asked for, in a state of the space.
        acceptance: (B,), the probability of that among runs with a detection.
    """

    values: NDArray[np.float64]
    acceptance: NDArray[np.float64]


def noisy_values(request: Request, noise: Noise, seed: int = 0) -> NoisyValues:
    """The values of a request on a device with some noise.

    Args:
        request: What is asked; its own seed counts, if it has one.
        noise: The imperfections.
        seed: Of random phases, for requests without a seed.

    Raises:
        PostSelectionError: If nothing is left of a row.
    """
    program = request.program
    shared = dict(zip(program.weights, as_array(request.weights).tolist(), strict=True))
    seed = seed if request.seed is None else request.seed
    values, acceptance = [], []
    for index, row in enumerate(as_array(request.inputs).astype(np.float64)):
        numbers = shared | dict(zip(program.inputs, row.tolist(), strict=True))
        unitary = _actual_unitary(program, noise, numbers, seed, request.first_row + index)
        patterns = detected_patterns(unitary, program.input_state, noise)
        counted = np.array([patterns.get(tuple(state), 0.0) for state in program.states.tolist()])
        if not counted.sum() > 0:
            raise PostSelectionError(f"no pattern of row {index} is in the computation space")
        values.append(observable(program.readout, program.states) @ counted / counted.sum())
        acceptance.append(counted.sum() / (1 - patterns.get((0,) * program.modes, 0.0)))
    return NoisyValues(
        np.array(values, np.float64).reshape(request.batch, program.outputs), np.array(acceptance, np.float64)
    )


def detected_patterns(unitary: NDArray[np.complex128], input_state: Pattern, noise: Noise) -> Distribution:
    """The probability of everything that the detectors can tell, in every number of detections."""
    sources = [mode for mode, count in enumerate(input_state) for _ in range(count)]
    arrived: Counter[Pattern] = Counter()
    runs: Counter[tuple[Pattern, Pattern]] = Counter()
    for outcome in product(_outcomes(noise), repeat=len(sources)):
        common, private = [0] * len(input_state), [0] * len(input_state)
        for mode, (photons, _) in zip(sources, outcome, strict=True):
            common[mode] += photons[0]
            private[mode] += photons[1]
        runs[tuple(common), tuple(private)] += math.prod(chance for _, chance in outcome)  # type: ignore[assignment]
    interfering = {common: _interfering(unitary, common) for common, _ in runs}
    for (common_state, private_state), chance in runs.items():
        distribution = interfering[common_state]
        for mode, count in enumerate(private_state):
            for _ in range(count):
                distribution = _with_one_more(distribution, np.abs(unitary[:, mode]) ** 2)
        for pattern, probability in distribution.items():
            arrived[pattern] += chance * probability  # type: ignore[assignment]
    return _told(arrived, noise)


def _outcomes(noise: Noise) -> list[tuple[tuple[int, int], float]]:
    """How many common and private photons of one source arrive, with their probability, one entry for each way."""
    kept, common = noise.transmittance, math.sqrt(noise.indistinguishability)
    ways: list[tuple[tuple[int, int], float]] = []
    for emitted, chance in enumerate(noise.emission()):
        for survive in product((True, False), repeat=emitted):
            for shared in (True, False) if emitted else (True,):
                probability = chance * math.prod(kept if lives else 1 - kept for lives in survive)
                probability *= (common if shared else 1 - common) if emitted else 1.0
                # The first photon is common or not; the second is private, or else common whatever the first is.
                is_common = (shared, not noise.g2_distinguishable)
                alive = [is_common[photon] for photon, lives in enumerate(survive) if lives]
                ways.append(((sum(alive), len(alive) - sum(alive)), probability))
    merged: Counter[tuple[int, int]] = Counter()
    for photons, probability in ways:
        merged[photons] += probability  # type: ignore[assignment]
    return [(photons, float(probability)) for photons, probability in merged.items() if probability > 0]


def _interfering(unitary: NDArray[np.complex128], state: Pattern) -> Distribution:
    """Where photons of one common mode leave: ``|perm U[s, t]|^2 / (prod s! prod t!)``."""
    photons, modes = sum(state), len(state)
    entering = np.repeat(np.arange(modes), state)
    states = ComputationSpace.FOCK.states(modes, photons).tolist()
    leaving = np.array([np.repeat(np.arange(modes), leaves) for leaves in states], np.intp).reshape(
        len(states), photons
    )
    permanents = np.abs(permanent(unitary[leaving[:, :, None], entering[None, None, :]])) ** 2
    weights = [math.prod(math.factorial(count) for count in (*leaves, *state)) for leaves in states]
    return {tuple(leaves): float(p) / w for leaves, p, w in zip(states, permanents, weights, strict=True)}


def _with_one_more(distribution: Mapping[Pattern, float], single: NDArray[np.float64]) -> Distribution:
    found: Counter[Pattern] = Counter()
    for pattern, probability in distribution.items():
        for mode, chance in enumerate(single.tolist()):
            found[_raised(pattern, mode)] += probability * chance
    return dict(found)


def _told(arrived: Mapping[Pattern, float], noise: Noise) -> Distribution:
    """Detectors, one after another: saturated if they only click, and with a dark count or not."""
    told = dict(arrived)
    if noise.detectors is Detectors.THRESHOLD:
        told = _mapped(told, lambda pattern: [(tuple(min(count, 1) for count in pattern), 1.0)])
    if noise.dark_counts:
        most = 1 if noise.detectors is Detectors.THRESHOLD else math.inf
        for mode in range(len(next(iter(told)))):
            dark = noise.dark_counts

            def darkened(pattern: Pattern, mode: int = mode, dark: float = dark) -> list[tuple[Pattern, float]]:
                more = _raised(pattern, mode) if pattern[mode] < most else pattern
                return [(pattern, 1 - dark), (more, dark)]

            told = _mapped(told, darkened)
    return told


def _mapped(distribution: Mapping[Pattern, float], to: Any) -> Distribution:
    found: Counter[Pattern] = Counter()
    for pattern, probability in distribution.items():
        for target, share in to(pattern):
            found[target] += probability * share
    return dict(found)


def _raised(pattern: Pattern, mode: int) -> Pattern:
    return (*pattern[:mode], pattern[mode] + 1, *pattern[mode + 1 :])


def _actual_unitary(
    program: Program, noise: Noise, numbers: dict[str, float], seed: int, row: int
) -> NDArray[np.complex128]:
    """The circuit with its phase shifters as they are really set: taken to [0, 2 pi), shifted, rounded."""
    shifters = sum(isinstance(element, PhaseShifter) for element in program.elements)
    errors = iter(_errors(noise, seed, row, shifters))
    elements: list[Element] = []
    for element in program.elements:
        if isinstance(element, PhaseShifter):
            angle = angle_of(element)
            assert angle is not None
            phase = angle.constant + sum(c * numbers[name] for name, c in angle.terms)
            phase = phase % (2 * math.pi) + next(errors)
            if noise.phase_imprecision:
                phase = noise.phase_imprecision * round(phase / noise.phase_imprecision)
            elements.append(replace(element, angle=phase))  # type: ignore[arg-type]
        else:
            elements.append(element)
    used = {name for element in elements if (angle := angle_of(element)) for name in angle.parameters}
    weights = tuple(name for name in program.weights if name in used)
    inputs = tuple(name for name in program.inputs if name in used)
    actual = replace(program, elements=tuple(elements), weights=weights, inputs=inputs)
    return circuit_unitary(actual, numbers)


def _errors(noise: Noise, seed: int, row: int, shifters: int) -> Iterator[float]:
    draw = np.random.Generator(np.random.Philox(key=[seed, row]))
    yield from draw.uniform(-noise.phase_error, noise.phase_error, shifters).tolist()
