"""Checks of batches: a row is a row, whatever the rows around it; and batches without rows, features or photons."""

from dataclasses import replace

import numpy as np
import torch

from hqdist.execution import Backend, Request
from hqdist.program import FixedUnitary, PhaseShifter, Program, parameter
from hqdist.testing.check import require_close, require_same
from hqdist.testing.circuits import (
    described,
    largest_batch,
    programs,
    random_program,
    random_request,
    random_unitary,
    readouts,
    takes,
)
from hqdist.testing.expected import expected_values
from hqdist.testing.gradients import random_cotangent


def rows_do_not_depend_on_their_batch(backend: Backend) -> None:
    """A row has the same values in every bit, alone, among others, and in any order."""
    rng = np.random.default_rng(5)
    for program in programs(backend, seed=2):
        double = random_request(rng, program, largest_batch(backend, 37), seed=3)
        single = replace(double, weights=double.weights.float(), inputs=double.inputs.float())
        for whole in (double, single):
            values = backend.evaluate(whole).values
            for rows in _parts(backend, whole.batch):
                what = f"{described(program)}, {whole.inputs.dtype}: {_named(rows, whole)}"
                require_same(backend.evaluate(_rows(whole, rows)).values, values[rows], what)


def input_gradients_do_not_depend_on_their_batch(backend: Backend) -> None:
    """The derivative by a row's inputs is the same in every bit, alone, among others, and in any order."""
    rng = np.random.default_rng(6)
    for program in programs(backend, seed=3):
        whole = random_request(rng, program, largest_batch(backend, 37), torch.float32, seed=3)
        cotangent = random_cotangent(whole)
        derivatives = backend.vjp(whole, cotangent).inputs
        for rows in _parts(backend, whole.batch):
            what = f"{described(program)}: {_named(rows, whole)}"
            require_same(backend.vjp(_rows(whole, rows), cotangent[rows]).inputs, derivatives[rows], what)


def empty_and_bare_programs_are_evaluated(backend: Backend) -> None:
    """No rows, one row, no inputs, no weights, no elements and no photons are all evaluated."""
    state, rng = (1, 0, 1, 0), np.random.default_rng(7)
    mixing = FixedUnitary((0, 1, 2, 3), random_unitary(rng, 4))
    for readout in readouts(backend, state):
        for program in (
            random_program(rng, state, readout),
            random_program(rng, state, readout, features=0),
            Program(4, state, (mixing,), readout=readout),
            Program(4, state, (mixing, PhaseShifter(0, parameter("x")), mixing), inputs=("x",), readout=readout),
        ):
            if takes(backend, program):
                for batch in (0, 1):
                    _evaluated(backend, random_request(rng, program, batch, seed=7))
    for modes in (1, 4):
        empty = (0,) * modes
        for readout in readouts(backend, empty):
            for program in (random_program(rng, empty, readout), Program(modes, empty, (), readout=readout)):
                if takes(backend, program):
                    _evaluated(backend, random_request(rng, program, largest_batch(backend, 2), seed=7))


def _evaluated(backend: Backend, request: Request) -> None:
    program = request.program
    what = (
        f"{described(program)} with {len(program.weights)} weights, {len(program.inputs)} inputs, {request.batch} rows"
    )
    expected = expected_values(backend, request)
    require_close(backend.evaluate(request).values, expected, 1e-12, what)
    if backend.capabilities.adjoint:
        found = backend.vjp(request, random_cotangent(request))
        require_close(found.weights * 0, np.zeros(len(program.weights)), 0, f"{what}: its derivative by the weights")
        require_close(found.inputs * 0, np.zeros(request.inputs.shape), 0, f"{what}: its derivative by the inputs")


def _parts(backend: Backend, batch: int) -> list[torch.Tensor]:
    """Rows to evaluate apart: single ones, runs that fit no vector, and all of them backwards if none is random."""
    order = torch.arange(batch)
    parts = [order[:1], order[-1:], order[: batch // 2], order[batch // 2 :], order[3:20]]
    if backend.capabilities.noise is None or not backend.capabilities.noise.random_phases:
        parts.append(order.flip(0))
    return [part for part in parts if len(part)]


def _named(rows: torch.Tensor, whole: Request) -> str:
    return f"{len(rows)} of {whole.batch} rows, from row {int(rows[0])}"


def _rows(request: Request, rows: torch.Tensor) -> Request:
    return replace(request, inputs=request.inputs[rows], first_row=request.first_row + int(rows.min()))
