"""The Fourier fit of Gan et al. (2022) through QuantumLayer and the exact backend."""

import json

import fourier_fit
import numpy as np
import pytest
import reporting

STATES = list(fourier_fit.PUBLISHED)


@pytest.fixture(scope="module")
def committed():
    return json.loads((reporting.RESULTS / "fourier_fit.json").read_text())


def test_the_points_are_those_of_the_paper():
    x = fourier_fit.points()
    assert len(x) == 378
    assert x[0] == -3 * np.pi
    assert x[-1] == pytest.approx(3 * np.pi, abs=1e-3)


@pytest.mark.parametrize(("photons", "least"), [(1, 3.9077), (2, 2.2684), (3, 0.0)])
def test_a_polynomial_of_degree_n_cannot_do_better_than_the_floor(photons, least):
    assert fourier_fit.floor(photons) == pytest.approx(least, abs=1e-4)


@pytest.mark.parametrize("state", STATES, ids=fourier_fit.ket)
def test_one_seed_reaches_the_published_error(state):
    fit = fourier_fit.fit(state, seed=0)
    assert fourier_fit.PUBLISHED[state].agrees(fit.best)
    assert fit.best >= fourier_fit.floor(sum(state)) - 1e-3


@pytest.mark.parametrize("state", STATES, ids=fourier_fit.ket)
def test_the_committed_results_agree_with_the_published_ones(committed, state):
    figures, published = committed["states"][fourier_fit.ket(state)], fourier_fit.PUBLISHED[state]
    assert published.agrees(figures["median"])
    assert figures["agree_at_best_epoch"] == len(figures["best_epoch_by_seed"]) == fourier_fit.SEEDS
    assert figures["agree_at_last_epoch"] == sum(map(published.agrees, figures["last_epoch_by_seed"]))


def test_the_committed_results_are_those_of_this_script(committed):
    curves = {state: [fourier_fit.Fit([error], np.empty(0)) for error in errors(committed, state)] for state in STATES}
    again = fourier_fit.report(curves)
    assert again["setting"] == committed["setting"]
    for state, figures in again["states"].items():
        for name in ("published", "tolerance", "floor", "median", "worst", "agree_at_last_epoch"):
            assert figures[name] == committed["states"][state][name]


def errors(committed, state):
    return committed["states"][fourier_fit.ket(state)]["last_epoch_by_seed"]
