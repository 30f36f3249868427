"""What a request accepts, and what it says when it does not."""

import pickle

import numpy as np
import pytest
import torch

from hqdist import Angle, BeamSplitter, PhaseShifter, Program, Request, RequestError, parameter

PROGRAM = Program(
    modes=2,
    input_state=(1, 1),
    elements=(BeamSplitter((0, 1), parameter("theta")), PhaseShifter(0, parameter("x") + Angle(0.1))),
    weights=("theta",),
    inputs=("x",),
)


def request(**changes):
    values = {"program": PROGRAM, "weights": torch.ones(1), "inputs": torch.ones(3, 1)}
    return Request(**(values | changes))


def test_the_batch_is_the_number_of_rows():
    assert request().batch == 3
    assert request(inputs=torch.empty(0, 1)).batch == 0


def test_values_are_detached():
    weights = torch.ones(1, requires_grad=True)
    made = request(weights=weights)
    assert not made.weights.requires_grad
    assert weights.requires_grad


def test_it_pickles():
    made = pickle.loads(pickle.dumps(request(shots=10, seed=2)))
    assert made.program == PROGRAM
    assert (made.shots, made.seed) == (10, 2)
    assert torch.equal(made.inputs, torch.ones(3, 1))


def test_large_numbers_whose_sum_overflows_are_finite():
    assert request(inputs=torch.full((3, 1), 3e38)).batch == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": torch.ones(2)}, r"1 weights, got values of shape \(2,\)"),
        ({"weights": torch.ones(1, 1)}, r"1 weights, got values of shape \(1, 1\)"),
        ({"inputs": torch.ones(3)}, r"a batch is \(B, 1\); got shape \(3,\)"),
        ({"inputs": torch.ones(3, 2)}, r"a batch is \(B, 1\); got shape \(3, 2\)"),
        ({"weights": torch.ones(1).double()}, "both float32 or both float64"),
        ({"weights": torch.ones(1).half(), "inputs": torch.ones(3, 1).half()}, "both float32 or both float64"),
        ({"weights": torch.ones(1).to(torch.int64), "inputs": torch.ones(3, 1).to(torch.int64)}, "torch.int64"),
        ({"inputs": torch.ones(3, 1, device="meta")}, "weights are on cpu, inputs on meta"),
        ({"weights": torch.tensor([torch.nan])}, "weight 'theta' is nan .1 values are not finite"),
        ({"inputs": torch.tensor([[1.0], [torch.inf], [torch.nan]])}, "input 'x' is inf in row 1 .2 values"),
        ({"shots": 0}, "shots.*at least 1"),
        ({"shots": -5}, "shots.*at least 1"),
        ({"seed": -1}, "a seed.*at least 0"),
        ({"seed": 2**63}, "a seed.*at most 9223372036854775807"),
        ({"shots": 2**63}, "shots.*at most"),
        ({"shots": "a"}, "shots.*is a whole number"),
        ({"shots": True}, "shots.*is a whole number"),
        ({"seed": "a"}, "a seed.*is a whole number"),
        ({"seed": 1.5}, "a seed.*is a whole number"),
        ({"seed": True}, "a seed.*is a whole number"),
        ({"program": "x"}, "of type Program, got 'x'"),
        ({"weights": [1.0]}, "weights are a torch tensor, got .* of type list; pass"),
        ({"weights": None}, "weights are a torch tensor"),
        ({"weights": np.ones(1, np.float32)}, "weights are a torch tensor"),
        ({"inputs": [[1.0]]}, "inputs are a torch tensor"),
        ({"inputs": torch.ones(3, 1).to_sparse()}, "a dense tensor"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(RequestError, match=message):
        request(**changes)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # deprecated, but there
def test_quantised_tensors_are_refused():
    with pytest.raises(RequestError, match="quantised ones; pass values"):
        request(inputs=torch.quantize_per_tensor(torch.ones(3, 1), 0.1, 0, torch.qint8))
