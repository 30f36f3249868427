"""Peak memory of one training step, in a process of its own: ``python -m benchmarks.peak_memory NAME M N B``."""

import subprocess
import sys

from benchmarks.circuits import Numbers, Point
from benchmarks.layers import LAYERS
from benchmarks.machine import pin_threads
from benchmarks.resident import STATUS, peak_bytes


def peak_memory(name: str, point: Point, threads: int) -> int | None:
    """Bytes by which a step's peak exceeds what the process held before it; None where it cannot be had.

    The process has built the layer and has taken a step with one sample before: imports, tables and compiled code are
    not counted, the values and what is kept for the backward pass are.
    """
    if not STATUS.exists():
        return None
    arguments = [name, point.modes, point.photons, point.batch, threads]
    command = [sys.executable, "-m", "benchmarks.peak_memory", *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _measure(name: str, point: Point) -> int:
    numbers = Numbers.of(point)
    contender = LAYERS[name](point, numbers)
    one = Numbers(numbers.phases, numbers.inputs[:1].clone(), numbers.coefficients[:1])
    contender.step(one)
    return peak_bytes(lambda: contender.step(numbers))


if __name__ == "__main__":
    contender_name, *sizes = sys.argv[1:]
    m, n, b, thread_count = map(int, sizes)
    pin_threads(thread_count)
    print(_measure(contender_name, Point(m, n, b)))
