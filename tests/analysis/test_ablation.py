"""Replacements of quantum layers, and what they show."""

import math

import pytest
import torch
from torch import nn

import hqdist as hq
from hqdist.analysis import Variant, ablation_study, trained_ablation_study
from hqdist.analysis.ablation import with_replacement
from hqdist.analysis.statistics import Mean


def model():
    torch.manual_seed(0)
    return hq.SequentialHybrid(input_dim=3, quantum_dim=2, output_dim=2)


def data():
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(5, 3, generator=generator), torch.randint(2, (5,), generator=generator)) for _ in range(2)]


CRITERION = nn.CrossEntropyLoss()


def test_the_model_is_not_touched_even_if_something_fails():
    made = model()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    layer = made.quantum_layer

    def fails(outputs, targets):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ablation_study(made, data(), fails)
    ablation_study(made, data(), CRITERION)
    assert made.quantum_layer is layer
    assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())


def test_it_works_on_every_backend(any_backend):
    study = ablation_study(hq.use_backend(model(), any_backend), data(), CRITERION)
    assert set(study.scores) == {Variant.FULL, Variant.IDENTITY, Variant.ZERO, Variant.FROZEN}
    assert study.quantum_contribution == pytest.approx(study.classical_only - study.full_model)


@pytest.mark.parametrize("variant", list(Variant))
def test_replacements_have_the_shape_of_the_layer(variant):
    replaced = with_replacement(model(), variant)
    assert replaced(torch.rand(4, 3)).shape == (4, 2)


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize(
    "make",
    [
        lambda: hq.ParallelProcessingHybrid(input_dim=3, output_dim=2),
        lambda: nn.Sequential(hq.MultiScaleQuantum(3, [hq.Scale(window=2, stride=1, n_photons=1)]), nn.LazyLinear(2)),
    ],
)
def test_layers_side_by_side_are_replaced_too(make, variant):
    made, x = make(), torch.rand(5, 3)
    assert made(x).shape == (5, 2)
    assert with_replacement(made, variant)(x).shape == (5, 2)


def test_an_identity_pads_with_zeros_and_leaves_the_rest_out():
    made = with_replacement(model(), Variant.IDENTITY).quantum_layer
    x = torch.rand(2, 2)
    assert torch.equal(made(x), torch.cat([x, torch.zeros(2, 2)], dim=1))


def test_the_classical_replacement_has_about_as_many_parameters():
    layer, other = model().quantum_layer, with_replacement(model(), "classical").quantum_layer
    count = [sum(parameter.numel() for parameter in module.parameters()) for module in (layer, other)]
    assert abs(count[0] - count[1]) <= (layer.input_size + layer.output_size + 1) / 2


def test_a_layer_that_matters_is_seen_to_matter():
    """The target is what a quantum layer gives: with it, training has nothing to do; with zeros it cannot succeed."""
    program = hq.Experiment(n_modes=3, n_photons=2).program(1)

    def make():
        layer = hq.QuantumLayer(program=program)
        with torch.no_grad():
            layer.phases.copy_(torch.linspace(0, 2, len(layer.phases)))
        return nn.Sequential(layer)

    x = torch.linspace(0, 1, 20).reshape(-1, 1)
    with torch.no_grad():
        target = make()(x)
    study = trained_ablation_study(
        make, lambda model: None, lambda model: float((model(x) - target).square().mean()), seeds=range(3)
    )
    assert study.full_model == 0
    for variant in (Variant.ZERO, Variant.IDENTITY, Variant.CLASSICAL):
        assert study.mean(variant).value > 0.01
    assert study.contribution(Variant.ZERO).excludes_zero
    assert "classical" in str(study)


def test_seeds_decide_everything():
    def run():
        return trained_ablation_study(model, lambda m: None, lambda m: float(m(torch.ones(2, 3)).sum()), seeds=(0, 1))

    state = torch.get_rng_state()
    assert run().scores == run().scores
    assert torch.equal(state, torch.get_rng_state())


def test_a_mean_admits_how_little_it_knows():
    assert math.isnan(Mean.of([1.0]).half_width)
    assert Mean.of([1.0, 3.0]).half_width == pytest.approx(12.706, rel=1e-4)  # t(0.975, 1) times sqrt(2) over sqrt(2)
    assert not Mean.of([1.0, 3.0]).excludes_zero


def test_a_model_without_quantum_layers_is_refused():
    with pytest.raises(hq.ConfigurationError, match="no quantum layer"):
        ablation_study(nn.Linear(3, 2), data(), CRITERION)
