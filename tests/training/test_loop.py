import pytest
import torch
from torch import nn

import hqdist as hq
from hqdist.training.data import Part
from hqdist.training.loop import Score, evaluate, shuffled_batches, train_epoch


def separable(samples: int = 20) -> Part:
    labels = torch.arange(samples) % 2
    return Part(torch.stack([labels - 0.5, torch.zeros(samples)], dim=1), labels)


def test_batches_hold_every_sample_once_and_follow_from_seed_and_epoch():
    batches = shuffled_batches(10, 4, seed=1, epoch=2)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(torch.cat(batches).tolist()) == list(range(10))
    again, other_epoch, other_seed = (
        torch.cat(shuffled_batches(10, 4, seed=seed, epoch=epoch)) for seed, epoch in ((1, 2), (1, 3), (2, 2))
    )
    assert torch.equal(torch.cat(batches), again)
    assert not torch.equal(again, other_epoch)
    assert not torch.equal(again, other_seed)


def test_no_batch_has_a_single_sample():
    assert [len(batch) for batch in shuffled_batches(9, 4, seed=0, epoch=1)] == [4, 5]


def test_an_epoch_learns_and_tells_after_every_batch():
    part, model, told = separable(), nn.Linear(2, 2), []
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    before = evaluate(model, part, 8)
    score = train_epoch(model, part, optimiser, shuffled_batches(20, 8, seed=0, epoch=1), told.append)
    assert len(told) == 3
    assert told[-1] == score
    assert evaluate(model, part, 8).loss < before.loss


def test_a_score_counts_samples_not_batches():
    part = Part(torch.tensor([[1.0, 0.0]] * 3), torch.tensor([0, 0, 1]))
    model = nn.Identity()
    losses = nn.functional.cross_entropy(part.features, part.labels, reduction="mean").item()
    assert evaluate(model, part, 2) == Score(pytest.approx(losses), pytest.approx(2 / 3))


def test_a_loss_that_is_not_finite_stops_training_and_leaves_the_parameters():
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(float("inf"))
    before = model.weight.clone()
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(hq.TrainingError, match=r"loss became nan in batch 1 of 1"):
        train_epoch(model, separable(), optimiser, [torch.arange(4)], lambda score: None)
    assert torch.equal(model.weight, before)
