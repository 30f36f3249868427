"""A training step on a GPU against the same machine's CPU, both by hqdist: from which size a GPU pays.

``python -m benchmarks.gpu_speed`` needs CUDA and neither MerLin nor Perceval.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import hqdist as hq
from hqdist.testing.circuits import random_request

SIZES = ((6, 3, 32), (8, 4, 32), (8, 4, 1024), (10, 5, 256), (12, 6, 256), (16, 6, 256))
NOISES = {"ideal": None, "indistinguishability": hq.Noise(indistinguishability=0.9), "g2": hq.Noise(g2=0.05)}
#: Sizes at which noise is measured too.
NOISY = SIZES[:4]
DEVICES = ("cpu", "cuda")
#: As docs/architecture.md promises: the largest difference of a probability in float32.
TOLERANCE = 2e-5


def main() -> None:
    """Measure every size and write the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_speed", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "gpu_speed.json")
    arguments = parser.parse_args()
    points = [
        _measure(name, noise, size, arguments.rounds)
        for name, noise in NOISES.items()
        for size in (SIZES if noise is None else NOISY)
    ]
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    arguments.output.write_text(json.dumps({"machine": machine, "dtype": "float32", "points": points}, indent=1) + "\n")


def _measure(name: str, noise: hq.Noise | None, size: tuple[int, int, int], rounds: int) -> dict[str, object]:
    modes, photons, batch = size
    program = hq.Experiment(n_modes=modes, n_photons=photons).program(modes - 1)
    asked = random_request(np.random.default_rng(0), program, batch, torch.float32)
    backend = hq.backend("exact", noise=noise)
    cotangent = torch.rand(batch, program.outputs)
    steps, values = {}, {}
    for device in DEVICES:
        request = hq.Request(program=program, weights=asked.weights.to(device), inputs=asked.inputs.to(device))
        steps[device] = _step(backend, request, cotangent.to(device))
        values[device] = backend.evaluate(request).values.cpu()
    difference = float((values["cpu"] - values["cuda"]).abs().max())
    if difference > TOLERANCE:
        raise RuntimeError(f"{name} {size}: CPU and GPU differ by {difference}")
    seconds: dict[str, list[float]] = {device: [] for device in DEVICES}
    for step in steps.values():
        step(), step()
    for _ in range(rounds):
        for device, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[device].append(time.perf_counter() - start)
    ratio = statistics.median(cpu / gpu for cpu, gpu in zip(seconds["cpu"], seconds["cuda"], strict=True))
    medians = {device: statistics.median(times) for device, times in seconds.items()}
    figures = ", ".join(f"{device} {1e3 * median:.2f} ms" for device, median in medians.items())
    print(f"{name:>20} ({modes},{photons}) B={batch}: GPU {ratio:.2f}x, {figures}", flush=True)
    return {"noise": name, "size": size, "difference": difference, "seconds": seconds, "ratio": ratio}


def _step(backend: hq.Backend, request: hq.Request, cotangent: torch.Tensor) -> Callable[[], None]:
    def step() -> None:
        _, pull_back = backend.evaluate_with_vjp(request)
        pull_back(cotangent)
        if request.inputs.is_cuda:
            torch.cuda.synchronize()

    return step


if __name__ == "__main__":
    main()
