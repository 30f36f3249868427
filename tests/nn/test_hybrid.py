"""The hybrid architectures: the guide's, made from sizes, and others, made from parts."""

import pytest
import seed_guide
import torch
from torch import nn

import hqdist as hq

SIZES = {
    "SequentialHybrid": {"input_dim": 6, "quantum_dim": 3, "output_dim": 2},
    "ParallelHybrid": {"input_dim": 6, "output_dim": 2},
    "ResidualHybrid": {"input_dim": 6, "output_dim": 2},
    "MemoryEfficientHybrid": {"input_dim": 6, "output_dim": 2},
    "ParallelProcessingHybrid": {"input_dim": 6, "output_dim": 2},
}


def quantum(inputs, outputs=None):
    experiment = hq.Experiment(n_modes=3, n_photons=2, computation_space=hq.ComputationSpace.UNBUNCHED)
    return hq.QuantumLayer(ansatz=hq.AnsatzFactory.create(experiment, inputs, outputs))


def from_parts(name):
    torch.manual_seed(0)
    normal = hq.NormalizationLayer("tanh")
    match name:
        case "SequentialHybrid":
            pre = nn.Sequential(nn.Linear(6, 2), hq.NormalizationLayer())
            return hq.SequentialHybrid.from_parts(pre, quantum(2), nn.Linear(3, 2))
        case "ParallelHybrid":
            return hq.ParallelHybrid.from_parts(nn.Linear(6, 4), quantum(6), nn.Linear(7, 2), normal)
        case "ResidualHybrid":
            return hq.ResidualHybrid.from_parts(nn.Linear(6, 3), quantum(3), nn.Linear(3, 2), normal)
        case "MemoryEfficientHybrid":
            return hq.MemoryEfficientHybrid.from_parts(nn.Linear(6, 2), quantum(2), nn.Linear(3, 2), normal)
        case _:
            layers = [quantum(6) for _ in range(3)]
            return hq.ParallelProcessingHybrid.from_parts(layers, nn.Linear(9, 2), normal)


@pytest.mark.filterwarnings("ignore:torch.utils.checkpoint. the use_reentrant:UserWarning")  # the guide's call
@pytest.mark.parametrize("name", SIZES)
def test_they_compute_what_the_guides_compute_and_share_their_parameters_names(name):
    guides = getattr(seed_guide, name)(**SIZES[name])
    ours = getattr(hq, name)(**SIZES[name])
    ours.load_state_dict(guides.state_dict())
    x = torch.randn(5, 6)
    for mode in (True, False):
        found, gradients = [], []
        for model in (guides.train(mode), ours.train(mode)):
            torch.manual_seed(1)
            model.zero_grad()
            found.append(model(x))
            found[-1].square().sum().backward()
            gradients.append([parameter.grad for parameter in model.parameters()])
        torch.testing.assert_close(*found)
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", SIZES)
def test_they_train_on_every_backend(any_backend, name):
    model = hq.use_backend(from_parts(name), any_backend)
    for module in model.modules():
        if isinstance(module, hq.QuantumLayer):
            module.gradient = "surrogate"
    torch.manual_seed(1)
    model(torch.randn(2, 6)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    assert all(parameter.grad.any() for parameter in hq.quantum_parameters(model))


@pytest.mark.parametrize("name", SIZES)
def test_from_parts_makes_the_class_and_saves_and_loads(name):
    model, other = from_parts(name), from_parts(name)
    assert type(model) is getattr(hq, name)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    other.load_state_dict(model.state_dict())
    x = torch.randn(2, 6)
    assert torch.equal(other.eval()(x), model.eval()(x))


def test_without_a_normalization_features_go_in_as_they_are():
    layer = quantum(2)
    model = hq.MemoryEfficientHybrid.from_parts(nn.Identity(), layer, nn.Identity())
    x = torch.rand(2, 2)
    assert torch.equal(model(x), layer(x))
