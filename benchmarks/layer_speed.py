"""A training step of hqdist's `QuantumLayer` against MerLin's: forward and backward, end to end, float32."""

from collections.abc import Sequence
from dataclasses import asdict

import torch

from benchmarks.agreement import deviation, require
from benchmarks.circuits import Numbers, Point
from benchmarks.harness import race
from benchmarks.layers import LAYERS, Contender
from benchmarks.peak_memory import peak_memory
from benchmarks.results import Record, summary

COMPARISON = "layer_speed"
SIZES = ((6, 3), (8, 4), (10, 5), (20, 3), (12, 6))
BATCHES = (32, 256)
#: How far contenders may differ, relative to the largest entry. Float64 shows that they compute the same; in float32
#: MerLin itself is up to 1e-5 away from its float64 values.
TOLERANCE = {torch.float32: 3e-5, torch.float64: 1e-11}
#: How many times faster than MerLin hqdist is meant to be: geometric mean, and at every point.
GOAL, FLOOR = 30, 15
SLOW, FAST = "merlin", "hqdist"


def run(threads: int, rounds: int, sizes: Sequence[tuple[int, int]] = SIZES) -> Record:
    """Measure every point and print a line for each.

    Raises:
        RuntimeError: If the contenders do not agree at a point.
    """
    record = Record(COMPARISON, {"rounds": rounds, "dtype": "float32", "gradients": ["phases", "inputs"]})
    for batch in BATCHES:
        for modes, photons in sizes:
            record.points.append(_measure(Point(modes, photons, batch), threads, rounds))
    return record


def _measure(point: Point, threads: int, rounds: int) -> dict[str, object]:
    agreement = {str(dtype).removeprefix("torch."): _agreement(point, dtype) for dtype in TOLERANCE}
    numbers = Numbers.of(point)
    contenders = {name: make(point, numbers) for name, make in LAYERS.items()}
    times = race({name: _step(contender, numbers) for name, contender in contenders.items()}, rounds=rounds)
    memory = {name: peak_memory(name, point, threads) for name in contenders}
    print(summary(point, times, SLOW, FAST), flush=True)
    return {
        **asdict(point),
        "outputs": point.outputs,
        "phases": point.phases,
        "features": point.features,
        "agreement": agreement,
        "seconds": times.seconds,
        "calls": times.calls,
        "others": times.others,
        "ratio": asdict(times.ratio(SLOW, FAST)),
        "peak_bytes": memory,
    }


def _step(contender: Contender, numbers: Numbers):
    return lambda: contender.step(numbers)


def _agreement(point: Point, dtype: torch.dtype) -> dict[str, float]:
    """How far hqdist's values and derivatives are from MerLin's."""
    numbers = Numbers.of(point, dtype)
    steps = {name: make(point, numbers).step(numbers) for name, make in LAYERS.items()}
    pairs = zip(("values", "phase gradient", "input gradient"), steps[FAST], steps[SLOW], strict=True)
    deviations = {what: deviation(ours.detach(), theirs.detach()) for what, ours, theirs in pairs}
    require(deviations, TOLERANCE[dtype], f"{point} in {dtype}")
    return deviations
