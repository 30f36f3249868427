"""A platform's twin has its noise, detectors and limits, on this machine and for free."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hqdist_quandela import QuandelaBackend, Twin
from hqdist_quandela.emulator import CloudEmulator
from small_request import request

import hqdist as hq

Connect = Callable[..., QuandelaBackend]

NOISE = hq.Noise(transmittance=0.6, indistinguishability=0.92, g2=0.02, detectors=hq.Detectors.THRESHOLD)

UNBUNCHED = hq.Probabilities(hq.ComputationSpace.UNBUNCHED)


def test_its_noise_is_what_the_platform_announces(connect: Connect) -> None:
    assert Twin(of=connect("qpu:emulated")).capabilities.noise == NOISE
    assert connect("qpu:emulated").capabilities.noise == NOISE


def test_its_exact_values_are_those_of_the_noisy_simulator(connect: Connect) -> None:
    asked = request(shots=None, readout=UNBUNCHED)
    twin, exact = Twin(of=connect()), hq.backend("exact", noise=NOISE)
    assert torch.equal(twin.evaluate(asked).values, exact.evaluate(asked).values)


def test_the_platforms_counts_agree_with_it(connect: Connect) -> None:
    asked = request(shots=20_000, readout=UNBUNCHED)
    measured, expected = connect().evaluate(asked), Twin(of=connect()).evaluate(replace(asked, shots=None))
    assert measured.standard_errors is not None
    assert measured.acceptance is not None
    assert expected.acceptance is not None
    assert ((measured.values - expected.values).abs() <= 5 * measured.standard_errors + 1e-3).all()
    torch.testing.assert_close(measured.acceptance, expected.acceptance, atol=0.02, rtol=0)


def test_it_refuses_what_the_platform_refuses(connect: Connect) -> None:
    too_many = hq.Program(modes=14, input_state=(0, 1) * 7, elements=())
    asked = hq.Request(program=too_many, weights=torch.empty(0), inputs=torch.empty(1, 0), shots=10)
    found = {}
    for name, backend in (("twin", Twin(of=connect(), shots=10)), ("platform", connect())):
        with pytest.raises(hq.CapabilityError) as caught:
            backend.check(asked)
        found[name] = caught.value.violations
    assert found["twin"] == found["platform"]
    assert len(found["twin"]) == 3


def test_it_draws_shots_where_asked_and_costs_nothing(cloud: CloudEmulator, connect: Connect) -> None:
    twin = hq.backend("twin", of={"platform": "qpu:emulated", "url": cloud.url}, shots=500)
    result = twin.evaluate(request(shots=500))
    assert result.standard_errors is not None
    assert result.provenance.shots == 1000
    assert cloud.statistics().created == 0


def test_a_layer_learns_on_it_by_adjoint_gradients(connect: Connect) -> None:
    layer = hq.QuantumLayer(program=request(readout=UNBUNCHED).program, backend=Twin(of=connect()), dtype=torch.float64)
    layer(torch.rand(3, 2, dtype=torch.float64)).square().sum().backward()
    assert layer.phases.grad is not None
    assert layer.phases.grad.abs().max() > 1e-3


@pytest.mark.parametrize("of", [None, "qpu:emulated", {"platfrom": "qpu:emulated"}])
def test_a_twin_of_nothing_is_an_error_that_says_what_to_give(of: object) -> None:
    with pytest.raises(hq.ConfigurationError, match="of"):
        Twin(of=of)  # type: ignore[arg-type]
