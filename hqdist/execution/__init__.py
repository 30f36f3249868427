"""Who evaluates: the backend interface, what travels through it, and backends by name."""

from hqdist.execution.backend import Backend
from hqdist.execution.budget import Budget, Spending
from hqdist.execution.capabilities import Capabilities, Price
from hqdist.execution.counts import Counts, read_counts
from hqdist.execution.entry import Entry, EntryState
from hqdist.execution.job import Job, JobStatus
from hqdist.execution.ledger import Claim, Ledger, default_ledger_path
from hqdist.execution.noise import Detectors, Noise
from hqdist.execution.record import ProvenanceRecord, record_provenance
from hqdist.execution.registry import (
    BackendLike,
    available_backends,
    backend,
    backend_class,
    current_backend,
    default_backend,
)
from hqdist.execution.request import Request
from hqdist.execution.result import Cotangents, Provenance, Result
from hqdist.execution.routing import Router

__all__ = [
    "Backend",
    "BackendLike",
    "Budget",
    "Capabilities",
    "Claim",
    "Cotangents",
    "Counts",
    "Detectors",
    "Entry",
    "EntryState",
    "Job",
    "JobStatus",
    "Ledger",
    "Noise",
    "Price",
    "Provenance",
    "ProvenanceRecord",
    "Request",
    "Result",
    "Router",
    "Spending",
    "available_backends",
    "backend",
    "backend_class",
    "current_backend",
    "default_backend",
    "default_ledger_path",
    "read_counts",
    "record_provenance",
]
