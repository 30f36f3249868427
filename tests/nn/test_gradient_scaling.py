"""Gradients are scaled; values are not, in training or in use."""

import pytest
import torch

import hqdist as hq


def layer(backend=None):
    torch.manual_seed(0)
    experiment = hq.Experiment(n_modes=3, n_photons=2, computation_space=hq.ComputationSpace.UNBUNCHED)
    return hq.QuantumLayer(program=experiment.program(2), backend=backend, dtype=torch.float64)


def learned(module, layer):
    torch.manual_seed(1)
    x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    output = module(x)
    return output.detach(), *torch.autograd.grad(output.square().sum(), [x, layer.phases])


def test_values_stay_and_gradients_are_scaled_on_every_backend(any_backend):
    made = layer(any_backend)
    values, *gradients = learned(made, made)
    scaled_values, *scaled = learned(hq.GradientScaledQuantumLayer(made, 0.25), made)
    assert torch.equal(scaled_values, values)
    for one, other in zip(scaled, gradients, strict=True):
        torch.testing.assert_close(one, 0.25 * other)


def test_training_and_use_are_one_function():
    scaled = hq.GradientScaledQuantumLayer(layer())
    x = torch.rand(3, 2, dtype=torch.float64)
    assert torch.equal(scaled.train()(x), scaled.eval()(x))


def test_factor_zero_stops_the_gradient_and_one_changes_nothing():
    made = layer()
    _, *plain = learned(made, made)
    for factor in (0.0, 1.0):
        _, *scaled = learned(hq.GradientScaledQuantumLayer(made, factor), made)
        for one, other in zip(scaled, plain, strict=True):
            assert torch.equal(one, factor * other)


def test_under_transforms():
    x = torch.rand(4, 3)
    found = torch.func.vmap(torch.func.grad(lambda row: hq.scale_gradient(row, 0.5).square().sum()))(x)
    torch.testing.assert_close(found, x)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), "much"])
def test_another_factor_is_refused(factor):
    with pytest.raises(hq.ConfigurationError, match="scale_factor"):
        hq.GradientScaledQuantumLayer(layer(), factor)
