"""The variational classifier of Gan et al. (2022) through QuantumLayer and the exact backend."""

import json

import numpy as np
import pytest
import reporting
import torch
import vqc_classification
from vqc_classification import DRAWS, PUBLISHED, USED, Classifier, Points, Run

CASES = [(dataset, draw, used) for used in USED for draw in DRAWS for dataset in PUBLISHED]
OUTSIDE = {("linear", "anew", 100), ("linear", "anew", 200), ("linear", "once", 200)}


@pytest.fixture(scope="module")
def committed():
    return json.loads((reporting.RESULTS / "vqc_classification.json").read_text())


@pytest.mark.parametrize("used", USED)
@pytest.mark.parametrize("dataset", PUBLISHED)
def test_both_parts_of_the_data_are_balanced_and_the_training_points_are_standardised(dataset, used):
    training, test = vqc_classification.draw_points(dataset, used, seed=3)
    assert (len(training.y), len(test.y)) == (0.6 * used, 0.4 * used)
    assert set(training.y.tolist()) == set(test.y.tolist()) == {-1.0, 1.0}
    assert abs(training.y.mean()) <= 1 / 30
    assert abs(test.y.mean()) <= 1 / 20
    torch.testing.assert_close(training.x.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(training.x.std(0, correction=0), torch.ones(2))


def test_the_classifier_is_a_trigonometric_polynomial_of_degree_three():
    torch.manual_seed(0)
    steps = torch.arange(8) * 2 * torch.pi / 8
    grid = torch.cartesian_prod(steps, steps)
    with torch.no_grad():
        spectrum = np.abs(np.fft.fft2(Classifier()(grid).reshape(8, 8).numpy()))
    first, second = np.meshgrid(*2 * [np.fft.fftfreq(8, 1 / 8)], indexing="ij")
    degree = np.max(np.abs([first, second, first + second]), axis=0)
    assert spectrum[degree > 3].max() < 1e-4
    assert spectrum[degree == 3].max() > 1e-2


def test_a_point_counts_as_right_where_the_functional_has_the_sign_of_its_label():
    torch.manual_seed(0)
    classifier, x = Classifier(), torch.randn(20, 2)
    with torch.no_grad():
        signs = classifier(x).sign()
    signs[:5] *= -1
    assert classifier.accuracy(Points(x, signs)) == 0.75


def test_the_penalty_is_on_the_functional_alone():
    torch.manual_seed(0)
    classifier = Classifier()
    points = Points(torch.randn(5, 2), torch.ones(5))
    squares = sum(float(p.detach().square().sum()) for p in classifier.functional.parameters())
    error = (classifier(points.x) - points.y).square().mean()
    assert classifier.loss(points).item() == pytest.approx(error.item() + vqc_classification.ALPHA * squares)


@pytest.mark.parametrize(("dataset", "least"), [("linear", 0.95), ("moon", 0.85)])
def test_half_the_training_separates_most_points(dataset, least):
    run = vqc_classification.run(dataset, "anew", 100, seed=0, epochs=75)
    assert run.training >= least


def test_only_data_drawn_anew_depend_on_the_seed():
    def features(draw, seed):
        return vqc_classification.run("moon", draw, 100, seed, epochs=0).points[0].x

    assert torch.equal(features("once", 0), features("once", 1))
    assert not torch.equal(features("anew", 0), features("anew", 1))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_committed_results_agree_with_the_published_ones_where_the_readme_says_so(committed, case):
    assert row_of(committed, *case)["published_within_two_spreads"] == (case not in OUTSIDE)


def test_the_committed_results_are_those_of_this_script(committed):
    runs = {case: [Run(None, None, *pair) for pair in accuracies(committed, *case)] for case in CASES}
    assert all(len(done) == vqc_classification.SEEDS for done in runs.values())
    assert json.loads(json.dumps(vqc_classification.report(runs))) == committed


def accuracies(committed, *case):
    row = row_of(committed, *case)
    return zip(row["training_by_seed"], row["test_by_seed"], strict=True)


def row_of(committed, dataset, draw, used):
    rows = committed["accuracy"]
    return next(row for row in rows if (row["data"], row["drawn"], row["points"]) == (dataset, draw, used))
