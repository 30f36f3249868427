"""Peak memory of a training step with and without checkpointing: ``python -m benchmarks.checkpointing``.

A chain of quantum layers, each with a small trainable map after its many outcomes. Without checkpointing the outcomes
of all of them are kept until the backward pass; with it those of one at a time are there, and a second evaluation (of
exact values) or the record of the shots (of sampled ones) stands for the others. Shots are counted both ways.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn

import hqdist as hq
from benchmarks.machine import available_cores, pin_threads
from benchmarks.resident import peak_bytes
from benchmarks.results import FOLDER

#: (12, 6) has 12 376 outcomes.
MODES, PHOTONS, WIDTH, LAYERS, BATCH, SHOTS = 12, 6, 8, 12, 256, 100
BACKENDS = ("exact", "sampling")
WAYS = ("plain", "checkpointed")


def main() -> None:
    """Measure every backend both ways, each in a process of its own, and write the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpointing", description=main.__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER / "checkpointing.json")
    arguments = parser.parse_args()
    points = []
    for backend in BACKENDS:
        point = {way: _in_a_process(backend, way) for way in WAYS}
        plain, ours = (point[way] for way in WAYS)
        if plain["shots"] != ours["shots"]:
            raise RuntimeError(f"{backend}: checkpointing took {ours['shots']} shots, not {plain['shots']}")
        memory, seconds = plain["bytes"] / ours["bytes"], ours["seconds"] / plain["seconds"]
        print(f"{backend}: 1/{memory:.1f} of the memory, {seconds:.2f} of the time, {ours['shots']} shots both ways")
        points.append({"backend": backend, "memory_ratio": memory, "time_ratio": seconds, **point})
    settings = {"size": [MODES, PHOTONS], "layers": LAYERS, "batch": BATCH, "shots": SHOTS}
    machine = {"cores": available_cores(), "threads": 1, "torch": torch.__version__}
    arguments.output.write_text(json.dumps({**settings, "machine": machine, "points": points}, indent=1) + "\n")


def _in_a_process(backend: str, way: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.checkpointing", "--measure", backend, way]
    # Without this, glibc comes to keep large blocks that were freed, which then count as resident.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _measure(backend: str, way: str) -> dict[str, float]:
    """Bytes that a step adds to what is resident at its peak, its shots, and its median time."""
    pin_threads(1)
    torch.manual_seed(0)
    model = _model(backend, way)
    x, y = torch.rand(BATCH, WIDTH), torch.rand(BATCH, WIDTH)

    def step(rows: int) -> None:
        model.zero_grad()
        nn.functional.mse_loss(model(x[:rows]), y[:rows]).backward()

    step(1)
    with hq.record_provenance() as record:
        peak = peak_bytes(lambda: step(BATCH))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        step(BATCH)
        seconds.append(time.perf_counter() - start)
    return {"bytes": peak, "shots": record.shots, "seconds": statistics.median(seconds)}


def _model(backend: str, way: str) -> nn.Module:
    """Derivatives of shots are the simulator's, so that the values, and what is kept of them, are what is measured."""
    chosen = hq.backend(backend, **({"shots": SHOTS} if backend == "sampling" else {}))
    experiment = hq.Experiment(hq.CircuitType.SERIES, n_modes=MODES, n_photons=PHOTONS)
    ansatz = hq.AnsatzFactory.create(experiment, input_size=WIDTH, output_size=WIDTH)
    blocks = []
    for _ in range(LAYERS):
        layer = hq.QuantumLayer(ansatz=ansatz, backend=chosen, gradient="auto" if backend == "exact" else "surrogate")
        block = nn.Sequential(nn.Sigmoid(), layer)
        blocks.append(hq.Checkpointed(block) if way == "checkpointed" else block)
    return nn.Sequential(*blocks)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(_measure(*sys.argv[2:])))
    else:
        main()
