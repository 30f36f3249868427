"""Who evaluates: the backend interface, what travels through it, and backends by name."""

from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities, Price
from hqdist.execution.job import Job, JobStatus
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

__all__ = [
    "Backend",
    "BackendLike",
    "Capabilities",
    "Cotangents",
    "Detectors",
    "Job",
    "JobStatus",
    "Noise",
    "Price",
    "Provenance",
    "ProvenanceRecord",
    "Request",
    "Result",
    "available_backends",
    "backend",
    "backend_class",
    "current_backend",
    "default_backend",
    "record_provenance",
]
