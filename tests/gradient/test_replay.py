"""Tapes give again what must not be evaluated again, and nothing else."""

import pytest
import torch

import hqdist as hq
from hqdist.execution import Provenance, Result
from hqdist.gradient.replay import Tape, next_entry

PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)


def request(batch=3, program=PROGRAM):
    weights = torch.zeros(len(program.weights))
    return hq.Request(program=program, weights=weights, inputs=torch.zeros(batch, len(program.inputs)))


def result(values, **provenance):
    return Result(values=values, provenance=Provenance(backend="some", **provenance))


def recorded(values, **provenance):
    """The tape after one call, and what that call was told about its result."""
    tape = Tape()
    with tape.recording():
        kept = next_entry().record(request(), result(values, **provenance))
    return tape, kept


@pytest.mark.parametrize(
    "provenance", [{"shots": 5}, {"credits": 0.1}, {"job_ids": ("a",)}, {"seed": 0}, {"replayed": True}]
)
def test_what_was_paid_for_or_drawn_is_given_again_bit_for_bit(provenance):
    values = torch.tensor([[0.1, -0.0, 0.0], [torch.nan, 0.0, 1.0], [2.0, 3.0, 4.0]])
    tape, kept = recorded(values, **provenance)
    assert kept
    for _ in range(2):
        with tape.replaying():
            again = next_entry().values(request())
        assert torch.equal(again.view(torch.int32), values.view(torch.int32))


def test_exact_values_are_evaluated_again():
    tape, kept = recorded(torch.ones(3, 10))
    assert not kept
    with tape.replaying():
        assert next_entry().values(request()) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_few_shots_among_many_outcomes_take_little_memory(dtype):
    values = torch.zeros(3, 1000, dtype=dtype)
    values[:, ::50] = 0.05
    tape, _ = recorded(values, shots=20)
    (entry,) = tape._recorded
    assert (entry.kept.numel() == 60) == (not dtype.is_complex)
    with tape.replaying():
        assert torch.equal(next_entry().values(request()), values)


def test_the_caller_may_write_to_what_it_got():
    values = torch.ones(3, 10)
    tape, _ = recorded(values, shots=1)
    values.zero_()
    for _ in range(2):
        with tape.replaying():
            again = next_entry().values(request())
        assert torch.equal(again, torch.ones(3, 10))
        again.zero_()


def test_code_that_does_something_else_is_found_out():
    tape, _ = recorded(torch.ones(3, 10), shots=1)
    with tape.replaying():
        entry = next_entry()
        with pytest.raises(hq.GradientError, match="more quantum layers"):
            next_entry()
    for other in (request(batch=2), request(program=hq.Experiment(n_modes=5, n_photons=2).program(2))):
        with pytest.raises(hq.GradientError, match="other quantum layers"):
            entry.values(other)


def test_outside_there_is_no_tape():
    assert next_entry() is None
