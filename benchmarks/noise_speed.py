"""A training step with noise: MerLin's `QuantumLayer` against hqdist's, values and derivatives."""

from dataclasses import asdict

import merlin
import perceval
import torch

import hqdist as hq
from benchmarks.agreement import require
from benchmarks.circuits import LEFT, RIGHT, Numbers, Point, program
from benchmarks.harness import race
from benchmarks.layers import builder
from benchmarks.results import Record, summary

COMPARISON = "noise_speed"
SLOW, FAST = "merlin", "hqdist"
BATCH = 8
#: Everybody computes in float64 here; MerLin's distribution is that of a Perceval source, trimmed at small weights.
TOLERANCE = 1e-5
CASES = (
    ("indistinguishability", {"indistinguishability": 0.9}, (6, 3)),
    ("indistinguishability", {"indistinguishability": 0.9}, (8, 4)),
    ("loss", {"transmittance": 0.6}, (8, 4)),
    ("g2", {"g2": 0.05}, (6, 3)),
    ("g2", {"g2": 0.05}, (8, 4)),
)
#: A step of MerLin's takes most of a minute here: three rounds at most.
SLOW_CASE = ("g2", (8, 4))


def run(rounds: int) -> Record:
    """Measure every case and print a line for each.

    Raises:
        RuntimeError: If the contenders do not agree.
    """
    record = Record(COMPARISON, {"rounds": rounds, "dtype": "float64"})
    for name, noise, size in CASES:
        often = min(rounds, 3) if (name, size) == SLOW_CASE else rounds
        record.points.append(_measure(name, noise, Point(*size, BATCH), often))
    return record


def _measure(name: str, noise: dict[str, float], point: Point, rounds: int) -> dict[str, object]:
    numbers = Numbers.of(point, torch.float64)
    theirs = _merlin_layer(point, numbers, perceval.NoiseModel(**noise))
    ours = hq.QuantumLayer(
        program=program(point), backend=hq.backend("exact", noise=hq.Noise(**noise)), dtype=torch.float64
    )
    with torch.no_grad():
        ours.phases.copy_(numbers.phases)
    values = {SLOW: _in_our_order(theirs, numbers, point), FAST: ours(numbers.inputs).detach()}
    require({SLOW: float((values[SLOW] - values[FAST]).abs().max())}, TOLERANCE, point)

    def step(layer: torch.nn.Module, coefficients: torch.Tensor) -> None:
        layer.zero_grad()
        layer(numbers.inputs).backward(coefficients)

    with torch.no_grad():
        outputs = theirs(numbers.inputs).shape[1]
    generator = torch.Generator().manual_seed(1)
    coefficients = torch.rand(point.batch, outputs, generator=generator, dtype=torch.float64)
    times = race(
        {SLOW: lambda: step(theirs, coefficients), FAST: lambda: step(ours, numbers.coefficients)}, rounds=rounds
    )
    print(f"{name:>20} {summary(point, times, SLOW, FAST)}", flush=True)
    return {
        "noise": noise,
        **asdict(point),
        "outputs": {SLOW: outputs, FAST: point.outputs},
        "agreement": float((values[SLOW] - values[FAST]).abs().max()),
        "seconds": times.seconds,
        "calls": times.calls,
        "others": times.others,
        "ratio": asdict(times.ratio(SLOW, FAST)),
    }


def _merlin_layer(point: Point, numbers: Numbers, noise: perceval.NoiseModel) -> torch.nn.Module:
    layer = merlin.QuantumLayer(
        input_size=point.features,
        builder=builder(point),
        input_state=list(point.input_state),
        measurement_strategy=merlin.MeasurementStrategy.probs(merlin.ComputationSpace.FOCK),
        noise=noise,
        dtype=torch.float64,
    )
    named = dict(layer.named_parameters())
    with torch.no_grad():
        for name, half in zip((LEFT, RIGHT), numbers.phases.chunk(2), strict=True):
            named[name].copy_(half)
    return layer


@torch.no_grad()
def _in_our_order(layer: torch.nn.Module, numbers: Numbers, point: Point) -> torch.Tensor:
    """MerLin's values on the states of n photons, renormalised: hqdist's are conditional on these."""
    values = layer(numbers.inputs)
    places = {tuple(key): index for index, key in enumerate(layer.output_keys)}
    kept = values[:, [places[tuple(state)] for state in program(point).states.tolist()]]
    return kept / kept.sum(dim=1, keepdim=True)
