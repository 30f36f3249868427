"""What a batch will cost is said before anything is spent, and is what is then spent."""

import logging

import pytest
import torch
from devices import Device
from torch import nn

import hqdist as hq
from hqdist.gradient import Cost, Estimate

PRICE = hq.Price(per_shot=0.25, per_job=10.0)


def program(features=2):
    return hq.Experiment(n_modes=3, n_photons=2).program(features)


@pytest.fixture
def layer():
    return hq.QuantumLayer(program=program(), backend=Device(price=PRICE), shots=10)


def spent(device):
    return Cost(
        evaluations=sum(request.batch for request in device.requests),
        shots=sum(request.total_shots for request in device.requests),
        calls=len(device.requests),
    )


@pytest.mark.parametrize("gradient", ["auto", "spsa", "surrogate", {"name": "spsa", "repetitions": 3}], ids=str)
def test_it_is_what_is_then_spent(layer, gradient):
    layer.gradient = gradient
    x = torch.rand(4, 2)
    estimate = layer.estimate(x)
    assert not layer.backend.requests
    layer(x).sum().backward()
    assert estimate.total == spent(layer.backend)
    assert estimate.forward == Cost(evaluations=4, shots=40, calls=1)
    assert estimate.forward_credits == 0.25 * 40 + 10
    assert estimate.credits == 0.25 * estimate.total.shots + 10 * estimate.total.calls


def test_a_number_of_samples_counts_derivatives_by_their_features(layer):
    x = torch.rand(4, 2)
    assert layer.estimate(4) == layer.estimate(x.clone().requires_grad_())
    layer.requires_grad_(False)
    assert layer.estimate(4).backward.evaluations > 0
    assert layer.estimate(x).backward.evaluations == 0


def test_what_is_only_evaluated_has_no_backward_part(layer):
    assert layer.estimate(4, training=False).backward == Cost()
    assert layer.eval().estimate(4).backward == Cost()
    assert layer.estimate(4, training=True).gradients == ("parameter_shift",)


def test_it_reads_in_a_line(layer):
    line = str(layer.estimate(torch.rand(4, 2)))
    shots = layer.estimate(torch.rand(4, 2)).backward.shots
    assert line.startswith("device differentiated by parameter_shift: ")
    assert f"{40 + shots:,} shots ({shots:,} of them for derivatives)" in line
    assert "credits" in line
    assert "shots" not in str(hq.QuantumLayer(program=program()).estimate(1))


def test_exact_backends_cost_no_shots():
    assert hq.QuantumLayer(program=program()).estimate(5) == Estimate(
        backends=("exact",),
        gradients=("adjoint",),
        forward=Cost(evaluations=5, calls=1),
        backward=Cost(evaluations=5, calls=1),
    )


def test_what_cannot_be_differentiated_is_refused():
    layer = hq.QuantumLayer(program=program(), backend=Device(), gradient="adjoint")
    with pytest.raises(hq.GradientError, match="no adjoint"):
        layer.estimate(3)
    assert layer.estimate(3, training=False).forward.evaluations == 3


class Twice(nn.Module):
    """A model whose forward calls one layer twice, behind batch normalisation and dropout."""

    def __init__(self, layer):
        super().__init__()
        self.normalise = nn.BatchNorm1d(2)
        self.drop = nn.Dropout(0.5)
        self.layer = layer

    def forward(self, x):
        return self.layer(x) + self.layer(self.drop(self.normalise(x)))


class TestModels:
    def test_counts_every_call_and_only_derivatives_that_something_needs(self, layer):
        model, x = Twice(layer), torch.rand(4, 2)
        estimate = hq.estimate(model, x)
        first, second = layer.estimate(x), layer.estimate(4)
        assert estimate == first + second
        model(x).sum().backward()
        assert estimate.total == spent(layer.backend)

    def test_changes_neither_the_model_nor_torchs_random_state(self, layer):
        model = Twice(layer)
        state, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
        hq.estimate(model, torch.rand(4, 2, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(torch.get_rng_state(), random)
        assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
        assert not layer.backend.requests

    def test_names_every_backend_once(self, layer):
        model = nn.Sequential(hq.QuantumLayer(program=program()), nn.Linear(6, 2), layer, nn.Linear(6, 2), layer)
        estimate = hq.estimate(model, torch.rand(3, 2))
        assert estimate.backends == ("exact", "device")
        assert estimate.gradients == ("adjoint", "parameter_shift")
        assert str(estimate).startswith("exact, device differentiated by adjoint, parameter_shift: ")

    def test_a_model_without_quantum_layers_costs_nothing(self):
        assert hq.estimate(nn.Linear(2, 2), torch.rand(3, 2)) == Estimate()


class TestLog:
    def test_auto_tells_once_what_it_chose_before_it_spends(self, layer, caplog):
        caplog.set_level(logging.INFO, logger="hqdist")
        x, expected = torch.rand(4, 2), str(layer.estimate(torch.rand(4, 2)))
        for _ in range(2):
            layer(x)
        assert [record.getMessage() for record in caplog.records] == [f"gradient 'auto': {expected}"]

    def test_nothing_is_told_where_nothing_was_chosen(self, layer, caplog):
        caplog.set_level(logging.INFO, logger="hqdist")
        with torch.no_grad():
            layer(torch.rand(4, 2))
        layer.gradient = "parameter_shift"
        layer(torch.rand(4, 2))
        assert not caplog.records
