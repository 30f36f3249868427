"""Architecture searches on real data."""

import math
import sys
import threading

import pytest
import torch
from sklearn.datasets import load_iris

import hqdist as hq
from hqdist.design import plot_search
from hqdist.design.search import Outcome

FEATURES, TARGETS = (torch.as_tensor(values) for values in load_iris(return_X_y=True))
FEATURES = ((FEATURES - FEATURES.amin(0)) / (FEATURES.amax(0) - FEATURES.amin(0))).float()
TRAINING, VALIDATION = torch.randperm(150, generator=torch.Generator().manual_seed(0)).split([100, 50])
LOSS = torch.nn.functional.cross_entropy
SIZES = {"input_size": 4, "output_size": 3}


def fit(layer, epochs=3):
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(epochs):
        for batch in TRAINING.split(25):
            optimizer.zero_grad()
            LOSS(layer(FEATURES[batch]), TARGETS[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            yield LOSS(layer(FEATURES[VALIDATION]), TARGETS[VALIDATION]).item()


def phases(layer):
    """A score that takes no training: the number of phases."""
    yield float(len(layer.phases))


OTHER = hq.backend("exact", memory_limit=2**33)
SPACE = hq.SearchSpace(modes=(3, 4), photons=(1, 2, 4), bandwidth_tuning=(False,))


def told(search):
    return [(trial.number, trial.candidate, trial.outcome, trial.scores) for trial in search.trials]


def test_the_same_seed_gives_the_same_search():
    state = torch.random.get_rng_state()
    first, second = (hq.architecture_search(SPACE, fit, trials=12, seed=3, **SIZES) for _ in range(2))
    assert told(first) == told(second)
    assert torch.equal(state, torch.random.get_rng_state())
    assert {trial.outcome for trial in first.trials} == set(Outcome)
    assert first.best.score == min(trial.score for trial in first.ranked)
    assert first.layer()(FEATURES).shape == (150, 3)


def test_everything_is_tried_once_and_the_best_is_found():
    search = hq.architecture_search(SPACE, phases, trials=1000, **SIZES)
    assert len(search.trials) == 3 * 2 * 3
    assert len({trial.candidate for trial in search.trials}) == len(search.trials)
    assert search.best.score == 27  # series in three modes: two blocks, so three interferometers of nine phases
    most = hq.architecture_search(SPACE, phases, trials=1000, minimise=False, **SIZES)
    assert most.best.score == max(trial.score for trial in most.ranked) > 27


def test_what_cannot_be_is_refused_with_the_reason():
    search = hq.architecture_search(SPACE, phases, trials=1000, **SIZES)
    refused = [trial for trial in search.trials if trial.outcome is Outcome.REFUSED]
    assert {(trial.candidate.modes, trial.candidate.photons) for trial in refused} == {(3, 4)}
    assert all("photons" in trial.reason and math.isnan(trial.score) for trial in refused)
    impossible = hq.SearchSpace(modes=(3,), photons=(4,))
    with pytest.raises(hq.ConfigurationError, match=r"no trial was finished: .*photons"):
        _ = hq.architecture_search(impossible, phases, **SIZES).best


def test_what_is_behind_is_pruned():
    def hopeless(layer):
        for epoch in range(10):
            yield float(len(layer.phases)) + epoch

    search = hq.architecture_search(SPACE, hopeless, trials=18, **SIZES)
    pruned = [trial for trial in search.trials if trial.outcome is Outcome.PRUNED]
    assert pruned
    assert all(len(trial.scores) < 10 for trial in pruned)
    assert all(len(trial.scores) == 10 for trial in search.ranked)
    assert min(trial.scores[1] for trial in pruned) >= search.best.scores[1]


def test_an_interrupted_search_goes_on(tmp_path):
    def interrupted(layer):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(layer)
        yield from phases(layer)

    seen = []
    kept = tmp_path / "search.log"
    with pytest.raises(KeyboardInterrupt):
        hq.architecture_search(SPACE, interrupted, trials=8, storage=kept, **SIZES)
    ended = []
    search = hq.architecture_search(SPACE, phases, trials=8, storage=kept, on_trial=ended.append, **SIZES)
    assert len(search.trials) == 8
    assert len({trial.candidate for trial in search.trials}) == 8
    assert [trial.number for trial in ended] == [trial.number for trial in search.trials[-len(ended) :]]
    assert len(ended) < 8
    again = hq.architecture_search(SPACE, phases, trials=8, storage=kept, **SIZES)
    assert told(again) == told(search)
    with pytest.raises(hq.ConfigurationError, match="of another search"):
        hq.architecture_search(hq.SearchSpace(modes=(5,)), phases, storage=kept, **SIZES)
    with pytest.raises(hq.ConfigurationError, match="of another search"):
        hq.architecture_search(SPACE, phases, storage=kept, input_size=2, output_size=3)


def test_a_search_goes_on_with_the_same_options_of_its_backend_only(tmp_path):
    few, many = (
        hq.SearchSpace(modes=(3,), photons=(1,), backend=(hq.backend("sampling", shots=shots),))
        for shots in (100, 5000)
    )
    hq.architecture_search(few, phases, storage=tmp_path / "search.log", **SIZES)
    with pytest.raises(
        hq.ConfigurationError, match=r"with backend .*shots=100,.* not .*shots=5000,.*; name another file"
    ):
        hq.architecture_search(many, phases, storage=tmp_path / "search.log", **SIZES)


def test_what_the_backend_does_not_take_in_training_is_refused():
    def crowded(layer):
        layer(FEATURES.repeat(3, 1)).sum().backward()
        yield from phases(layer)

    little = hq.backend("exact", memory_limit=300_000)
    space = hq.SearchSpace(circuit_type=("series",), modes=(3, 6), photons=(1, 3), backend=(little,))
    search = hq.architecture_search(space, crowded, trials=8, **SIZES)
    assert all("memory" in trial.reason for trial in search.trials if trial.outcome is Outcome.REFUSED)
    assert {trial.outcome for trial in search.trials} == {Outcome.FINISHED, Outcome.REFUSED}


@pytest.mark.parametrize("at_once", [2, 4])
def test_several_at_once_are_as_many_as_asked_for_and_all_different(at_once):
    barrier = threading.Barrier(2)

    def meeting(layer):
        barrier.wait(timeout=30)
        yield from phases(layer)

    space = hq.SearchSpace(modes=(4,), photons=(1, 2), bandwidth_tuning=(False,))
    search = hq.architecture_search(space, meeting, trials=4, at_once=at_once, **SIZES)
    assert len({trial.candidate for trial in search.trials}) == len(search.trials) == 4


def test_shots_are_counted_and_who_evaluates_is_a_choice(any_backend):
    space = hq.SearchSpace(
        circuit_type=("series",), modes=(4,), photons=(2,), bandwidth_tuning=(False,), backend=(OTHER, any_backend)
    )
    search = hq.architecture_search(space, lambda layer: [layer(FEATURES[:5]).std().item()], **SIZES)
    shots = {trial.candidate.backend: trial.shots for trial in search.trials}
    sampled = any_backend.capabilities.sampled and not any_backend.capabilities.exact
    assert shots.pop(any_backend) == (5 * any_backend.shots if sampled else 0)
    assert not any(shots.values())


def test_several_at_once_through_a_pool(_pool):
    space = hq.SearchSpace(modes=(3, 4), photons=(1, 2), bandwidth_tuning=(False,), backend=(_pool,))
    search = hq.architecture_search(space, fit, trials=4, at_once=2, **SIZES)
    assert len({trial.candidate for trial in search.trials}) == len(search.trials) == 4
    assert search.best.candidate.backend == hq.backend(_pool)


def test_bad_input_is_refused():
    for options, message in (
        ({"modes": ()}, "modes is a tuple of choices"),
        ({"modes": (1,)}, "modes"),
        ({"circuit_type": "series"}, "circuit_type is a tuple of choices"),
        ({"circuit_type": ("ring",)}, "choose one of series"),
        ({"photons": (1, 1)}, "a choice twice"),
        ({"reservoir": (0,)}, "True or False"),
        ({"backend": ("nowhere",)}, "nowhere"),
    ):
        with pytest.raises(hq.HqdistError, match=message):
            hq.SearchSpace(**options)
    with pytest.raises(hq.ConfigurationError, match="trials"):
        hq.architecture_search(SPACE, phases, trials=0, **SIZES)
    with pytest.raises(hq.ConfigurationError, match="seed"):
        hq.architecture_search(SPACE, phases, seed=-1, **SIZES)
    with pytest.raises(hq.ConfigurationError, match="there is no folder"):
        hq.architecture_search(SPACE, phases, storage="/nowhere/search.log", **SIZES)
    for nothing in ([], None):
        with pytest.raises(hq.ConfigurationError, match="yields a score at least once"):
            hq.architecture_search(SPACE, lambda layer, nothing=nothing: nothing, **SIZES)


def test_a_search_is_a_table_and_a_picture():
    search = hq.architecture_search(SPACE, fit, trials=7, seed=3, **SIZES)
    lines = str(search).splitlines()
    assert len(lines) == 8
    assert max(map(len, lines)) <= 80
    curves, sizes = plot_search(search, "loss").axes
    assert curves.get_ylabel() == "loss"
    assert len(sizes.lines) == len(search.ranked)


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna.logging", None)
    with pytest.raises(hq.MissingDependencyError, match=r"hqdist\[search\]"):
        hq.architecture_search(SPACE, phases, **SIZES)
