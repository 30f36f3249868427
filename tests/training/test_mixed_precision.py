"""The classical part in a lower precision, the photons in theirs."""

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import hqdist as hq


def hybrid(backend=None):
    torch.manual_seed(0)
    experiment = hq.Experiment(n_modes=3, n_photons=2, computation_space=hq.ComputationSpace.UNBUNCHED)
    layer = hq.QuantumLayer(program=experiment.program(2), backend=backend, gradient="surrogate")
    return nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), layer, nn.Linear(layer.output_size, 1))


def loader(count=2):
    made = torch.Generator().manual_seed(1)
    return [(torch.rand(4, 2, generator=made), torch.rand(4, 1, generator=made)) for _ in range(count)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_photons_keep_their_precision_on_every_backend(any_backend, dtype):
    model, seen = hybrid(any_backend), {}
    for name, module in model.named_children():
        module.register_forward_hook(lambda _, inputs, output, name=name: seen.update({name: output.dtype}))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    hq.train_with_mixed_precision(model, loader(1), optimiser, lambda y, t: 0.01 * mse_loss(y, t), dtype=dtype)
    assert seen == {"0": dtype, "1": dtype, "2": torch.float32, "3": dtype}
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert parameter.dtype == parameter.grad.dtype == torch.float32
        assert not torch.equal(parameter, value)


def test_losses_are_nearly_those_of_full_precision():
    model = hybrid()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    lower = hq.train_with_mixed_precision(model, loader(), optimiser, mse_loss)
    model = hybrid()
    full = []
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader():
        loss = mse_loss(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        full.append(loss.item())
    assert lower == pytest.approx(sum(full) / 2, rel=0.02)


@pytest.mark.parametrize("gradient", ["adjoint", "parameter_shift", "spsa", "surrogate"])
def test_a_step_whose_gradients_overflow_is_left_out_and_costs_nothing_more(gradient):
    model = hybrid()
    model[2].gradient = gradient
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = loader(1)[0]
    with hq.record_provenance() as record:
        hq.train_with_mixed_precision(model, [(x, 1e4 * y)], optimiser, mse_loss, dtype=torch.float16)
    assert len(record.evaluations) == 1  # the values; the gradient that came back was not finite
    assert all(torch.equal(parameter, value) for parameter, value in zip(model.parameters(), before, strict=True))


def test_what_cannot_be_is_refused():
    model = hybrid()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(hq.ConfigurationError, match=r"bfloat16, torch\.float16, got"):
        hq.train_with_mixed_precision(model, loader(), optimiser, mse_loss, dtype=torch.float32)
    with pytest.raises(hq.TrainingError, match="no batch"):
        hq.train_with_mixed_precision(model, [], optimiser, mse_loss)
