"""Forward on a device, backward through a simulator of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from devices import EXACT, Device

import hqdist as hq
from hqdist.gradient import Cost, Wanted
from hqdist.testing.circuits import random_program, random_request
from hqdist.testing.gradients import random_cotangent


@pytest.fixture
def request_():
    rng = np.random.default_rng(1)
    return replace(random_request(rng, random_program(rng, (1, 0, 1, 0)), 3), shots=40, seed=2)


class Slanted(Device):
    """A simulator that is wrong in a known way: twice the derivative."""

    name = "slanted"

    @property
    def capabilities(self):
        return replace(super().capabilities, adjoint=True)

    def vjp(self, request, cotangent):
        self.requests.append(request)
        return EXACT.vjp(request, 2 * cotangent)


@pytest.mark.parametrize("simulator", [None, "exact", {"name": "exact", "memory_limit": 2**30}, EXACT], ids=str)
def test_the_derivative_is_the_simulators(simulator, request_):
    device, method, cotangent = Device(), hq.Surrogate(simulator), random_cotangent(request_)
    result, pull_back = method.evaluate(device, request_, Wanted())
    assert torch.equal(result.values, Device().evaluate(request_).values)
    expected = EXACT.vjp(replace(request_, shots=None), cotangent)
    for found in (pull_back(cotangent), method.pull_back(device, request_, cotangent, Wanted())):
        assert torch.equal(found.weights, expected.weights)
        assert torch.equal(found.inputs, expected.inputs)
    assert len(device.requests) == 1
    assert method.cost(device, request_, Wanted()) == Cost()


def test_any_simulator_with_an_adjoint_will_do(request_):
    simulator, cotangent = Slanted(), random_cotangent(request_)
    found = hq.Surrogate(simulator).pull_back(Device(), request_, cotangent, Wanted())
    torch.testing.assert_close(found.weights, 2 * EXACT.vjp(replace(request_, shots=None), cotangent).weights)
    assert simulator.requests[0].shots is None


def test_a_simulator_without_one_is_refused_before_the_device_is_asked(request_):
    device = Device()
    with pytest.raises(hq.GradientError, match="no surrogate for 'device'"):
        hq.Surrogate(Device()).evaluate(device, request_, Wanted())
    assert not device.requests


def test_so_is_one_for_which_the_request_is_too_much(request_):
    device = Device()
    with pytest.raises(hq.CapabilityError, match="memory"):
        hq.Surrogate({"name": "exact", "memory_limit": 1}).evaluate(device, request_, Wanted())
    assert not device.requests


def test_an_unknown_simulator_is_refused_at_once():
    with pytest.raises(hq.UnknownBackendError, match="mirror"):
        hq.Surrogate("mirror")
