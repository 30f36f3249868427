"""Features are brought into [0, 1], with gradients that are numbers."""

import pytest
import torch

import hqdist as hq


@pytest.mark.parametrize("method", ["sigmoid", "tanh", "minmax"])
@pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 7, 5), (0, 5), (7, 1), (7, 0)])
def test_values_are_between_0_and_1(method, shape):
    torch.manual_seed(0)
    y = hq.NormalizationLayer(method)(100 * torch.randn(shape))
    assert y.shape == shape
    assert ((y >= 0) & (y <= 1)).all()


def test_the_formulas():
    x = torch.tensor([[-1.0, 0.0, 3.0]])
    assert torch.equal(hq.NormalizationLayer()(x), torch.sigmoid(x))
    torch.testing.assert_close(hq.NormalizationLayer("tanh")(x), torch.sigmoid(2 * x))
    assert torch.equal(hq.NormalizationLayer("minmax")(x), torch.tensor([[0.0, 0.25, 1.0]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_constant_rows_are_in_the_middle_without_a_gradient_and_leave_others_alone(dtype):
    x = torch.tensor([[2.0, 2.0, 2.0], [0.0, 1.0, 2.0]], dtype=dtype, requires_grad=True)
    y = hq.NormalizationLayer("minmax")(x)
    assert y.tolist() == [[0.5, 0.5, 0.5], [0.0, 0.5, 1.0]]
    (y * torch.tensor([1.0, 2.0, 3.0], dtype=dtype)).sum().backward()
    assert not x.grad[0].any()
    assert x.grad[1].isfinite().all() and x.grad[1].any()


def test_features_of_the_largest_numbers_do_not_overflow():
    x = torch.tensor([[3e38, -3e38, 0.0], [1.0, 2.0, 3.0]])
    torch.testing.assert_close(hq.NormalizationLayer("minmax")(x), torch.tensor([[1.0, 0.0, 0.5], [0.0, 0.5, 1.0]]))


@pytest.mark.parametrize("method", ["sigmoid", "tanh", "minmax"])
def test_gradients_are_right(method):
    torch.manual_seed(0)
    assert torch.autograd.gradcheck(
        hq.NormalizationLayer(method), torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    )


@pytest.mark.parametrize("method", ["sigmoid", "tanh", "minmax"])
def test_quantum_layers_take_what_comes_out_on_every_backend(any_backend, method):
    experiment = hq.Experiment(n_modes=3, n_photons=2, computation_space=hq.ComputationSpace.UNBUNCHED)
    layer = hq.QuantumLayer(program=experiment.program(2), backend=any_backend)
    with torch.no_grad():
        values = torch.nn.Sequential(hq.NormalizationLayer(method), layer)(torch.tensor([[3.0, 3.0], [-40.0, 40.0]]))
    torch.testing.assert_close(values.sum(dim=1), torch.ones(2))


def test_another_method_is_refused():
    with pytest.raises(hq.ConfigurationError, match=r"'softmax'.*sigmoid, tanh, minmax"):
        hq.NormalizationLayer("softmax")
    assert "minmax" in repr(hq.NormalizationLayer("minmax"))
