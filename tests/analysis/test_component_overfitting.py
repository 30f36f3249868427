"""Models that have learnt their samples by heart, and which part of them has."""

import pytest
import torch
from torch import nn

import hqdist as hq
from hqdist.analysis import detect_component_overfitting
from hqdist.analysis.overfitting import OverfittingWarning

MSE = nn.MSELoss()


class ByHeart(nn.Module):
    """A linear part that holds in general, and a table of corrections for each sample of the training set."""

    def __init__(self, samples):
        super().__init__()
        self.general = nn.Linear(1, 1)
        self.table = nn.Embedding(samples + 1, 1)

    def forward(self, x):
        value, number = x[:, :1], x[:, 1].long()
        return self.general(value) + self.table(number)


@pytest.fixture
def learnt():
    torch.manual_seed(0)
    x = torch.rand(20, 1)
    noise = torch.randn(20, 1)
    model = ByHeart(20)
    with torch.no_grad():
        model.general.weight.fill_(3.0)
        model.general.bias.fill_(1.0)
        model.table.weight[:20] = noise + 0.01
        model.table.weight[20] = 0
    train = [(torch.cat([x, torch.arange(20.0).reshape(-1, 1)], 1), 3 * x + 1 + noise)]
    other = torch.rand(20, 1)
    validation = [(torch.cat([other, torch.full((20, 1), 20.0)], 1), 3 * other + 1 + torch.randn(20, 1))]
    return model, train, validation


def test_the_component_that_memorised_is_named(learnt):
    model, train, validation = learnt
    with pytest.warns(OverfittingWarning):
        report = detect_component_overfitting(model, train, validation, MSE, disturbance=0.3)
    assert report
    assert report.memorised("table") > 0.5 > report.memorised("general")
    assert "table" in str(report)


def test_what_generalises_is_not_accused(any_backend):
    torch.manual_seed(0)
    model = hq.use_backend(hq.SequentialHybrid(input_dim=2, quantum_dim=2, output_dim=2), any_backend)
    batch = [(torch.rand(6, 2), torch.rand(6, 2))]
    before = [parameter.clone() for parameter in model.parameters()]
    report = detect_component_overfitting(model, batch, batch, MSE, draws=1, threshold=2.0)
    assert not report
    assert set(report.components) == {"classical_pre", "quantum_layer", "classical_post"}
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
