"""The user's guide runs as written."""

import pytest
import torch
from seed_guide import ParallelHybrid, ResidualHybrid, SequentialHybrid

MODELS = [
    pytest.param(lambda: SequentialHybrid(input_dim=12, quantum_dim=5, output_dim=3), id="sequential"),
    pytest.param(lambda: ParallelHybrid(input_dim=12, output_dim=3), id="parallel"),
    pytest.param(lambda: ResidualHybrid(input_dim=12, output_dim=3), id="residual"),
]


@pytest.mark.parametrize("make", MODELS)
def test_a_pattern_trains(make):
    torch.manual_seed(0)
    model = make()
    x, y = torch.randn(16, 12), torch.randint(3, (16,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss():
        torch.manual_seed(1)  # the same dropout
        return torch.nn.functional.cross_entropy(model(x), y)

    before = loss()
    before.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{name} has no gradient"
        assert parameter.grad.any(), f"the gradient of {name} vanishes"
    optimizer.step()
    assert loss() < before


@pytest.mark.parametrize("make", MODELS)
def test_quantum_parameters_are_found_by_name_as_the_guide_finds_them(make):
    quantum = [name for name, _ in make().named_parameters() if "quantum" in name.lower()]
    assert any(name.endswith("phases") for name in quantum)


@pytest.mark.parametrize("make", MODELS)
def test_every_feature_reaches_the_output(make):
    torch.manual_seed(0)
    model = make().eval()
    x = torch.randn(4, 12, requires_grad=True)
    model(x).square().sum().backward()
    assert x.grad.abs().sum(dim=0).all()
