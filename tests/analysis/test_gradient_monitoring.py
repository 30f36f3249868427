"""Sizes of gradients, by the type of what they belong to."""

import warnings

import pytest
import torch
from torch import nn

import hqdist as hq
from hqdist.analysis import GradientWarning, monitor_gradients, scan_for_plateaus


def layer(modes=3, photons=1, **options):
    return hq.QuantumLayer(program=hq.Experiment(n_modes=modes, n_photons=photons).program(1), **options)


def test_types_decide_and_not_names(any_backend):
    torch.manual_seed(0)
    model = nn.ModuleDict({"quantum_but_not_really": nn.Linear(1, 1), "photons": layer(backend=any_backend)})
    model["photons"](torch.sigmoid(model["quantum_but_not_really"](torch.rand(3, 1))))[:, 0].sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)
        report = monitor_gradients(model)
    assert report.layers["photons.phases"][1]
    assert not report.layers["quantum_but_not_really.weight"][1]
    assert report.quantum == pytest.approx(report.layers["photons.phases"][0])
    assert report.ratio == pytest.approx(report.quantum / report.classical)


def with_gradients(classical, quantum):
    model = nn.Sequential(nn.Linear(1, 1), layer())
    for parameter in model[0].parameters():
        parameter.grad = torch.full_like(parameter, classical)
    model[1].phases.grad = torch.full_like(model[1].phases, quantum)
    return model


@pytest.mark.parametrize(("classical", "quantum"), [(1.0, 10.5), (1.0, 0.09), (0.0, 1.0)])
def test_imbalance_is_warned_of(classical, quantum):
    with pytest.warns(GradientWarning, match="out of balance"):
        assert monitor_gradients(with_gradients(classical, quantum)).imbalanced


def test_balance_is_not():
    report = monitor_gradients(with_gradients(1.0, 9.0))
    assert not report.imbalanced
    assert str(report) == "gradients: classical 1, quantum 9, ratio 9"


def test_before_backward_there_is_nothing_to_monitor():
    with pytest.raises(hq.ConfigurationError, match="after backward"):
        monitor_gradients(layer())


def test_the_variance_of_derivatives_falls_with_the_size_of_the_circuit():
    scan = scan_for_plateaus(layer, [(3, 1), (5, 2), (7, 3)], samples=24, limit=100)
    assert scan.variances[0] > scan.variances[1] > scan.variances[2] > 0
    assert scan.decay > 1
    assert scan_for_plateaus(layer, [(3, 1), (5, 2), (7, 3)], samples=24, limit=100) == scan
    with pytest.warns(GradientWarning, match="barren plateau"):
        scan_for_plateaus(layer, [(3, 1), (6, 3)], samples=8, limit=1.01)


def test_a_scan_of_one_size_is_refused():
    with pytest.raises(hq.ConfigurationError, match="two numbers of modes"):
        scan_for_plateaus(layer, [(3, 1), (3, 2)])
