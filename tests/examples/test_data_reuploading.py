"""Photonic data re-uploading, after Mauser et al. (2025), through QuantumLayer and the exact backend."""

import json
from statistics import mean, pstdev

import data_reuploading
import numpy as np
import pytest
import reporting
import torch
from data_reuploading import PUBLISHED, SCALES, SHOWN

from hqdist.program.program import circuit_unitary

CASES = [(dataset, layers) for dataset, by_layers in PUBLISHED.items() for layers in by_layers]


@pytest.fixture(scope="module")
def committed():
    return json.loads((reporting.RESULTS / "data_reuploading.json").read_text())


def test_the_circuit_is_the_product_of_its_blocks():
    program = data_reuploading.circuit(layers=2, scale=0.5)
    values = {"x0": 0.3, "x1": -0.7, "w0": 1.1, "w1": 0.2, "w2": -0.4, "w3": 2.0}
    splitter = np.array([[1, 1j], [1j, 1]]) / np.sqrt(2)
    expected = np.eye(2)
    for angle in (0.15, -0.35, 1.1, 0.2, 0.15, -0.35, -0.4, 2.0):
        expected = splitter @ np.diag([np.exp(1j * angle), 1]) @ expected
    np.testing.assert_allclose(circuit_unitary(program, values), expected, atol=1e-12)


def test_the_loss_does_not_depend_on_the_scale_or_origin_of_the_feature():
    q, y = torch.rand(40, dtype=torch.float64), torch.arange(40) % 2
    assert data_reuploading.fisher_loss(3 * q - 1, y).item() == pytest.approx(data_reuploading.fisher_loss(q, y).item())


@pytest.mark.parametrize(("dataset", "layers", "tolerance"), [("circles", 1, 0.05), ("moons", 2, 0.05)])
def test_few_layers_reach_the_published_accuracy(dataset, layers, tolerance):
    run = data_reuploading.run(dataset, layers, SCALES[SHOWN], seed=1, epochs=400)
    assert run.test == pytest.approx(PUBLISHED[dataset][layers], abs=tolerance)


def test_three_layers_separate_the_circles():
    run = data_reuploading.run("circles", 3, SCALES[SHOWN], seed=0, epochs=600)
    assert run.test >= PUBLISHED["circles"][3]


@pytest.mark.parametrize(("dataset", "layers"), CASES)
def test_the_committed_results_agree_with_the_published_ones(committed, dataset, layers):
    row = row_of(committed, dataset, layers, SHOWN)
    assert row["mean"] == pytest.approx(row["published"], abs=0.06)


def test_the_committed_results_are_those_of_this_script(committed):
    assert committed["setting"]["scales"] == SCALES
    assert committed["setting"]["epochs"] == data_reuploading.EPOCHS
    assert len(committed["accuracy"]) == len(CASES) * len(SCALES)
    for row in committed["accuracy"]:
        tests = row["test_by_seed"]
        assert row["published"] == PUBLISHED[row["data"]][row["layers"]]
        assert len(tests) == data_reuploading.SEEDS
        assert (row["mean"], row["spread"]) == pytest.approx((mean(tests), pstdev(tests)), abs=1e-6)


def row_of(committed, dataset, layers, scale):
    rows = committed["accuracy"]
    return next(row for row in rows if (row["data"], row["layers"], row["scale"]) == (dataset, layers, scale))
