"""Shots: MerLin's multinomial sampling against hqdist's sampling backend; and Clifford and Clifford's algorithm.

Beyond what fits in memory, the same algorithm by Perceval (exqalibur) and by hqdist, a row of 24 modes and 12 photons.
"""

import time
from dataclasses import asdict
from functools import partial
from statistics import median

import numpy as np
import perceval
import torch

import hqdist as hq
from benchmarks.circuits import Numbers, Point, program
from benchmarks.harness import race
from benchmarks.layers import merlin_layer
from benchmarks.results import Record, summary
from hqdist.testing.circuits import random_unitary

COMPARISON = "sampling_speed"
SLOW, FAST = "merlin", "hqdist"
SHOTS, BATCH = 10_000, 32
SIZES = ((6, 3), (8, 4), (10, 5), (12, 6))
LARGE = (24, 12)


def run(rounds: int) -> Record:
    """Measure every size and print a line for each.

    Raises:
        RuntimeError: If the frequencies of a contender are not those of the exact distribution.
    """
    record = Record(COMPARISON, {"rounds": rounds, "shots": SHOTS, "dtype": "float32"})
    for modes, photons in SIZES:
        record.points.append(_measure(Point(modes, photons, BATCH), rounds))
    record.settings["one by one"] = _one_by_one(max(3, rounds // 2))
    return record


def _measure(point: Point, rounds: int) -> dict[str, object]:
    numbers = Numbers.of(point)
    theirs = merlin_layer(point, numbers).layer
    ours = hq.QuantumLayer(program=program(point), backend=hq.backend("sampling", shots=SHOTS))
    with torch.no_grad():
        ours.phases.copy_(numbers.phases)

        def merlin() -> torch.Tensor:
            with torch.no_grad():
                return theirs(numbers.inputs, shots=SHOTS, sampling_method="multinomial")

        def hqdist() -> torch.Tensor:
            with torch.no_grad():
                return ours(numbers.inputs)

        exact = theirs(numbers.inputs)
    distances = {name: _distance(call(), exact) for name, call in ((SLOW, merlin), (FAST, hqdist))}
    times = race({SLOW: merlin, FAST: hqdist}, rounds=rounds)
    print(summary(point, times, SLOW, FAST), flush=True)
    return {
        **asdict(point),
        "outputs": point.outputs,
        "mean_squared_deviation": distances,
        "seconds": times.seconds,
        "calls": times.calls,
        "others": times.others,
        "ratio": asdict(times.ratio(SLOW, FAST)),
    }


def _distance(values: torch.Tensor, exact: torch.Tensor) -> float:
    """Mean of (difference / standard error)^2 over likely states: 1 but for fluctuations."""
    likely = exact > 10 / SHOTS
    score = float(((values - exact) ** 2 / (exact * (1 - exact) / SHOTS))[likely].mean())
    if not 0.8 < score < 1.25:
        raise RuntimeError(f"frequencies deviate from the exact distribution: {score:.2f} in place of 1")
    return score


def _one_by_one(rounds: int) -> dict[str, object]:
    modes, photons = LARGE
    unitary = random_unitary(np.random.default_rng(0), modes)
    state = hq.StatePattern.PERIODIC.state(modes, photons)
    drawn = hq.Program(
        modes=modes,
        input_state=state,
        elements=(hq.FixedUnitary(tuple(range(modes)), unitary),),
        readout=hq.ModeExpectations(),
    )
    none = torch.empty(0, dtype=torch.float64)
    request = hq.Request(program=drawn, weights=none, inputs=none.reshape(1, 0), shots=SHOTS, seed=1)
    backend = perceval.Clifford2017Backend()
    backend.set_circuit(perceval.Unitary(perceval.Matrix(unitary)))
    backend.set_input_state(perceval.BasicState(list(state)))
    contenders = {
        "perceval": partial(backend.samples, SHOTS),
        "hqdist": partial(hq.backend("sampling").evaluate, request),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    told = ", ".join(f"{name} {median(taken):.2f} s" for name, taken in seconds.items())
    print(f"{LARGE} photon by photon, {SHOTS} shots: {told}", flush=True)
    return {"modes": modes, "photons": photons, "shots": SHOTS, "seconds": seconds}
