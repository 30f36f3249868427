"""From a request to the body of a job, as Perceval serialises it."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hqdist.execution import Detectors, Noise, Request
from hqdist.program import Angle, BeamSplitter, Element, PhaseShifter, Program, parameter, to_perceval
from hqdist.program.elements import angle_of

#: Sent with `probs`, which spends no shots: services want a number, and compute to a precision of one over it.
_PRECISION_SHOTS = 1_000_000


def job_body(
    request: Request, command: str, *, platform: str, name: str, noise: Noise, send_noise: bool
) -> dict[str, Any]:
    """The body of the job that evaluates the rows of a request, one iteration each.

    Angles are worked out here, in float64: those that all rows share are part of the circuit, the others are its
    parameters. What the platform receives is what the layer computes, whatever code computed the weights and inputs.

    Args:
        request: The rows.
        command: ``probs``, ``sample_count`` or ``samples``.
        platform: Its name.
        name: What the job is called at the provider.
        noise: The device's noise, for its detectors.
        send_noise: Whether the platform simulates the noise that it is sent.
    """
    from perceval.components import Detector, Experiment
    from perceval.runtime.payload_generator import PayloadGenerator
    from perceval.utils import FockState

    circuit, angles = row_circuit(request)
    program = request.program
    experiment = Experiment(to_perceval(circuit))
    experiment.with_input(FockState(list(program.input_state)))
    experiment.min_detected_photons_filter(program.photons)
    if noise.detectors is Detectors.THRESHOLD:
        for mode in range(program.modes):
            experiment.add(mode, Detector.threshold())
    if send_noise:
        experiment.noise = replace(noise, detectors=Detectors.PNR).to_perceval()
    shots = request.row_shots
    iterations = [_iteration(circuit.inputs, row, int(n)) for row, n in zip(angles, shots, strict=True)]
    most = {"max_shots": int(shots.max(initial=0)) or _PRECISION_SHOTS}
    if request.shots is not None:
        most["max_samples"] = most["max_shots"]
    body = PayloadGenerator.generate_payload(command, experiment, None, platform, iterator=iterations, **most)
    body["job_name"] = name
    body["payload"]["job_context"] = None
    return dict(body)


def row_circuit(request: Request) -> tuple[Program, NDArray[np.float64]]:
    """A program whose only parameters are the angles that differ from row to row, and their values.

    Returns:
        The program, with inputs ``angle0``, ``angle1``, ..., and (B, its inputs) angles in radians.
    """
    program = request.program
    shared = dict(zip(program.weights, request.weights.double().tolist(), strict=True))
    features = request.inputs.double().cpu().numpy()
    column = {name: features[:, index] for index, name in enumerate(program.inputs)}
    elements: list[Element] = []
    angles: list[NDArray[np.float64]] = []
    for element in program.elements:
        angle = angle_of(element)
        if angle is None:
            elements.append(element)
            continue
        constant = angle.constant + sum(c * shared[name] for name, c in angle.terms if name in shared)
        varying = [(c, column[name]) for name, c in angle.terms if name in column]
        if varying:
            elements.append(_at(element, parameter(f"angle{len(angles)}")))
            angles.append(constant + np.sum([c * values for c, values in varying], axis=0))
        else:
            elements.append(_at(element, Angle(float(constant))))
    circuit = Program(
        modes=program.modes,
        input_state=program.input_state,
        elements=tuple(elements),
        inputs=tuple(f"angle{index}" for index in range(len(angles))),
    )
    return circuit, np.stack(angles, axis=1) if angles else np.empty((request.batch, 0))


def _at(element: Element, angle: Angle) -> Element:
    assert isinstance(element, PhaseShifter | BeamSplitter)
    return replace(element, angle=angle) if isinstance(element, PhaseShifter) else replace(element, theta=angle)


def _iteration(names: tuple[str, ...], angles: NDArray[np.float64], shots: int) -> dict[str, Any]:
    iteration: dict[str, Any] = {"circuit_params": dict(zip(names, angles.tolist(), strict=True))}
    if shots:
        iteration |= {"max_shots": shots, "max_samples": shots}
    return iteration
