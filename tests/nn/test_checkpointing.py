"""Gradient checkpointing: the same bits for the same shots, and less memory."""

import secrets
from dataclasses import replace

import pytest
import torch
from hqdist_exact import ExactBackend
from torch import nn
from torch.utils.checkpoint import checkpoint

import hqdist as hq

UNBUNCHED = hq.ComputationSpace.UNBUNCHED


def layer(backend=None, gradient="auto", features=2):
    torch.manual_seed(0)
    experiment = hq.Experiment(n_modes=3, n_photons=2, computation_space=UNBUNCHED, use_bandwidth_tuning=True)
    ansatz = hq.AnsatzFactory.create(experiment, input_size=features, output_size=2)
    return hq.QuantumLayer(ansatz=ansatz, backend=backend, gradient=gradient)


def learned(module, *, parameters=None):
    """What a step gives: outputs, and gradients by features and parameters."""
    torch.manual_seed(1)
    x = torch.rand(3, 2, requires_grad=True)
    output = module(torch.sigmoid(x))
    found = torch.autograd.grad(output.square().sum(), [x, *(parameters or module.parameters())])
    return [output.detach(), *found]


def assert_same_bits(some, others):
    assert len(some) == len(others)
    assert all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


class Unrepeatable(hq.Backend):
    """A device: it never gives the same values twice, whatever the seed, and counts its shots."""

    name = "unrepeatable"
    capabilities = replace(ExactBackend().capabilities, exact=False, sampled=True, adjoint=False)

    def __init__(self):
        self.shots = 100
        self.spent, self.rows = 0, 0

    def evaluate(self, request):
        self.spent += request.total_shots
        self.rows += request.batch
        exact = ExactBackend().evaluate(replace(request, shots=None))
        noise = torch.rand(exact.values.shape, generator=torch.Generator().manual_seed(secrets.randbelow(2**60)))
        kept = torch.ones(request.batch)
        provenance = replace(exact.provenance, shots=request.total_shots)
        return replace(exact, values=exact.values + 0.01 * noise, acceptance=kept, provenance=provenance)


class Counting(hq.Backend):
    """An exact backend that counts what it is asked."""

    name = "counting"
    capabilities = ExactBackend().capabilities

    def __init__(self):
        self.evaluations, self.kept = 0, 0

    def evaluate(self, request):
        self.evaluations += 1
        return ExactBackend().evaluate(request)

    def vjp(self, request, cotangent):
        return ExactBackend().vjp(request, cotangent)


def test_random_phases_are_the_same_when_the_code_runs_again():
    made = layer(ExactBackend(noise=hq.Noise(phase_error=0.3, transmittance=0.5)))
    assert_same_bits(learned(hq.Checkpointed(made)), learned(made))


class TestOnEveryBackend:
    def test_bits_and_shots_are_those_without(self, any_backend):
        made = layer(any_backend)
        with hq.record_provenance() as record:
            found = learned(hq.Checkpointed(made))
        expected = made.estimate(torch.rand(3, 2, requires_grad=True), training=True).total
        assert record.shots == expected.shots
        assert_same_bits(found, learned(made))


