"""What a backend should answer, by brute force: with the noise that it declares."""

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist.execution import Backend, Request
from hqdist.program import Program
from hqdist.testing.noise_reference import noisy_values
from hqdist.testing.reference import Numbers, acceptance, reference_values, reference_vjp

#: Most modes and photons for which every way a noisy run can turn out is summed up: once, and for differences.
VALUES, DIFFERENCES = (4, 3), (3, 2)


def within_reach(backend: Backend, program: Program, most: tuple[int, int] = VALUES) -> bool:
    """Whether what a backend should answer can be computed in a reasonable time."""
    modes, photons = most
    return backend.capabilities.noise is None or (program.modes <= modes and program.photons <= photons)


def expected_values(backend: Backend, request: Request) -> NDArray[np.complex128] | NDArray[np.float64]:
    """The values of a request, (B, R).

    Raises:
        PostSelectionError: If noise leaves nothing of a row.
    """
    noise = backend.capabilities.noise
    if noise is None or request.program.photons == 0:
        return reference_values(request.program, request.weights, request.inputs)
    return noisy_values(request, noise).values


def expected_acceptance(backend: Backend, request: Request) -> NDArray[np.float64]:
    """The fraction of shots that count, (B,)."""
    noise = backend.capabilities.noise
    if noise is None or request.program.photons == 0:
        return acceptance(request.program, request.weights, request.inputs)
    return noisy_values(request, noise).acceptance


def expected_vjp(
    backend: Backend, request: Request, cotangent: torch.Tensor
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Derivatives of ``Re sum(conj(cotangent) * values)`` by weights (T,) and inputs (B, F), by central differences."""

    def values(program: Program, weights: Numbers, inputs: Numbers) -> NDArray[np.complex128] | NDArray[np.float64]:
        numbers = (torch.as_tensor(part, dtype=torch.float64) for part in (weights, inputs))
        shared, rows = numbers
        seed, first = request.seed, request.first_row
        return expected_values(
            backend, Request(program=program, weights=shared, inputs=rows, seed=seed, first_row=first)
        )

    return reference_vjp(request.program, request.weights, request.inputs, cotangent, values)
