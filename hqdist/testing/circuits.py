"""Programs and requests to hold a backend to: random, seeded, and within what it declares."""

from collections.abc import Iterator
from math import pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.errors import ProgramError
from hqdist.execution import Backend, Request
from hqdist.program import (
    Angle,
    BeamSplitter,
    BeamSplitterConvention,
    Element,
    FixedUnitary,
    LexGrouping,
    ModGrouping,
    Permutation,
    PhaseShifter,
    Probabilities,
    Program,
    Readout,
)
from hqdist.testing.check import ConformanceError
from hqdist.testing.reference import acceptance

#: Input states that backends are held to: one mode, no photon, bunched photons, one photon in every other mode.
INPUT_STATES = (
    (1,),
    (0, 0),
    (1, 1),
    (0, 2, 0),
    (1, 0, 1, 0),
    (2, 0, 0, 1),
    (0, 3, 1, 0, 0),
    (1, 0, 1, 0, 1, 0),
    (1, 0, 1, 0, 1, 0, 1, 0),
)

#: Shots for each sample where estimates are compared with what they estimate.
SHOTS = 20_000

#: Shots for each sample where a backend gives no exact values, and the values do not matter.
FEW_SHOTS = 1_000

#: Post-selected values are compared where at least this much probability is left; less would multiply the rounding.
ACCEPTANCE = 0.02

_WEIGHTS = ("w0", "w1", "w2", "w3")


def random_unitary(rng: np.random.Generator, size: int) -> NDArray[np.complex128]:
    """A unitary drawn from the Haar measure, (size, size)."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size)))
    unitary: NDArray[np.complex128] = q * (np.diagonal(r) / np.abs(np.diagonal(r)))
    return unitary


def random_program(
    rng: np.random.Generator, input_state: tuple[int, ...], readout: Readout | None = None, features: int = 2
) -> Program:
    """A circuit with elements of every kind on random modes, in random order.

    Phase shifters and beam splitters of every convention occur with a constant angle, with the angle of one weight, of
    one input, and of several parameters at once.

    Args:
        rng: Where the randomness comes from.
        input_state: Photons entering each mode.
        readout: What comes back; all Fock probabilities if None.
        features: Number of inputs F.
    """
    modes = len(input_state)
    inputs = tuple(f"x{index}" for index in range(features))

    def some_modes(count: int) -> tuple[int, ...]:
        return tuple(int(mode) for mode in rng.choice(modes, count, replace=False))

    def angles() -> Iterator[Angle]:
        several = [*rng.choice(_WEIGHTS, 2, replace=False), *inputs[:1]]
        for names in ([], [rng.choice(_WEIGHTS)], [rng.choice(inputs)] if inputs else [], several):
            yield Angle(rng.uniform(-1, 1), tuple((str(name), rng.uniform(0.5, 1.5)) for name in names))

    elements: list[Element] = [PhaseShifter(some_modes(1)[0], angle) for angle in angles()]
    elements.append(FixedUnitary(tuple(range(modes)), random_unitary(rng, modes)))
    if modes > 1:
        for convention in BeamSplitterConvention:
            for angle in angles():
                upper, lower = some_modes(2)
                elements.append(BeamSplitter((upper, lower), angle, convention))
        size = int(rng.integers(2, modes + 1))
        elements.append(Permutation(some_modes(size), tuple(int(target) for target in rng.permutation(size))))
        elements.append(FixedUnitary(some_modes(size), random_unitary(rng, size)))
    elements = [elements[index] for index in rng.permutation(len(elements))]
    # every parameter acts on every photon before light is mixed for the last time
    for name in (*_WEIGHTS, *inputs):
        elements.append(PhaseShifter(some_modes(1)[0], Angle(0.0, ((name, 0.7),))))
        elements += [BeamSplitter((mode, mode + 1), Angle(1.0)) for mode in range(modes - 1)]
    return Program(
        modes=modes,
        input_state=input_state,
        elements=tuple(elements),
        weights=_WEIGHTS,
        inputs=inputs,
        readout=readout if readout is not None else Probabilities(),
    )


def random_request(
    rng: np.random.Generator, program: Program, batch: int, dtype: torch.dtype = torch.float64, **options: Any
) -> Request:
    """A request for a program at random weights and inputs that leave a fair probability in its space.

    Args:
        rng: Where the randomness comes from.
        program: What to evaluate.
        batch: Number of samples B.
        dtype: Precision of the values.
        **options: Shots and seed.
    """
    weights = torch.from_numpy(rng.uniform(-pi, pi, len(program.weights))).to(dtype)
    inputs = torch.from_numpy(rng.uniform(-pi, pi, (batch, len(program.inputs)))).to(dtype)
    if program.readout.space.post_selects:
        for _ in range(1000):
            poor = np.flatnonzero(acceptance(program, weights, inputs) < ACCEPTANCE)
            if len(poor) == 0:
                break
            if not program.inputs:
                weights = torch.from_numpy(rng.uniform(-pi, pi, len(program.weights))).to(dtype)
            inputs[poor] = torch.from_numpy(rng.uniform(-pi, pi, (len(poor), len(program.inputs)))).to(dtype)
    return Request(program=program, weights=weights, inputs=inputs, **options)


def readouts(backend: Backend, input_state: tuple[int, ...]) -> Iterator[Readout]:
    """Every readout that a backend declares and that exists for an input state, with every grouping."""
    modes, photons = len(input_state), sum(input_state)
    for kind in backend.capabilities.readouts:
        for space in backend.capabilities.spaces:
            variants: list[Readout] = [kind(space)]
            if kind is Probabilities:
                variants += [Probabilities(space, grouping) for grouping in (LexGrouping(3), ModGrouping(3))]
            for readout in variants:
                try:
                    readout.size(modes, photons)
                except ProgramError:
                    continue
                yield readout


def programs(backend: Backend, seed: int = 0) -> Iterator[Program]:
    """A random program for every input state and readout that a backend takes; it takes at least one.

    Raises:
        ConformanceError: If it refuses all of them.
    """
    none = True
    for input_state in INPUT_STATES:
        rng = np.random.default_rng([seed, *input_state])
        for readout in readouts(backend, input_state):
            program = random_program(rng, input_state, readout)
            if takes(backend, program):
                none = False
                yield program
    if none:
        raise ConformanceError("it refuses every program, up to (8 modes, 4 photons)")


def takes(backend: Backend, program: Program) -> bool:
    """Whether a backend finds nothing to refuse in one sample of a program."""
    weights, inputs = torch.zeros(len(program.weights)), torch.zeros(1, len(program.inputs))
    return not backend.violations(Request(program=program, weights=weights, inputs=inputs, shots=shots(backend)))


def shots(backend: Backend) -> int | None:
    """Shots to ask a backend for: None if it gives exact values."""
    return None if backend.capabilities.exact else FEW_SHOTS


def largest_batch(backend: Backend, wanted: int) -> int:
    """A number of samples, or as many as a backend takes."""
    most = backend.capabilities.max_batch
    return wanted if most is None else min(wanted, most)


def described(program: Program) -> str:
    """A program in a few words, for messages."""
    readout = program.readout
    grouping = getattr(readout, "grouping", None)
    grouped = f", {grouping}" if grouping is not None else ""
    state = ",".join(map(str, program.input_state))
    return f"{type(readout).__name__} of |{state}> in {readout.space}{grouped}"
