"""The user's guide runs as written."""

import pytest
import seed_guide as guide
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import hqdist as hq

# Torch still has what the guide calls, and says that it will not have it for ever.
pytestmark = pytest.mark.filterwarnings("ignore:torch.utils.checkpoint. the use_reentrant:UserWarning")

MODELS = [
    pytest.param(lambda: guide.SequentialHybrid(input_dim=12, quantum_dim=5, output_dim=3), id="sequential"),
    pytest.param(lambda: guide.ParallelHybrid(input_dim=12, output_dim=3), id="parallel"),
    pytest.param(lambda: guide.ResidualHybrid(input_dim=12, output_dim=3), id="residual"),
    pytest.param(lambda: guide.MemoryEfficientHybrid(input_dim=12, output_dim=3), id="memory-efficient"),
    pytest.param(lambda: guide.ParallelProcessingHybrid(input_dim=12, output_dim=3), id="parallel-processing"),
]


@pytest.mark.parametrize("make", MODELS)
def test_a_pattern_trains(make):
    torch.manual_seed(0)
    model = make()
    x, y = torch.randn(16, 12), torch.randint(3, (16,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss():
        torch.manual_seed(1)  # the same dropout
        return cross_entropy(model(x), y)

    before = loss()
    before.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{name} has no gradient"
        assert parameter.grad.any(), f"the gradient of {name} vanishes"
    optimizer.step()
    assert loss() < before


@pytest.mark.parametrize("make", MODELS)
def test_quantum_parameters_are_found_by_name_as_the_guide_finds_them(make):
    quantum = [name for name, _ in make().named_parameters() if "quantum" in name.lower()]
    assert any(name.endswith("phases") for name in quantum)


@pytest.mark.parametrize("make", MODELS)
def test_every_feature_reaches_the_output(make):
    torch.manual_seed(0)
    model = make().eval()
    x = torch.randn(4, 12, requires_grad=True)
    model(x).square().sum().backward()
    assert x.grad.abs().sum(dim=0).all()


def small():
    """A model with the attributes that the guide's functions look for, and some batches."""
    torch.manual_seed(0)
    model = guide.SequentialHybrid(input_dim=3, quantum_dim=3, output_dim=2)
    return model, [(torch.rand(8, 3), torch.randint(2, (8,))) for _ in range(6)]


def test_normalization():
    x = torch.tensor([[-1.0, 0.0, 3.0]])
    for method in ("sigmoid", "tanh", "minmax"):
        y = guide.NormalizationLayer(method)(x)
        torch.testing.assert_close(y, hq.NormalizationLayer(method)(x))
    with pytest.raises(ValueError, match="Unknown"):
        guide.NormalizationLayer("softmax")(x)


def test_gradient_scaling_as_the_guide_has_it_changes_the_function():
    layer = hq.QuantumLayer(program=hq.Experiment(n_modes=3, n_photons=2).program(2))
    scaled, x = guide.GradientScaledQuantumLayer(layer), torch.rand(4, 2)
    assert torch.equal(scaled.train()(x), 0.1 * scaled.eval()(x))
    ours = hq.GradientScaledQuantumLayer(layer)
    assert torch.equal(ours.train()(x), ours.eval()(x))


def test_alternating_training():
    model, loader = small()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizers = guide.create_hybrid_optimizer(model)
    assert guide.train_hybrid_alternating(model, loader, *optimizers, cross_entropy) > 0
    assert not any(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


def test_batch_size_optimization(capsys):
    model = nn.Sequential(nn.Linear(3, 2), hq.QuantumLayer(program=hq.Experiment(n_modes=3, n_photons=2).program(2)))
    assert guide.find_optimal_batch_size(model, torch.rand(1, 3), max_batch_size=4) == 4
    assert capsys.readouterr().out.count("OK") == 3


@pytest.mark.filterwarnings("ignore:.torch.cuda.amp:FutureWarning", "ignore:.*CUDA is not available:UserWarning")
def test_mixed_precision():
    """`torch.cuda.amp` is deprecated but there; without a GPU it warns and computes in full precision."""
    model, loader = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.quantum_layer.phases.detach().clone()
    guide.train_with_mixed_precision(model, loader, optimizer, cross_entropy)
    assert not torch.equal(model.quantum_layer.phases, before)


def test_component_wise_analysis():
    """It feeds the raw features to the quantum layer: the two must be as wide, as here."""
    model, loader = small()
    found = guide.analyze_hybrid_performance(model, loader)
    assert found["total_avg_time"] > 0
    assert found["quantum_avg_time"] > 0


def test_ablation():
    """It puts an identity in the quantum layer's place: that must have as many outputs as inputs, as here."""
    torch.manual_seed(0)
    model, loader = guide.MemoryEfficientHybrid(3, 2), small()[1]
    quantum = model.quantum_layer
    found = guide.ablation_study(model, loader, cross_entropy)
    assert found["quantum_contribution"] == pytest.approx(found["classical_only"] - found["full_model"])
    assert model.quantum_layer is quantum


def test_monitoring(capsys):
    model, loader = small()
    x, y = loader[0]
    cross_entropy(model(x), y).backward()
    for parameter in hq.quantum_parameters(model):
        parameter.grad *= 1e6
    guide.monitor_gradients(model)
    assert "Gradient imbalance" in capsys.readouterr().out


def test_overfitting_detection(capsys):
    model, loader = small()
    assert not guide.detect_component_overfitting(model, loader, loader, cross_entropy)
    losses = iter([1.0] * len(loader) + [9.0] * len(loader))
    assert guide.detect_component_overfitting(model, loader, loader, lambda *_: torch.tensor(next(losses)))
    assert "overfitting" in capsys.readouterr().out
