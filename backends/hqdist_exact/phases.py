"""Phase shifters that are set inexactly: their phases of every row, as inputs of the circuit."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.execution import Noise
from hqdist.program import Element, PhaseShifter, Program, parameter
from hqdist.program.elements import angle_of


def with_actual_phases(
    program: Program, noise: Noise, weights: torch.Tensor, inputs: torch.Tensor, seed: int, first_row: int
) -> tuple[Program, torch.Tensor, torch.Tensor]:
    """The same circuit, whose phases are inputs with the values that they really have.

    Beam splitters are exact. Derivatives go straight through: as if the phase were what it was set to.

    Args:
        program: What is asked for.
        noise: With what it is set.
        weights: (T,).
        inputs: (B, F).
        seed: Of the errors.
        first_row: The place of the first row in its batch.

    Returns:
        The program, its weights, and its inputs (B, F').
    """
    circuit, constants, coefficients, kept_weights, kept_inputs = _phases_as_inputs(program)
    shared = torch.from_numpy(coefficients).to(inputs.device)
    by_weight, by_input = shared.tensor_split([len(program.weights)], dim=1)
    phases = torch.from_numpy(constants).to(inputs.device) + by_weight @ weights.double() + inputs.double() @ by_input.T
    meant = phases.detach().cpu().numpy()
    actual = torch.from_numpy(noise.actual_phases(meant, seed, first_row)).to(phases)
    phases = phases + (actual - phases).detach()
    columns = torch.cat([inputs[:, kept_inputs], phases.to(inputs.dtype)], dim=1)
    return circuit, weights[kept_weights], columns


@lru_cache(maxsize=64)
def _phases_as_inputs(
    program: Program,
) -> tuple[Program, NDArray[np.float64], NDArray[np.float64], list[int], list[int]]:
    """The circuit with an input for each phase, the phases' affine parts, and the parameters that are left."""
    names = program.weights + program.inputs
    free = _unused(names)
    elements: list[Element] = []
    constants: list[float] = []
    coefficients: list[list[float]] = []
    for element in program.elements:
        if isinstance(element, PhaseShifter):
            row = dict.fromkeys(names, 0.0)
            for name, coefficient in element.angle.terms:
                row[name] += coefficient
            elements.append(replace(element, angle=parameter(f"{free}{len(constants)}")))
            constants.append(element.angle.constant)
            coefficients.append(list(row.values()))
        else:
            elements.append(element)
    left = {
        name
        for element in elements
        if not isinstance(element, PhaseShifter) and (angle := angle_of(element)) is not None
        for name in angle.parameters
    }
    kept_weights = [index for index, name in enumerate(program.weights) if name in left]
    kept_inputs = [index for index, name in enumerate(program.inputs) if name in left]
    circuit = replace(
        program,
        elements=tuple(elements),
        weights=tuple(program.weights[index] for index in kept_weights),
        inputs=(
            *(program.inputs[index] for index in kept_inputs),
            *(f"{free}{index}" for index in range(len(constants))),
        ),
    )
    table = np.array(coefficients, np.float64).reshape(len(constants), len(names))
    return circuit, np.array(constants, np.float64), table, kept_weights, kept_inputs


def _unused(names: tuple[str, ...]) -> str:
    prefix = "phase"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    return prefix
