"""The gallery: each example runs, and what is committed is what it writes."""

import json
import sys

import digits_ablation
import pytest
import regression
import reporting
import reservoir
import studies
import time_series
import torch

from hqdist.analysis import AblationStudy, Variant
from hqdist.analysis.statistics import Mean

STUDIES = {
    "digits_ablation": digits_ablation,
    "regression": regression,
    "time_series": time_series,
    "time_series_calm": time_series,
}


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def committed(name):
    return json.loads((reporting.RESULTS / f"{name}.json").read_text())


@pytest.mark.parametrize("module", [digits_ablation, regression, time_series])
def test_a_model_learns_something_in_a_few_epochs(module, monkeypatch):
    monkeypatch.setattr(module, "EPOCHS", 3)
    make = getattr(module, "make_model", None) or module.Corrected
    torch.manual_seed(0)
    model, untrained = make(), make()
    module.train(model)
    if hasattr(model, "held_out"):
        untrained.held_out = model.held_out
    with torch.no_grad():
        assert module.score(model) < module.score(untrained)


def test_a_study_writes_its_table_its_figures_and_its_picture(monkeypatch, tmp_path, capsys, one_thread):
    monkeypatch.setattr(sys, "argv", ["time_series.py", "--seeds", "1", "--out", str(tmp_path)])
    monkeypatch.setattr(time_series, "EPOCHS", 1)
    time_series.main()
    printed = capsys.readouterr().out
    assert all(word in printed for word in studies.WORDS.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "time_series.json",
        "time_series.png",
        "time_series_calm.json",
        "time_series_calm.png",
        "time_series_prediction.png",
    ]
    written = json.loads((tmp_path / "time_series.json").read_text())
    assert written.keys() == committed("time_series").keys()
    assert written["variants"].keys() == committed("time_series")["variants"].keys()


@pytest.mark.parametrize("name", STUDIES)
def test_the_committed_verdicts_follow_from_the_committed_figures(name):
    figures = committed(name)
    variants = {Variant(variant): row for variant, row in figures["variants"].items()}
    study = AblationStudy(
        {variant: tuple(row["by_seed"]) for variant, row in variants.items()},
        {variant: row["parameters"] for variant, row in variants.items()},
        figures["confidence"],
    )
    for variant, row in variants.items():
        assert len(row["by_seed"]) == 5
        assert studies.verdict(study, variant) == row["verdict"]
        assert study.mean(variant).value == pytest.approx(row["mean"], abs=1e-4)
    full, classical = variants[Variant.FULL], variants[Variant.CLASSICAL]
    assert classical["parameters"] == pytest.approx(full["parameters"], rel=0.02)


def test_windows_and_targets_are_of_the_same_moments():
    assert torch.equal(time_series.NEXT[:-2, 0], time_series.SERIES[9:-2])
    assert torch.equal(time_series.WINDOWS[5], time_series.SERIES[5:13])
    assert torch.equal(time_series.NEXT[time_series.TRAINING :, 0], time_series.SERIES[600:])
    assert len(time_series.SECONDS) == 200


def test_the_reservoir_reproduces_the_known_figures():
    features = committed("reservoir")["features"]
    for name, published in reservoir.PUBLISHED.items():
        mean = Mean.of(features[name]["by_split"])
        assert abs(mean.value - published) < mean.half_width
    again = reservoir.accuracies(seed=0)
    for name, row in features.items():
        assert again[name] == pytest.approx(row["by_split"][0], abs=0.4)  # two images of 540


def test_the_reservoir_draws_what_it_found(tmp_path):
    found = {name: row["by_split"] for name, row in committed("reservoir")["features"].items()}
    assert reservoir.report(found) == committed("reservoir")
    reservoir.draw(found, tmp_path / "reservoir.png")
    assert (tmp_path / "reservoir.png").stat().st_size > 10_000
    assert reservoir.table(reservoir.report(found)).row_count == 4
