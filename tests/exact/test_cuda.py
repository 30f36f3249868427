"""On a GPU the exact backend gives the values and derivatives that it gives on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hqdist_exact import ExactBackend
from hqdist_sampling import SamplingBackend

import hqdist as hq
from hqdist.testing.circuits import random_program, random_request
from hqdist.testing.gradients import random_cotangent

if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)

READOUTS = [
    readout(space)
    for readout in (hq.Probabilities, hq.ModeExpectations, hq.NumberCorrelators, hq.Amplitudes)
    for space in hq.ComputationSpace
] + [hq.Probabilities(grouping=hq.LexGrouping(5)), hq.Probabilities(grouping=hq.ModGrouping(7))]
NOISES = {
    "ideal": None,
    "lossy": hq.Noise(brightness=0.9, transmittance=0.6),
    "distinguishable": hq.Noise(indistinguishability=0.8),
    "multi-photon": hq.Noise(g2=0.05, g2_distinguishable=False, phase_imprecision=0.1),
    "all, and clicks": hq.Noise(
        transmittance=0.7, indistinguishability=0.9, g2=0.05, phase_error=0.1, detectors="threshold", dark_counts=0.01
    ),
}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}


def on_gpu(request):
    return replace(request, weights=request.weights.cuda(), inputs=request.inputs.cuda())


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("readout", READOUTS, ids=str)
def test_values_and_derivatives_are_those_of_the_cpu(readout, noise, dtype):
    if noise is not None and isinstance(readout, hq.Amplitudes):
        return
    rng = np.random.default_rng(0)
    program = random_program(rng, (1, 0, 1, 0, 1, 0), readout)
    asked = random_request(rng, program, 9, dtype, seed=4)
    backend = ExactBackend(noise=noise)
    (here, pull_here), (there, pull_there) = (backend.evaluate_with_vjp(part) for part in (asked, on_gpu(asked)))
    assert there.values.is_cuda
    torch.testing.assert_close(there.values.cpu(), here.values, rtol=0, atol=TOLERANCE[dtype])
    cotangent = random_cotangent(asked)
    found, expected = pull_there(cotangent.cuda()), pull_here(cotangent)
    for theirs, ours in ((found.weights, expected.weights), (found.inputs, expected.inputs)):
        assert theirs.is_cuda
        torch.testing.assert_close(theirs.cpu(), ours, rtol=0, atol=20 * TOLERANCE[dtype])


def test_shots_asked_for_from_a_gpu_are_those_of_the_cpu():
    rng = np.random.default_rng(1)
    asked = random_request(
        rng, random_program(rng, (1, 0, 1, 0), hq.Probabilities()), 5, torch.float64, shots=100, seed=2
    )
    here, there = SamplingBackend().evaluate(asked), SamplingBackend().evaluate(on_gpu(asked))
    assert there.values.is_cuda and torch.equal(there.values.cpu(), here.values)


def test_a_hybrid_model_trains_on_a_gpu():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 5),
        hq.QuantumLayer(program=hq.Experiment(n_modes=6, n_photons=3).program(5)),
        torch.nn.LazyLinear(2),
    ).cuda()
    inputs, targets = torch.rand(16, 3, device="cuda"), torch.randint(2, (16,), device="cuda")
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(15):
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
