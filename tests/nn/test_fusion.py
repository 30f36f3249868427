"""Components brought together by gates and by attention."""

import pytest
import torch
from torch import nn

import hqdist as hq

FUSIONS = {"gates": hq.GatedFusion, "attention": lambda sizes, out: hq.AttentionFusion(sizes, out, heads=2)}


@pytest.fixture(params=FUSIONS)
def fusion(request):
    torch.manual_seed(0)
    return FUSIONS[request.param]([3, 5, 2], 4)


def test_every_component_counts_for_each_sample(fusion):
    x = torch.randn(6, 10)
    weights = fusion.weights(x)
    assert weights.shape == (6, 3)
    assert torch.allclose(weights.sum(1), torch.ones(6))
    assert (weights > 0).all()
    assert not torch.allclose(weights[0], weights[1])


def test_every_input_matters(fusion):
    x = torch.randn(6, 10, requires_grad=True)
    found = fusion(x)
    assert found.shape == (6, 4)
    found.square().sum().backward()
    assert (x.grad.abs().sum(0) > 0).all()
    assert all(parameter.grad is not None for parameter in fusion.parameters())


def test_samples_do_not_mix(fusion):
    x = torch.randn(6, 10)
    assert torch.allclose(fusion(x)[2:3], fusion(x[2:3]), atol=1e-6)


def test_gates_learn_which_component_knows_the_answer():
    torch.manual_seed(0)
    fusion = hq.GatedFusion([2, 2], 2)
    optimiser = torch.optim.Adam(fusion.parameters(), lr=0.05)
    for _ in range(200):
        x = torch.randn(64, 4)
        optimiser.zero_grad()
        nn.functional.mse_loss(fusion(x), x[:, 2:]).backward()
        optimiser.step()
    assert fusion.weights(torch.randn(64, 4))[:, 1].mean() > 0.6


def test_a_parallel_hybrid_with_either(any_backend, fusion):
    experiment = hq.Experiment(n_modes=3, n_photons=1)
    quantum = hq.QuantumLayer(ansatz=hq.AnsatzFactory.create(experiment, input_size=2, output_size=3))
    made = type(fusion)([4, 3], 2)
    model = hq.ParallelHybrid.from_parts(classical_path=nn.Linear(2, 4), quantum_path=quantum, fusion=made)
    hq.use_backend(model, any_backend)
    model(torch.rand(3, 2)).sum().backward()
    assert quantum.phases.grad is not None


def test_one_sample_and_none_are_taken_as_by_a_layer(fusion):
    x = torch.rand(3, sum(fusion.sizes))
    assert torch.allclose(fusion(x[1]), fusion(x)[1], atol=1e-6)
    assert torch.allclose(fusion.weights(x[1]), fusion.weights(x)[1], atol=1e-6)
    assert fusion(x[:0]).shape == (0, *fusion(x).shape[1:])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: hq.GatedFusion([], 2), "one component or more"),
        (lambda: hq.GatedFusion([0], 2), "size of a component"),
        (lambda: hq.AttentionFusion([2, 2], 3, heads=2), "shared by 2 heads"),
        (lambda: hq.AttentionFusion([2, 2], "4"), "output_size"),
        (lambda: hq.GatedFusion([2, 2], 0), "output_size"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(hq.ConfigurationError, match=words):
        make()
