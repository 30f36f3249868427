"""What a backend gives back: values, and where they come from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Who answered a request and what it took.

    Attributes:
        backend: Name of the backend that did the work.
        worker: Name of the worker or platform, if there is one.
        job_ids: The provider's ids of the jobs it took.
        shots: Shots spent in all; 0 for exact values.
        seed: The seed that was used, if anything was random.
        credits: What it cost, in the provider's credits.
        replayed: Whether the values were taken from a ledger, at no cost, because they had been paid for before.
        replayed_shots: Shots of what was, all or a part of the values; not among `shots`.
        replayed_credits: What that had cost; not among `credits`.
        performance: For each row, the fraction of shots that a platform says it kept (Perceval's ``physical_perf``).
        queue_seconds: Time spent waiting.
        compute_seconds: Time spent evaluating.
        route: How a router came to who answered: the candidates that were tried or passed over, in words, and why.
        request_id: What the request is called in logs, here and at workers; None if it never left this process.
    """

    backend: str
    worker: str | None = None
    job_ids: tuple[str, ...] = ()
    shots: int = 0
    seed: int | None = None
    credits: float = 0.0
    replayed: bool = False
    replayed_shots: int = 0
    replayed_credits: float = 0.0
    performance: tuple[float, ...] = ()
    queue_seconds: float = 0.0
    compute_seconds: float = 0.0
    route: tuple[str, ...] = ()
    request_id: str | None = None

    @classmethod
    def joined(cls, parts: Sequence["Provenance"]) -> "Provenance":
        """Where values come from that several answers gave together: names joined, figures summed."""
        seeds, names = {part.seed for part in parts}, {part.request_id for part in parts}
        return cls(
            backend=", ".join(dict.fromkeys(part.backend for part in parts)),
            worker=", ".join(dict.fromkeys(part.worker for part in parts if part.worker)) or None,
            job_ids=tuple(job for part in parts for job in part.job_ids),
            shots=sum(part.shots for part in parts),
            seed=seeds.pop() if len(seeds) == 1 else None,
            credits=sum(part.credits for part in parts),
            replayed=bool(parts) and all(part.replayed for part in parts),
            replayed_shots=sum(part.replayed_shots for part in parts),
            replayed_credits=sum(part.replayed_credits for part in parts),
            performance=tuple(share for part in parts for share in part.performance),
            queue_seconds=sum(part.queue_seconds for part in parts),
            compute_seconds=sum(part.compute_seconds for part in parts),
            route=tuple(dict.fromkeys(step for part in parts for step in part.route)),
            request_id=names.pop() if len(names) == 1 else None,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """The values of a request.

    Attributes:
        values: (B, R), in the request's dtype (complex of the same precision for amplitudes) and on its device.
        standard_errors: (B, R), one standard deviation of each value; None where values are exact.
        acceptance: (B,), the fraction of shots with an outcome in the readout's space; the others were discarded and
            the values renormalised. None where every shot counts.
        provenance: Where the values come from.
    """

    values: torch.Tensor
    provenance: Provenance
    standard_errors: torch.Tensor | None = None
    acceptance: torch.Tensor | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Cotangents:
    """A vector-Jacobian product: the derivative of ``sum(cotangent * values)``.

    A derivative that was not wanted is zero.

    Attributes:
        weights: (T,), summed over the batch.
        inputs: (B, F).
        provenance: Where the derivatives come from.
    """

    weights: torch.Tensor
    inputs: torch.Tensor
    provenance: Provenance