class TestShots:
    @pytest.mark.parametrize("gradient", ["parameter_shift", "spsa", "surrogate"])
    def test_not_one_more_is_spent(self, gradient):
        device = Unrepeatable()
        made = layer(device, gradient)
        learned(made)
        without, device.spent = device.spent, 0
        learned(hq.Checkpointed(made))
        assert device.spent == without > 0

    def test_what_is_computed_again_is_what_was_recorded(self):
        made, seen = layer(Unrepeatable(), "surrogate"), []
        block = nn.Sequential(made, nn.Tanh(), nn.Linear(2, 2))
        made.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().clone()))
        learned(hq.Checkpointed(block))
        first, again = seen
        assert torch.equal(first, again)

    def test_torch_forgets_it_without_a_context(self):
        device = Unrepeatable()
        made = layer(device, "surrogate")
        learned(lambda x: checkpoint(made, x, use_reentrant=False), parameters=list(made.parameters()))
        assert device.spent == 2 * 3 * 100
        device.spent = 0
        own = {"use_reentrant": False, "context_fn": hq.replay}
        learned(lambda x: checkpoint(made, x, **own), parameters=list(made.parameters()))
        assert device.spent == 3 * 100

    def test_a_block_with_several_layers_and_dropout(self):
        device = Unrepeatable()
        first, second = layer(device, "surrogate"), layer(device, "surrogate")
        block = nn.Sequential(first, nn.Dropout(0.5), nn.Sigmoid(), second, first, nn.Linear(2, 2))
        learned(hq.Checkpointed(block))
        assert device.spent == 3 * 3 * 100

    def test_layers_at_the_same_time(self):
        device = Unrepeatable()
        side_by_side = hq.ConcurrentLayers([layer(device, "surrogate") for _ in range(3)])
        seen = []
        block = nn.Sequential(side_by_side, nn.Tanh(), nn.Linear(6, 2))
        side_by_side.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().clone()))
        learned(hq.Checkpointed(block))
        assert device.spent == 3 * 3 * 100
        assert torch.equal(*seen)

    def test_checkpoints_within_checkpoints(self):
        device = Unrepeatable()
        inner = hq.Checkpointed(nn.Sequential(layer(device, "surrogate"), nn.Tanh(), nn.Linear(2, 2)))
        learned(hq.Checkpointed(nn.Sequential(inner, nn.Tanh(), layer(device, "surrogate"), nn.Linear(2, 2))))
        assert device.spent == 2 * 3 * 100

    def test_a_second_backward_pass(self):
        device = Unrepeatable()
        block = hq.Checkpointed(nn.Sequential(layer(device, "surrogate"), nn.Tanh(), nn.Linear(2, 2)))
        loss = block(torch.rand(3, 2)).square().sum()
        loss.backward(retain_graph=True)
        once = block.module[0].phases.grad.clone()
        loss.backward()
        assert device.spent == 3 * 100
        torch.testing.assert_close(block.module[0].phases.grad, 2 * once)


class TestExactValues:
    @pytest.mark.parametrize("gradient", ["adjoint", "parameter_shift", "spsa", "surrogate"])
    def test_bits_are_those_without(self, gradient):
        made = layer("exact", gradient)
        assert_same_bits(learned(hq.Checkpointed(made)), learned(made))

    def test_they_are_evaluated_again(self):
        counting = Counting()
        learned(hq.Checkpointed(layer(counting)))
        assert counting.evaluations == 2

    def test_only_the_derivatives_that_are_wanted_are_asked_for(self):
        counting = Counting()
        made = layer(counting, "parameter_shift")
        made.phases.requires_grad_(False)
        made.input_scale.requires_grad_(False)
        hq.Checkpointed(made)(torch.rand(3, 2)).sum().backward()
        assert counting.evaluations == 2  # the values, for the map after them, and no shifted ones


def test_without_gradients_it_is_a_plain_call():
    counting = Counting()
    made = layer(counting)
    with torch.no_grad():
        assert torch.equal(hq.Checkpointed(made)(torch.ones(3, 2)), made(torch.ones(3, 2)))
    assert counting.evaluations == 2


def test_a_module_that_does_something_else_the_second_time_is_found_out():
    first = layer(Unrepeatable())
    second = hq.QuantumLayer(program=hq.Experiment(n_modes=5, n_photons=2).program(2), backend=Unrepeatable())
    turns = iter([first, second])
    loss = hq.checkpointed(lambda x: next(turns)(x).tanh(), torch.rand(3, 2)).sum()
    with pytest.raises(hq.GradientError, match="when it runs again"):
        loss.backward()
    assert second.backend.spent == 0
