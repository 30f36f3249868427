"""Checks of exact values: normalisation, and agreement with permanents."""

from collections.abc import Iterator

import numpy as np
import torch

from hqdist.errors import PostSelectionError
from hqdist.execution import Backend, Request, Result
from hqdist.program import Amplitudes, Angle, BeamSplitter, ComputationSpace, Probabilities, Program
from hqdist.testing.check import ConformanceError, require, require_close
from hqdist.testing.circuits import described, largest_batch, programs, random_request, takes
from hqdist.testing.expected import expected_acceptance, expected_values, within_reach
from hqdist.testing.reference import as_array

#: How far exact values may be from the true ones.
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def _evaluated(backend: Backend, kinds: tuple[type, ...], batch: int = 3) -> Iterator[tuple[str, Request, Result]]:
    for program in programs(backend):
        if isinstance(program.readout, kinds):
            for dtype in TOLERANCE:
                rng = np.random.default_rng(program.modes)
                request = random_request(rng, program, largest_batch(backend, batch), dtype, seed=5)
                precision = str(dtype).removeprefix("torch.")
                yield f"{described(program)}, {precision}", request, backend.evaluate(request)


def probabilities_are_normalised(backend: Backend) -> None:
    """Probabilities are not negative and sum to 1, in every space and grouping; amplitudes have norm 1."""
    for case, request, result in _evaluated(backend, (Probabilities, Amplitudes)):
        values = as_array(result.values)
        if request.program.complex_valued:
            values = np.abs(values) ** 2
        require(bool((values >= 0).all()), f"{case}: a probability is negative")
        tolerance = TOLERANCE[request.inputs.dtype]
        require_close(values.sum(axis=1), np.ones(request.batch), tolerance, f"{case}: the sum of probabilities")


def values_agree_with_permanents(backend: Backend) -> None:
    """Every readout, in every space, equals what brute-force permanents give, with the noise that is declared."""
    for case, request, result in _evaluated(backend, backend.capabilities.readouts):
        if not within_reach(backend, request.program):
            continue
        tolerance = TOLERANCE[request.inputs.dtype]
        require_close(result.values, expected_values(backend, request), tolerance, case)
        if backend.capabilities.noise is not None and request.program.photons:
            require(result.acceptance is not None, f"{case}: noise, and no acceptance")
            assert result.acceptance is not None
            require_close(
                result.acceptance, expected_acceptance(backend, request), tolerance, f"{case}: the acceptance"
            )


def results_have_the_promised_form(backend: Backend) -> None:
    """Values are (B, R) in the request's precision, on its device, outside any autograd graph, and say who answered."""
    for case, request, result in _evaluated(backend, backend.capabilities.readouts, batch=2):
        shape, values = (request.batch, request.program.outputs), result.values
        dtype = request.inputs.dtype.to_complex() if request.program.complex_valued else request.inputs.dtype
        require(values.shape == shape, f"{case}: values of shape {tuple(values.shape)}, promised {shape}")
        require(values.dtype == dtype, f"{case}: values are {values.dtype}, promised {dtype}")
        require(values.device == request.inputs.device, f"{case}: values are on {values.device}")
        require(not values.requires_grad, f"{case}: values are attached to an autograd graph")
        require(result.standard_errors is None, f"{case}: exact values have no standard errors")
        require(result.provenance.shots == 0, f"{case}: exact values took {result.provenance.shots} shots")
        require(bool(result.provenance.backend), f"{case}: the provenance names no backend")


def nothing_left_is_an_error(backend: Backend) -> None:
    """Where no probability is left in the computation space there is a `PostSelectionError`, not a number."""
    for dtype in TOLERANCE:
        # Hong, Ou and Mandel: behind a balanced beam splitter two photons are never apart
        program = Program(
            modes=2,
            input_state=(1, 1),
            elements=(BeamSplitter((0, 1), Angle(np.pi / 2)),),
            readout=Probabilities(ComputationSpace.UNBUNCHED),
        )
        if not takes(backend, program) or backend.capabilities.noise is not None:  # noise may leave something
            return
        request = Request(program=program, weights=torch.zeros(0, dtype=dtype), inputs=torch.zeros(1, 0, dtype=dtype))
        try:
            result = backend.evaluate(request)
        except PostSelectionError:
            continue
        raise ConformanceError(
            f"two photons that always bunch gave unbunched values {result.values.tolist()} ({dtype})"
        )
