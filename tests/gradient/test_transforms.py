"""Function transforms see the same derivatives through the shift rule as through the adjoint, however nested."""

import pytest
import torch
from devices import Device
from torch.func import functional_call, grad, jacrev, vmap

import hqdist as hq


def at(layer, phases, x):
    return functional_call(layer, {"phases": phases}, (x,))


def loss(layer):
    return lambda phases, x: at(layer, phases, x).square().sum()


def own_loss(layer):
    return lambda x: layer(x).square().sum()


def backward(values, *leaves):
    return torch.cat([gradient.flatten() for gradient in torch.autograd.grad(values, leaves)])


CASES = {
    "grad by phases": lambda layer, p, x: grad(loss(layer))(p[0], x),
    "grad by inputs": lambda layer, p, x: grad(loss(layer), argnums=1)(p[0], x),
    "grad by inputs of a module": lambda layer, p, x: grad(own_loss(layer))(x),
    "gradients of each sample": lambda layer, p, x: vmap(grad(loss(layer)), in_dims=(None, 0))(p[0], x),
    "input gradients of each sample": lambda layer, p, x: vmap(grad(own_loss(layer)))(x),
    "gradients of an ensemble": lambda layer, p, x: vmap(grad(loss(layer)), in_dims=(0, None))(p, x),
    "input gradients of an ensemble": lambda layer, p, x: vmap(grad(loss(layer), argnums=1), in_dims=(0, None))(p, x),
    "grad of mapped samples by phases": lambda layer, p, x: grad(
        lambda phases: vmap(loss(layer), in_dims=(None, 0))(phases, x).sum()
    )(p[0]),
    "grad of mapped samples by inputs": lambda layer, p, x: grad(lambda x: vmap(own_loss(layer))(x).sum())(x),
    "grad of an ensemble by inputs": lambda layer, p, x: grad(
        lambda x: vmap(loss(layer), in_dims=(0, None))(p, x).sum()
    )(x),
    "grad of an ensemble by phases": lambda layer, p, x: grad(
        lambda phases: vmap(loss(layer), in_dims=(0, None))(phases, x).sum()
    )(p),
    "jacobian by phases": lambda layer, p, x: jacrev(lambda phases: at(layer, phases, x))(p[0]),
    "jacobian by inputs": lambda layer, p, x: jacrev(layer)(x),
    "jacobians of an ensemble": lambda layer, p, x: vmap(jacrev(lambda phases: at(layer, phases, x)))(p),
    "jacobian of each sample": lambda layer, p, x: vmap(jacrev(layer))(x),
    "backward through mapped samples": lambda layer, p, x: backward(vmap(own_loss(layer))(x).sum(), layer.phases),
    "backward by inputs too": lambda layer, p, x: backward(
        vmap(own_loss(layer))(y := x.clone().requires_grad_()).sum(), y, layer.phases
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("space", [hq.ComputationSpace.FOCK, hq.ComputationSpace.UNBUNCHED])
def test_same_derivatives(case, space):
    torch.manual_seed(0)
    program = hq.Experiment(n_modes=4, n_photons=2, computation_space=space).program(2)
    exact = hq.QuantumLayer(program=program, dtype=torch.float64)
    device = hq.QuantumLayer(program=program, dtype=torch.float64, backend=Device())
    device.load_state_dict(exact.state_dict())
    phases, x = torch.rand(2, 32, dtype=torch.float64), torch.rand(3, 2, dtype=torch.float64)
    expected = case(exact, phases, x)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(case(device, phases, x), expected, rtol=0, atol=1e-10)
