"""Classical and quantum parameters by turns: only those whose turn it is learn, and only they are paid for."""

import pytest
import torch
from hqdist_exact import ExactBackend
from torch import nn
from torch.nn.functional import mse_loss

import hqdist as hq

FOCK_IS_RENORMALISED = hq.ComputationSpace.UNBUNCHED


def hybrid(backend=None, gradient="auto", *, upstream=True):
    torch.manual_seed(0)
    experiment = hq.Experiment(n_modes=3, n_photons=2, computation_space=FOCK_IS_RENORMALISED)
    layer = hq.QuantumLayer(program=experiment.program(2), backend=backend, gradient=gradient)
    before = [nn.Linear(2, 2), nn.Sigmoid()] if upstream else [nn.Sigmoid()]
    return nn.Sequential(*before, layer, nn.Linear(layer.output_size, 1))


def batches(count):
    made = torch.Generator().manual_seed(1)
    return [(torch.rand(2, 2, generator=made), torch.rand(2, 1, generator=made)) for _ in range(count)]


def trained(model, loader, **steps):
    optimisers = hq.create_hybrid_optimizer(model, classical_lr=0.1, quantum_lr=0.1)
    return hq.train_hybrid_alternating(model, loader, *optimisers, mse_loss, **steps)


def values(parameters):
    return [parameter.detach().clone() for parameter in parameters]


def changed(before, parameters):
    return [not torch.equal(one, other) for one, other in zip(before, parameters, strict=True)]


@pytest.mark.parametrize(("steps", "turn"), [((1, 0), "classical"), ((0, 1), "quantum")])
def test_only_those_whose_turn_it_is_learn_on_every_backend(any_backend, steps, turn):
    model = hybrid(any_backend, "surrogate")
    parts = {"classical": hq.classical_parameters(model), "quantum": hq.quantum_parameters(model)}
    before = {kind: values(parameters) for kind, parameters in parts.items()}
    loss = trained(model, batches(1), classical_steps=steps[0], quantum_steps=steps[1])
    assert loss > 0
    for kind, parameters in parts.items():
        assert any(changed(before[kind], parameters)) == (kind == turn)
        assert all((parameter.grad is not None) == (kind == turn) for parameter in parameters)
        assert all(parameter.requires_grad for parameter in parameters)


class Metered(hq.Backend):
    """Exact values; the shift rule's evaluations are counted row by row."""

    name = "metered"
    capabilities = hq.Capabilities(exact=True, sampled=False, adjoint=False)

    def __init__(self):
        self.rows = []

    def evaluate(self, request):
        self.rows.append(request.batch)
        return ExactBackend().evaluate(request)


@pytest.mark.parametrize("upstream", [True, False])
@pytest.mark.parametrize("steps", [(1, 0), (0, 1)])
def test_a_layer_is_asked_for_the_derivatives_of_the_turn_and_no_others(steps, upstream):
    metered = Metered()
    model = hybrid(metered, upstream=upstream)
    trained(model, batches(1), classical_steps=steps[0], quantum_steps=steps[1])
    layer = next(module for module in model if isinstance(module, hq.QuantumLayer))
    x = torch.rand(2, 2, requires_grad=steps == (1, 0) and upstream)
    layer.requires_grad_(steps == (0, 1))
    expected = layer.estimate(x, training=True)
    assert sum(metered.rows) == expected.total.evaluations
    assert (expected.backward.evaluations == 0) == (steps == (1, 0) and not upstream)


def test_the_turns_of_the_guide():
    model, turns = hybrid(), []
    optimisers = hq.create_hybrid_optimizer(model)
    for kind, optimiser in zip("cq", optimisers, strict=True):
        optimiser.register_step_post_hook(lambda *_, kind=kind: turns.append(kind))
    hq.train_hybrid_alternating(model, batches(12), *optimisers, mse_loss)
    assert "".join(turns) == "cccccqcccccq"


def test_turns_go_on_in_the_next_epoch_and_after_loading():
    model, turns = hybrid(), []

    def optimisers():
        made = hq.create_hybrid_optimizer(model)
        for kind, optimiser in zip("cq", made, strict=True):
            optimiser.register_step_post_hook(lambda *_, kind=kind: turns.append(kind))
        return made

    first = optimisers()
    for _ in range(2):
        hq.train_hybrid_alternating(model, batches(2), *first, mse_loss)
    second = optimisers()
    for optimiser, saved in zip(second, first, strict=True):
        optimiser.load_state_dict(saved.state_dict())
    hq.train_hybrid_alternating(model, batches(3), *second, mse_loss)
    assert "".join(turns) == "cccccqc"


def test_the_loss_falls():
    model, loader = hybrid(), batches(12)
    optimisers = hq.create_hybrid_optimizer(model, classical_lr=0.05, quantum_lr=0.05)
    losses = [hq.train_hybrid_alternating(model, loader, *optimisers, mse_loss) for _ in range(8)]
    assert losses[-1] < losses[0]


def test_what_was_frozen_stays_frozen_and_an_error_leaves_nothing_held():
    model = hybrid()
    model[0].bias.requires_grad_(False)
    trained(model, batches(1))
    assert not model[0].bias.requires_grad
    with pytest.raises(ZeroDivisionError):
        optimisers = hq.create_hybrid_optimizer(model)
        hq.train_hybrid_alternating(model, batches(1), *optimisers, lambda *_: 1 / 0)
    assert all(parameter.requires_grad for parameter in hq.quantum_parameters(model))


def test_what_cannot_be_is_refused():
    with pytest.raises(hq.TrainingError, match="no batch"):
        trained(hybrid(), [])
    with pytest.raises(hq.ConfigurationError, match="both 0"):
        trained(hybrid(), batches(1), classical_steps=0, quantum_steps=0)
    with pytest.raises(hq.ConfigurationError, match="quantum_steps"):
        trained(hybrid(), batches(1), quantum_steps=-1)
