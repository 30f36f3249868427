"""Layers side by side against the same layers in turn, through two workers: ``python -m benchmarks.parallel_layers``.

A training step of four layers, forward and backward, each a batch that one worker computes in one piece. The workers
are processes of their own with a thread each, so two cores are what there is to gain: half the time.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

import hqdist as hq
from benchmarks.harness import race
from benchmarks.machine import available_cores, pin_threads
from benchmarks.results import FOLDER

LAYERS, WORKERS = 4, 2
#: (12, 6) has 12 376 outcomes, of which the sums of eight runs travel; all rows of a layer are one part.
MODES, PHOTONS, ROWS = 12, 6, 512
#: What the time at once may be of the time in turn.
GOAL = 0.6


def main() -> None:
    """Measure, write the raw figures, and fail if the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parallel_layers", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--output", type=Path, default=FOLDER / "parallel_layers.json")
    arguments = parser.parse_args()
    pin_threads(1)
    with _workers() as (uri, processes):
        steps = {name: _step(uri, outputs) for name, outputs in (("in turn", _in_turn), ("at once", hq.concurrently))}
        if not all(torch.equal(one, other) for one, other in zip(*(step() for step in steps.values()), strict=True)):
            raise RuntimeError("at once and in turn differ")
        start, busy = time.perf_counter(), _cpu_seconds(processes)
        times = race(steps, rounds=arguments.rounds)
        workers = (_cpu_seconds(processes) - busy) / (time.perf_counter() - start)
    others = None if times.others is None else round(times.others - workers, 2)
    share = times.ratio("at once", "in turn")
    medians = {name: times.spread(name).median for name in steps}
    print(f"at once takes {share.median:.2f} [{share.lower:.2f}, {share.upper:.2f}] of the time in turn")
    print(f"medians {medians}; others kept {others} cores busy")
    machine = {"cores": available_cores(), "torch": torch.__version__}
    figures = {"share": vars(share), "seconds": times.seconds, "others": others, "machine": machine}
    settings = {"layers": LAYERS, "workers": WORKERS, "size": [MODES, PHOTONS, ROWS], "goal": GOAL}
    arguments.output.write_text(json.dumps(settings | figures, indent=1) + "\n")
    sys.exit(share.median > GOAL)


def _in_turn(layers: torch.nn.ModuleList, x: torch.Tensor) -> list[torch.Tensor]:
    return [layer(x) for layer in layers]


def _step(uri: str, outputs: Callable[..., list[torch.Tensor]]) -> Callable[[], list[torch.Tensor]]:
    """A training step, which gives all values and derivatives."""
    torch.manual_seed(0)
    experiment = hq.Experiment(hq.CircuitType.SERIES, n_modes=MODES, n_photons=PHOTONS)
    program = experiment.program(MODES - 1, hq.Probabilities(grouping=hq.LexGrouping(8)))
    workers = hq.backend(uri, rows_per_call=ROWS)
    layers = torch.nn.ModuleList(
        hq.QuantumLayer(program=program, backend=workers, dtype=torch.float64) for _ in range(LAYERS)
    )
    x = torch.rand(ROWS, MODES - 1, dtype=torch.float64, requires_grad=True)

    def step() -> list[torch.Tensor]:
        found = outputs(layers, x)
        loss = sum((values.square().sum() for values in found), start=torch.zeros(()))
        return [*found, *torch.autograd.grad(loss, [x, *layers.parameters()])]

    return step


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


@contextmanager
def _workers() -> Iterator[tuple[str, list[psutil.Process]]]:
    """Workers for as long as the context lasts: how to reach them, and their processes."""
    command = [str(Path(sys.executable).with_name("hqdist")), "worker", "--port", "0", "--threads", "1"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)]
    try:
        addresses = [worker.stdout.readline().split()[-1] for worker in workers if worker.stdout]
        yield "grpc://" + ",".join(addresses), [psutil.Process(worker.pid) for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
            worker.communicate()


if __name__ == "__main__":
    main()
