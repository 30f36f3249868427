"""How fast the SLOS kernels run, next to a matrix product in single precision on the same thread.

Counts 8 floating-point operations per complex multiply-add: once forward, twice more backward. What backward
recomputes is not counted. Every round times the product and the kernels in turn, so that a change of the
machine's clock or of its load meets all of them; the ratio is the median of the rounds' ratios. Seconds are
the thread's own, so that waiting for a core that other programs use does not count.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from hqdist_exact._slos import probabilities, probabilities_backward
from hqdist_exact._tables import slos_tables
from hqdist_exact._vector import LANES

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
SIZES = [
    (6, 3, "fock"),
    (8, 4, "fock"),
    (10, 5, "fock"),
    (20, 3, "fock"),
    (12, 6, "fock"),
    (12, 6, "unbunched"),
    (12, 6, "dual_rail"),
]
MATRIX = 1024


def seconds(function: Callable[[], Any], repeats: int = 1) -> float:
    """Per call, after one that is not timed: the caches then hold what they hold in a loop."""
    function()
    start = time.thread_time()
    for _ in range(repeats):
        function()
    return (time.thread_time() - start) / repeats


def cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def columns_of_unitaries(modes: int, photons: int, batch: int, dtype: np.dtype[Any]) -> np.ndarray:
    """(tiles, n, m, 2, L) columns of random orthonormal matrices."""
    rng = np.random.default_rng(0)
    lanes = LANES[dtype]
    real, imaginary = rng.standard_normal((2, -(-batch // lanes) * lanes, modes, photons))
    V = np.linalg.qr(real + 1j * imaginary)[0].reshape(-1, lanes, modes, photons)
    return np.stack([V.real, V.imag], axis=-1).transpose(0, 3, 2, 4, 1).astype(dtype)


def measure(size: tuple[int, int, str], batch: int, dtype: np.dtype[Any], rounds: int) -> dict[str, Any]:
    modes, photons, space = size
    tables = slos_tables(modes, photons, space)
    V = np.ascontiguousarray(columns_of_unitaries(modes, photons, batch, dtype))
    grad_out = np.random.default_rng(1).standard_normal((batch, tables.size)).astype(dtype)
    matrix = np.random.default_rng(2).standard_normal((MATRIX, MATRIX)).astype(np.float32)

    def forward() -> None:
        probabilities(V, tables, 1.0, None, tables.size, batch)

    def both() -> None:
        forward()
        probabilities_backward(V, tables, 1.0, None, grad_out)

    repeats = max(1, int(0.005 / min(seconds(both) for _ in range(3))))
    samples: dict[str, list[float]] = {"forward": [], "both": [], "sgemm": []}
    for _ in range(rounds):
        samples["sgemm"].append(seconds(lambda: matrix @ matrix))
        samples["forward"].append(seconds(forward, repeats))
        samples["both"].append(seconds(both, repeats))
    operations = 8 * tables.multiply_adds * batch
    work = {"forward": operations, "both": 3 * operations, "sgemm": 2 * MATRIX**3}
    rates = {name: [work[name] / second / 1e9 for second in samples[name]] for name in samples}
    return {
        "modes": modes,
        "photons": photons,
        "space": space,
        "batch": batch,
        "dtype": dtype.name,
        "states": tables.size,
        "gflops": {name: statistics.median(rate) for name, rate in rates.items()},
        "ratio_to_sgemm": {
            name: statistics.median(k / s for k, s in zip(rates[name], rates["sgemm"], strict=True))
            for name in ("forward", "both")
        },
        "seconds": samples,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file for the raw times, as JSON")
    parser.add_argument("--batch", type=int, nargs="+", default=[256])
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--rounds", type=int, default=25)
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # Libraries read these when they are loaded, so start over.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    torch.set_num_threads(1)

    head = ("size", "B", "fwd", "fwd+bwd", "sgemm", "fwd/sgemm", "both/sgemm")
    print("{:>16} {:>6} {:>8} {:>8} {:>8} {:>10} {:>10}   (GFLOP/s, medians)".format(*head))
    results = []
    for size in SIZES:
        for batch in arguments.batch:
            result = measure(size, batch, np.dtype(arguments.dtype), arguments.rounds)
            results.append(result)
            rate, ratio = result["gflops"], result["ratio_to_sgemm"]
            print(
                f"{'{},{} {}'.format(*size):>16} {batch:>6} {rate['forward']:>8.1f} {rate['both']:>8.1f} "
                f"{rate['sgemm']:>8.1f} {ratio['forward']:>10.2f} {ratio['both']:>10.2f}",
                flush=True,
            )
    if arguments.out:
        machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "architecture": platform.machine()}
        versions = {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__}
        report = {"machine": machine, "versions": versions, "threads": 1, "results": results}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
