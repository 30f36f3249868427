import pytest
import torch
from torch import nn

import hqdist as hq
from hqdist.training.configuration import Configuration, ParallelConfiguration
from hqdist.training.model import build_model
from hqdist.training.optimiser import (
    classical_parameters,
    create_optimiser,
    quantum_parameters,
    set_cosine_rates,
)

MODELS = {
    "sequential": {"architecture": "sequential", "quantum_features": 3},
    "parallel": {"architecture": "parallel", "hidden": [7], "outputs": 4},
    "residual": {"architecture": "residual", "width": 6},
}


def configuration(model: str = "sequential", **circuit: object) -> Configuration:
    table = {"n_modes": 4, "n_photons": 2, **circuit}
    return Configuration.model_validate({"data": {"name": "iris"}, "model": MODELS[model], "circuit": table})


def build(configuration: Configuration, features: int, classes: int) -> nn.Module:
    return build_model(configuration, features=features, classes=classes, batch_size=8)


@pytest.mark.parametrize("model", MODELS)
def test_every_architecture_gives_logits_and_a_gradient_to_every_parameter(model):
    built = build(configuration(model, use_bandwidth_tuning=True), features=5, classes=3)
    logits = built(torch.randn(8, 5))
    assert logits.shape == (8, 3)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in built.parameters())


@pytest.mark.parametrize("mapping", ["linear", "lexgrouping", "modgrouping", "none"])
def test_every_output_mapping_fits_the_sequential_and_parallel_models(mapping):
    for model in ("sequential", "parallel"):
        built = build(configuration(model, output_mapping=mapping, n_modes=7), features=2, classes=2)
        assert built(torch.randn(4, 2)).shape == (4, 2)


def test_a_residual_refuses_outputs_of_another_width():
    with pytest.raises(hq.ConfigurationError, match=r"model\.width=6 .* gives 10"):
        build(configuration("residual", output_mapping="none"), features=2, classes=2)


def test_photons_that_do_not_fit_are_refused():
    with pytest.raises(hq.ProgramError, match="5 photons do not fit in 4 modes"):
        build(configuration(n_photons=5), features=2, classes=2)


def test_shots_may_be_the_backends_own():
    sampling = configuration().model_copy(update={"backend": {"name": "sampling", "shots": 100}})
    assert build(sampling, features=2, classes=2) is not None


def test_a_backend_that_cannot_take_the_circuit_is_found_out_before_the_model_is_built():
    with pytest.raises(hq.CapabilityError, match="shots"):
        build(configuration().model_copy(update={"shots": 100}), features=2, classes=2)
    with pytest.raises(hq.CapabilityError, match="memory"):
        build(configuration(n_modes=60, n_photons=30), features=2, classes=2)


@pytest.mark.parametrize("circuit_type", hq.CircuitType)
def test_a_circuit_of_too_many_elements_is_refused_before_it_is_made(circuit_type):
    with pytest.raises(hq.ConfigurationError, match="elements"):
        build(configuration(circuit_type=circuit_type, n_modes=1000), features=2, classes=2)


def test_a_model_that_does_not_fit_in_memory_is_refused_before_it_is_made():
    huge = ParallelConfiguration(architecture="parallel", hidden=(100_000,) * 100)
    with pytest.raises(hq.ConfigurationError, match="GiB are free"):
        build(configuration().model_copy(update={"model": huge}), features=2, classes=2)


def test_quantum_parameters_are_found_by_type_whatever_they_are_called():
    ansatz = hq.AnsatzFactory.create(hq.Experiment(use_bandwidth_tuning=True), input_size=2, output_size=3)
    model = nn.ModuleDict({"photons": hq.QuantumLayer(2, ansatz), "quantum_looking": nn.Linear(2, 2)})
    layer = model["photons"]
    assert quantum_parameters(model) == [layer.phases, layer.input_scale]
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    classical = {names[id(parameter)] for parameter in classical_parameters(model)}
    assert classical == {
        "photons.output_map.weight",
        "photons.output_map.bias",
        "quantum_looking.weight",
        "quantum_looking.bias",
    }


def test_a_reservoir_has_no_quantum_parameters_and_trains_all_the_same():
    built = build(configuration(reservoir_mode=True), features=2, classes=2)
    assert quantum_parameters(built) == []
    optimiser = create_optimiser(built, classical_learning_rate=0.1, quantum_learning_rate=0.2)
    assert [group["lr"] for group in optimiser.param_groups] == [0.1]


def test_either_kind_of_parameter_has_its_own_rate_and_only_classical_ones_decay():
    built = build(configuration(), features=2, classes=2)
    optimiser = create_optimiser(built, classical_learning_rate=0.1, quantum_learning_rate=0.2, weight_decay=0.3)
    assert [(group["lr"], group["weight_decay"]) for group in optimiser.param_groups] == [(0.1, 0.3), (0.2, 0.0)]


def test_cosine_rates_start_at_the_given_ones_and_fall_with_the_epoch_alone():
    built = build(configuration(), features=2, classes=2)
    optimiser = create_optimiser(built, classical_learning_rate=0.1, quantum_learning_rate=0.2)

    def rates(epoch):
        set_cosine_rates(optimiser, epoch, epochs=10)
        return [group["lr"] for group in optimiser.param_groups]

    assert rates(6) == pytest.approx([0.05, 0.1])
    assert rates(1) == [0.1, 0.2]
    assert 0 < rates(10)[0] < 0.01
