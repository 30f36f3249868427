"""A batch of hqdist's `QuantumLayer` against Perceval's `Sampler` with as many iterations: forward, exact.

Beside it, Perceval's SLOS backend alone: the unitaries are given to it, and it returns plain probabilities.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import perceval
import torch

from benchmarks.agreement import deviation, require
from benchmarks.circuits import FEATURE, LEFT, RIGHT, Numbers, Point, program
from benchmarks.harness import race
from benchmarks.layers import builder, hqdist_layer
from benchmarks.results import Record, summary

COMPARISON = "sampler_speed"
SIZES = ((6, 3), (12, 6))
#: Perceval computes in float64 and drops states of a probability below 1e-6 (relative) from its results.
TOLERANCE = 1e-5
#: How many times faster than Perceval's Sampler hqdist is meant to be.
GOAL = 100
SLOW, FAST, BARE = "perceval sampler", "hqdist", "perceval slos backend"


def run(iterations: int, rounds: int) -> Record:
    """Measure every size and print a line for each.

    Raises:
        RuntimeError: If the contenders do not agree at a size.
    """
    record = Record(COMPARISON, {"rounds": rounds, "iterations": iterations, "dtype": "float32"})
    for modes, photons in SIZES:
        record.points.append(_measure(Point(modes, photons, iterations), rounds))
    return record


def _measure(point: Point, rounds: int) -> dict[str, object]:
    numbers = Numbers.of(point)
    layer = hqdist_layer(point, numbers).layer

    @torch.no_grad()
    def forward() -> torch.Tensor:
        return layer(numbers.inputs)

    sampler, backend = _sampler(point, numbers), _slos_backend(point, numbers)
    ours = forward().double()
    deviations = {
        SLOW: deviation(ours, _table(sampler()["results_list"], point)),
        BARE: deviation(ours, torch.from_numpy(np.stack(backend()))),
    }
    require(deviations, TOLERANCE, point)
    times = race({SLOW: sampler, BARE: backend, FAST: forward}, rounds=rounds)
    print(summary(point, times, SLOW, FAST), flush=True)
    return {
        **asdict(point),
        "outputs": point.outputs,
        "agreement": deviations,
        "seconds": times.seconds,
        "calls": times.calls,
        "others": times.others,
        "ratio": asdict(times.ratio(SLOW, FAST)),
        "ratio_to_backend": asdict(times.ratio(BARE, FAST)),
    }


def _sampler(point: Point, numbers: Numbers) -> Callable[[], dict]:
    """Perceval's own batch interface: one iteration for each sample; filling in the list is not timed."""
    processor = perceval.Processor("SLOS", _circuit(point, numbers))
    processor.with_input(perceval.BasicState(point.input_state))
    processor.min_detected_photons_filter(point.photons)
    sampler = perceval.algorithm.Sampler(processor)
    rows = numbers.inputs.tolist()
    sampler.add_iteration_list([{"circuit_params": _features(row)} for row in rows])

    def evaluate() -> dict:
        return sampler.probs()

    return evaluate


def _slos_backend(point: Point, numbers: Numbers) -> Callable[[], list[np.ndarray]]:
    """Perceval's SLOS backend with the unitaries ready, which the others have to compute."""
    circuit = _circuit(point, numbers)
    unitaries = []
    for row in numbers.inputs.tolist():
        for name, value in _features(row).items():
            circuit.param(name).set_value(value)
        unitaries.append(perceval.Unitary(perceval.Matrix(circuit.compute_unitary())))
    backend = perceval.SLOSBackend()

    def evaluate() -> list[np.ndarray]:
        probabilities = []
        for unitary in unitaries:
            backend.set_circuit(unitary)
            backend.set_input_state(perceval.BasicState(point.input_state))
            probabilities.append(np.asarray(backend.all_prob()))
        return probabilities

    return evaluate


def _circuit(point: Point, numbers: Numbers) -> perceval.Circuit:
    """The circuit with its phases set; the features are left as parameters."""
    circuit = builder(point).to_pcvl_circuit()
    phases = iter(numbers.phases.tolist())
    for prefix in (LEFT, RIGHT):
        for parameter in circuit.get_parameters():
            if parameter.name.startswith(prefix):
                parameter.set_value(next(phases))
    return circuit


def _features(row: list[float]) -> dict[str, float]:
    return {f"{FEATURE}{index + 1}": value for index, value in enumerate(row)}


def _table(results: list[dict], point: Point) -> torch.Tensor:
    """Perceval's distributions as probabilities (B, D) in hqdist's order of states."""
    states = [perceval.BasicState(state) for state in program(point).states.tolist()]
    return torch.tensor([[result["results"][state] for state in states] for result in results], dtype=torch.float64)
