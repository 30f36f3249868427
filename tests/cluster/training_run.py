"""A small training run through a backend; as a script it waits for a line of input before each step."""

import json
import sys
import time
from collections.abc import Callable

import torch

import hqdist as hq

PROGRAM = hq.Experiment(n_modes=5, n_photons=2).program(3)


def losses(backend: object, before_step: Callable[[int], None] = lambda step: None) -> list[float]:
    """The loss of each of eight steps."""
    torch.manual_seed(0)
    layer = hq.QuantumLayer(program=PROGRAM, backend=backend, dtype=torch.float64)
    model = torch.nn.Sequential(layer, torch.nn.Linear(15, 2, dtype=torch.float64))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    inputs, targets = torch.rand(40, 3, dtype=torch.float64), torch.randint(2, (40,))
    found = []
    for step in range(8):
        before_step(step)
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(loss.item())
    return found


def main(uri: str) -> None:
    """Tell the seconds of each step as it ends, and the losses at the end, in lines that begin with a word."""
    began: list[float] = []

    def ended() -> None:
        print("step", time.monotonic() - began[-1], flush=True)

    def before_step(step: int) -> None:
        if began:
            ended()
        sys.stdin.readline()
        began.append(time.monotonic())

    found = losses(hq.backend(uri, rows_per_call=5), before_step)
    ended()
    print("losses", json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
