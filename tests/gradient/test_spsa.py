"""Simultaneous perturbation: two evaluations, right on average."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from devices import EXACT, Device

import hqdist as hq
from hqdist.gradient import Cost, Wanted
from hqdist.testing.circuits import random_program, random_request
from hqdist.testing.gradients import random_cotangent

BOTH = Wanted()


def some_request(readout=None, batch=3, **options):
    rng = np.random.default_rng(0)
    return random_request(rng, random_program(rng, (1, 0, 1, 0), readout), batch, **options)


def spsa(request, wanted=BOTH, device=None, seed=4, **options):
    request = replace(request, seed=seed)
    return hq.SPSA(**options).pull_back(device or Device(), request, random_cotangent(request), wanted)


@pytest.mark.parametrize("space", [hq.ComputationSpace.FOCK, hq.ComputationSpace.UNBUNCHED])
def test_it_is_right_on_average_over_directions(space):
    request, times = some_request(hq.Probabilities(space), batch=1), 20_000
    cotangent = random_cotangent(request)
    expected = EXACT.vjp(request, cotangent)
    many = replace(request, inputs=request.inputs.expand(times, -1), seed=1)
    method = hq.SPSA(step=1e-3)
    found = method.pull_back(Device(), many, cotangent.expand(times, -1), Wanted())
    errors = found.inputs.mean(dim=0) - expected.inputs[0]
    assert float((errors / (found.inputs.std(dim=0) / times**0.5)).abs().max()) < 3
    # the weights' spread is as the inputs', but for what the derivative itself contributes
    spread = float((expected.weights.square().sum() + expected.inputs.square().sum()).sqrt())
    assert float((found.weights / times - expected.weights).abs().max()) < 3 * spread / times**0.5


def test_its_bias_goes_with_the_square_of_the_step():
    request = some_request()
    at = {step: spsa(request, step=step).weights for step in (0.04, 0.02, 0.01)}
    torch.testing.assert_close(at[0.04] - at[0.02], 4 * (at[0.02] - at[0.01]), rtol=0.02, atol=1e-5)


def test_more_repetitions_average_more_directions():
    request = some_request(batch=1)
    cotangent = random_cotangent(request).expand(400, -1)
    request = replace(request, inputs=request.inputs.expand(400, -1), seed=3)
    one, nine = (
        hq.SPSA(step=0.01, repetitions=times).pull_back(Device(), request, cotangent, BOTH).inputs.var(dim=0)
        for times in (1, 9)
    )
    torch.testing.assert_close(one / nine, torch.full_like(one, 9.0), rtol=0.3, atol=0)


@pytest.mark.parametrize("shots", [None, 20, (3, 4, 5)])
@pytest.mark.parametrize("most", [None, 5])
def test_the_cost_is_what_the_backend_receives(shots, most):
    device, request = Device(max_batch=most), some_request(shots=shots)
    spsa(request, device=device, repetitions=2)
    received = Cost(
        evaluations=sum(asked.batch for asked in device.requests),
        shots=sum(asked.total_shots for asked in device.requests),
        calls=len(device.requests),
    )
    assert hq.SPSA(repetitions=2).cost(device, request, Wanted()) == received
    assert received.evaluations == 3 * 4
    if most is None:
        assert received.calls == 1


def test_only_what_is_wanted_is_moved():
    request = some_request()
    inputs = spsa(request, Wanted(weights=False))
    assert not inputs.weights.any()
    assert inputs.inputs.all()
    weights = spsa(request, Wanted(inputs=False))
    assert not weights.inputs.any()
    assert weights.weights.all()
    device = Device()
    spsa(request, Wanted(weights=False, inputs=False), device)
    assert not device.requests


def test_splitting_a_batch_changes_nothing():
    request = some_request(batch=4, shots=30)
    cotangent = random_cotangent(request)
    request = replace(request, seed=7, first_row=2)
    whole = hq.SPSA(repetitions=2).pull_back(Device(), request, cotangent, Wanted())
    parts = [
        hq.SPSA(repetitions=2).pull_back(Device(max_batch=most), request.rows(a, b), cotangent[a:b], Wanted())
        for a, b, most in ((0, 1, 3), (1, 4, None))
    ]
    assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
    torch.testing.assert_close(sum(part.weights for part in parts), whole.weights)


def test_amplitudes_of_an_exact_backend():
    request = some_request(hq.Amplitudes(), batch=1)
    expected = EXACT.vjp(request, random_cotangent(request))
    directions = [spsa(request, Wanted(weights=False), EXACT, seed=seed, step=1e-4).inputs for seed in range(400)]
    mean, spread = torch.stack(directions).mean(dim=0), torch.stack(directions).std(dim=0)
    assert float(((mean - expected.inputs) / (spread / 20)).abs().max()) < 3


def test_directions_need_a_seed():
    with pytest.raises(hq.GradientError, match="give the request a seed"):
        spsa(some_request(), seed=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0}, "step of SPSA is a number above zero, got 0"),
        ({"step": "wide"}, "step of SPSA is a finite real number"),
        ({"repetitions": 0}, "repetitions of SPSA is a whole number .*at least 1"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(hq.ConfigurationError, match=message):
        hq.SPSA(**options)


def test_a_layer_gives_it_a_seed_that_follows_from_torchs():
    experiment = hq.Experiment(n_modes=3, n_photons=1)
    layer = hq.QuantumLayer(program=experiment.program(2), gradient={"name": "spsa", "step": 0.05})
    x, gradients = torch.rand(4, 2), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        gradients.append(torch.autograd.grad(layer(x).square().sum(), layer.phases)[0])
    assert torch.equal(gradients[0], gradients[1])
    assert not torch.equal(gradients[0], gradients[2])
    phases = {"phases": layer.phases.detach()}
    loss = torch.func.grad(lambda p: torch.func.functional_call(layer, p, (x,)).square().sum())
    assert loss(phases)["phases"].any()
