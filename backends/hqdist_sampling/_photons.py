"""Shots drawn photon by photon, for programs whose distribution does not fit in memory.

For each shot: which sources emit what, which photons survive, which interfere with which; then where they leave, and
what the detectors tell.
"""

import numpy as np
from hqdist_exact.phases import with_actual_phases
from numpy.typing import NDArray

from hqdist.execution import Counts, Detectors, Noise, Request
from hqdist.program import circuit_unitary
from hqdist_sampling._clifford import sample_bosons
from hqdist_sampling._random import row_generator

#: Most photons: the time of a shot doubles with each.
MOST_PHOTONS = 20

#: Most shots that are drawn at a time.
_BLOCK = 2**16


def draw_photon_by_photon(request: Request, seed: int, noise: Noise) -> list[Counts]:
    """The detections of each row, those that do not count among them."""
    program, weights, inputs = request.program, request.weights.double().cpu(), request.inputs.double().cpu()
    if noise.phase_error or noise.phase_imprecision:
        program, weights, inputs = with_actual_phases(program, noise, weights, inputs, seed, request.first_row)
    sources = np.repeat(np.arange(program.modes), program.input_state)
    rows = []
    for row, shots in enumerate(request.row_shots.tolist()):
        numbers = weights.tolist() + inputs[row].tolist()
        values = dict(zip(program.weights + program.inputs, numbers, strict=True))
        columns = circuit_unitary(program, values)[:, sources].T
        rng = row_generator(seed, request.first_row + row)
        rows.append(Counts(_shots(columns, shots, noise, rng), np.ones(shots, np.int64), shots))
    return rows


def _shots(columns: NDArray[np.complex128], shots: int, noise: Noise, rng: np.random.Generator) -> NDArray[np.int8]:
    """So many runs with at least one detection, (shots, m)."""
    share = noise.detection_probability(*columns.shape)
    found: list[NDArray[np.int8]] = []
    missing = shots
    while missing:
        runs = _runs(columns, min(_BLOCK, int(missing / share) + 1), noise, rng)
        seen = runs[runs.any(axis=1)][:missing]
        found.append(seen)
        missing -= len(seen)
    return np.concatenate(found)


def _runs(columns: NDArray[np.complex128], runs: int, noise: Noise, rng: np.random.Generator) -> NDArray[np.int8]:
    """What the detectors tell in so many runs, (runs, m)."""
    common, private = _emitted(len(columns), runs, noise, rng)
    found = _interfering(columns, common, rng)
    for source, intensities in enumerate(np.abs(columns) ** 2):
        cumulated = intensities.cumsum()
        for photons in (private[0], private[1]):
            run = photons[:, source].nonzero()[0]
            # never beyond the last mode that any light reaches
            modes = np.searchsorted(cumulated, rng.random(len(run)) * cumulated[-1], side="right")
            np.add.at(found, (run, modes), 1)
    dark = rng.random(found.shape) < noise.dark_counts if noise.dark_counts else np.zeros(found.shape, np.bool_)
    if noise.detectors is Detectors.THRESHOLD:
        return ((found > 0) | dark).astype(np.int8)
    return found + dark.astype(np.int8)


def _emitted(
    sources: int, runs: int, noise: Noise, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which first and second photons of each source survive: in the common mode, and in private ones; (2, runs, n)."""
    none, one, _ = noise.emission()
    shape = (runs, sources)
    chance = rng.random(shape)
    there = np.stack([chance >= none, chance >= none + one])
    there &= rng.random((2, *shape)) < noise.transmittance
    shared = rng.random(shape) < np.sqrt(noise.indistinguishability)
    # As in Perceval's source, a second photon that is no stranger to the others is in the common mode in any case.
    common = np.stack([shared, np.full(shape, not noise.g2_distinguishable)])
    return there & common, there & ~common


def _interfering(
    columns: NDArray[np.complex128], common: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Where the photons of the common mode leave, (runs, m)."""
    present = np.concatenate(list(common), axis=1)  # (runs, 2 n)
    most = int(present.sum(axis=1).max(initial=0))
    first = np.argsort(~present, axis=1, kind="stable")[:, :most]
    photons = np.where(np.take_along_axis(present, first, axis=1), first % len(columns), -1)
    return sample_bosons(columns, photons, rng.random((len(photons), 2 * most)))
