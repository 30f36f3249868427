"""Bosons that are drawn side by side are drawn as if each were alone."""

import numpy as np
from hqdist_sampling._clifford import sample_bosons
from scipy.stats import chi2

from hqdist.program import ComputationSpace
from hqdist.testing import permanent
from hqdist.testing.circuits import random_unitary

RNG = np.random.default_rng(0)
#: The columns of five sources in six modes, two of them at the same mode.
COLUMNS = random_unitary(RNG, 6)[:, [0, 1, 1, 3, 5]].T


def some_photons(samples: int) -> np.ndarray:
    """A different selection of sources in every sample, from none to all."""
    present = RNG.random((samples, 5)) < RNG.random((samples, 1))
    first = np.argsort(~present, axis=1, kind="stable")
    return np.where(np.take_along_axis(present, first, axis=1), first, -1)


def test_a_sample_does_not_depend_on_those_beside_it():
    photons, random = some_photons(203), RNG.random((203, 10))
    together = sample_bosons(COLUMNS, photons, random)
    order = RNG.permutation(203)
    assert (sample_bosons(COLUMNS, photons[order], random[order]) == together[order]).all()
    alone = [sample_bosons(COLUMNS, photons[i : i + 1], random[i : i + 1])[0] for i in range(203)]
    assert (np.array(alone) == together).all()


def test_every_photon_of_a_sample_leaves_once():
    photons = some_photons(100)
    found = sample_bosons(COLUMNS, photons, RNG.random((100, 10)))
    assert (found.sum(axis=1) == (photons >= 0).sum(axis=1)).all()


def test_frequencies_are_squared_permanents():
    shots, sources = 40_000, [0, 1, 2, 4]  # two photons enter at the same mode
    photons = np.tile([*sources, -1], (shots, 1))
    found = sample_bosons(COLUMNS, photons, RNG.random((shots, 10)))
    states = ComputationSpace.FOCK.states(6, 4)
    leaving = np.array([np.repeat(np.arange(6), state) for state in states])
    amplitudes = permanent(COLUMNS[sources].T[leaving])
    factorials = np.array([1, 1, 2, 6, 24])[states].prod(axis=1)
    expected = shots * np.abs(amplitudes) ** 2 / factorials / 2
    assert abs(expected.sum() - shots) < 1e-6
    observed = np.bincount(ComputationSpace.FOCK.ranks(found), minlength=len(states))
    rare = expected < 5
    observed, expected = (np.append(n[~rare], n[rare].sum()) for n in (observed, expected))
    assert chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1) > 1e-3


def test_no_samples_and_no_photons_are_nothing_special():
    assert sample_bosons(COLUMNS, np.zeros((0, 5), np.int64), np.zeros((0, 10))).shape == (0, 6)
    assert not sample_bosons(COLUMNS, np.full((3, 0), -1), np.zeros((3, 0))).any()
    assert not sample_bosons(COLUMNS, np.full((3, 5), -1), np.zeros((3, 10))).any()
