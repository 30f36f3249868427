"""What a backend can do, as plain data."""

from dataclasses import dataclass

from hqdist.execution.noise import Noise
from hqdist.program import (
    Amplitudes,
    ComputationSpace,
    ModeExpectations,
    NumberCorrelators,
    Probabilities,
    Readout,
)


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a provider charges, in its credits.

    Attributes:
        per_shot: For each shot.
        per_job: For each job, whatever is in it.
    """

    per_shot: float = 0.0
    per_job: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """The requests that a backend takes.

    Attributes:
        exact: Whether it gives exact values (requests without shots).
        sampled: Whether it gives values estimated from shots.
        adjoint: Whether it offers vector-Jacobian products of its own.
        readouts: The kinds of readout it computes.
        spaces: The computation spaces it knows.
        devices: Types of torch device that it takes values from.
        max_modes: Most modes; None for no limit of its own.
        max_photons: Most photons; None for no limit of its own.
        max_batch: Most samples in a request; None for no limit.
        max_shots: Most shots for a sample; None for no limit.
        noise: What is known of its imperfections; None for an ideal device.
        price: What it charges; None if it is free.
        ledger: Identity of the ledger in which it records what is paid for, so that a request that is asked again is
            taken up and not paid again; None if nothing is.
    """

    exact: bool
    sampled: bool
    adjoint: bool
    readouts: tuple[type[Readout], ...] = (Probabilities, ModeExpectations, NumberCorrelators, Amplitudes)
    spaces: tuple[ComputationSpace, ...] = tuple(ComputationSpace)
    devices: tuple[str, ...] = ("cpu",)
    max_modes: int | None = None
    max_photons: int | None = None
    max_batch: int | None = None
    max_shots: int | None = None
    noise: Noise | None = None
    price: Price | None = None
    ledger: str | None = None
