"""Random numbers that follow from a seed and the place of a row in its batch, and from nothing else."""

import numpy as np


def row_generator(seed: int, row: int) -> np.random.Generator:
    """The generator of a row's shots: the same whatever the rows around it, the threads, or the split of the batch.

    Philox counts (Salmon et al. 2011); other uses of the same key, such as random phases, count from elsewhere.
    """
    return np.random.Generator(np.random.Philox(key=[seed, row], counter=[0, 0, 0, 1]))
