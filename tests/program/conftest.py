"""Reference computations, slow and obvious, and where Perceval may keep its files."""

import math
import os
import tempfile
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from hqdist.program import Program, circuit_unitary, observable

os.environ.setdefault("PCVL_PERSISTENT_PATH", tempfile.mkdtemp(prefix="perceval-"))

Values = dict[str, float]


def permanent(matrix: np.ndarray) -> complex:
    rows = range(len(matrix))
    return sum(math.prod(matrix[row, order[row]] for row in rows) for order in permutations(rows))


def fock_probabilities(program: Program, values: Values) -> np.ndarray:
    """Probability of each state of the program's space before grouping, by permanents; renormalised."""
    unitary = circuit_unitary(program, values)
    columns = np.repeat(np.arange(program.modes), program.input_state)
    bunched = math.prod(math.factorial(count) for count in program.input_state)
    weights = []
    for state in program.states:
        rows = np.repeat(np.arange(program.modes), state)
        norm = bunched * math.prod(math.factorial(count) for count in state.tolist())
        weights.append(abs(permanent(unitary[np.ix_(rows, columns)])) ** 2 / norm)
    return np.array(weights) / sum(weights)


@pytest.fixture(scope="session")
def probabilities() -> Callable[[Program, Values], np.ndarray]:
    return fock_probabilities


@pytest.fixture(scope="session")
def input_jacobian() -> Callable[..., np.ndarray]:
    """Derivatives of a program's values in its inputs at a random point, (R, F), by central differences."""

    def jacobian(program: Program, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        values = {name: rng.uniform(0, 2 * np.pi) for name in program.weights}
        values |= {name: rng.uniform(0.2, 0.8) for name in program.inputs}
        average = observable(program.readout, program.states)
        columns = []
        for name in program.inputs:
            above, below = (
                average @ fock_probabilities(program, values | {name: values[name] + step}) for step in (1e-5, -1e-5)
            )
            columns.append((above - below) / 2e-5)
        return np.stack(columns, axis=1)

    return jacobian
