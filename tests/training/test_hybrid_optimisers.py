"""Learning rates of their own for classical and quantum parameters, and how they change."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import hqdist as hq


def layer(**experiment):
    ansatz = hq.AnsatzFactory.create(hq.Experiment(n_modes=4, n_photons=2, **experiment), input_size=2, output_size=3)
    return hq.QuantumLayer(ansatz=ansatz)


class Renamed(nn.Module):
    """A quantum layer that is not called so, and a classical one that is."""

    def __init__(self):
        super().__init__()
        self.quantum_inspired = nn.Linear(5, 2)
        self.photons = layer(use_bandwidth_tuning=True)

    def forward(self, x):
        return self.photons(torch.sigmoid(self.quantum_inspired(x)))


def names(model, optimiser):
    of = {parameter: name for name, parameter in model.named_parameters()}
    return {of[parameter] for group in optimiser.param_groups for parameter in group["params"]}


def test_the_type_of_a_module_decides_not_its_name():
    model = Renamed()
    classical, quantum = hq.create_hybrid_optimizer(model, classical_lr=0.1, quantum_lr=0.01)
    assert names(model, quantum) == {"photons.phases", "photons.input_scale"}
    assert names(model, classical) == {
        "quantum_inspired.weight", "quantum_inspired.bias", "photons.output_map.weight", "photons.output_map.bias",
    }  # fmt: skip
    assert (classical.param_groups[0]["lr"], quantum.param_groups[0]["lr"]) == (0.1, 0.01)


def test_a_layer_that_is_shared_or_reparametrised_is_found_once():
    shared = layer()
    parametrize.register_parametrization(shared, "phases", nn.Tanh())
    model = nn.ModuleList([nn.Linear(2, 2), shared, shared])
    _, quantum = hq.create_hybrid_optimizer(model)
    assert names(model, quantum) == {"1.parametrizations.phases.original"}


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (nn.Sequential(nn.Linear(2, 2), layer(reservoir_mode=True)), "quantum"),
        (hq.QuantumLayer(program=hq.Experiment(n_modes=4, n_photons=2).program(2)), "classical"),
    ],
)
def test_a_model_without_one_kind_is_told_so(model, kind):
    with pytest.raises(hq.ConfigurationError, match=f"no {kind} parameters"):
        hq.create_hybrid_optimizer(model)


def test_each_optimiser_follows_a_schedule_of_its_own():
    optimisers = hq.create_hybrid_optimizer(Renamed(), classical_lr=1.0, quantum_lr=2.0)
    schedulers = hq.create_hybrid_schedulers(*optimisers, classical=hq.Cosine(4), quantum=hq.Constant(warmup=1))
    rates = []
    for _ in range(5):
        rates.append([optimiser.param_groups[0]["lr"] for optimiser in optimisers])
        for optimiser, scheduler in zip(optimisers, schedulers, strict=True):
            optimiser.step()
            scheduler.step()
    classical, quantum = zip(*rates, strict=True)
    assert classical == pytest.approx([(1 + math.cos(math.pi * step / 4)) / 2 for step in range(5)])
    assert quantum == (1.0, 2.0, 2.0, 2.0, 2.0)


def test_a_schedule_resumes_where_it_was_saved():
    def made():
        optimisers = hq.create_hybrid_optimizer(Renamed(), classical_lr=1.0)
        return optimisers, hq.create_hybrid_schedulers(*optimisers, classical=hq.Cosine(4, 1), quantum=hq.Constant())

    (saved, _), (schedule, _) = made()
    for _ in range(3):
        saved.step()
        schedule.step()
    (loaded, _), (resumed, _) = made()
    loaded.load_state_dict(saved.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    assert loaded.param_groups[0]["lr"] == saved.param_groups[0]["lr"]
    assert resumed.last_epoch == 3


def test_a_cosine_with_warmup_rises_falls_and_stays_down():
    assert [hq.Cosine(6, warmup=2)(step) for step in range(8)] == pytest.approx(
        [1 / 3, 2 / 3, 1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0, 0]
    )


def test_a_schedule_that_cannot_be_is_refused():
    with pytest.raises(hq.ConfigurationError, match="warmup"):
        hq.Constant(warmup=-1)
    with pytest.raises(hq.ConfigurationError, match="steps"):
        hq.Cosine(3, warmup=3)
