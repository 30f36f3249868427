"""A request that is small enough to be emulated in no time, and the token of the emulated cloud."""

import numpy as np
import torch

import hqdist as hq

TOKEN = "emulator-token"


def request(
    batch: int = 2, *, shots: int | None = 1000, seed: int = 1, readout: hq.Probabilities | None = None
) -> hq.Request:
    """A request of a circuit of 4 modes and 2 photons, with some weights and inputs."""
    program = hq.Experiment(n_modes=4, n_photons=2).program(2, readout)
    rng = np.random.default_rng(seed)
    return hq.Request(
        program=program,
        weights=torch.from_numpy(rng.uniform(0, 6, len(program.weights))),
        inputs=torch.from_numpy(rng.uniform(0, 1, (batch, 2))),
        shots=shots,
        seed=seed,
    )
