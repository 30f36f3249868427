"""What a sampled or measured row looks like before a readout: how often each detection pattern was seen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Counts:
    """The detections of one row: sparse, so that it fits whatever the size of the Fock space.

    Attributes:
        states: (K, m) the detection patterns that were seen: photons (or clicks) in each mode.
        counts: (K,) how often each was seen.
        shots: Runs in which at least one photon was detected, those whose pattern was discarded included.
    """

    states: npt.NDArray[np.int8]
    counts: npt.NDArray[np.int64]
    shots: int
