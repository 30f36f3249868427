"""Evaluation elsewhere, over gRPC: workers that serve a backend, and the backend that asks them."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # what fails is raised; read when gRPC is first used

from hqdist.rpc.client import RemoteBackend
from hqdist.rpc.worker import (
    BackgroundWorker,
    Limits,
    QueueLimits,
    Security,
    Worker,
    WorkerSettings,
    keep_freed_memory,
    log_to_stderr,
)

__all__ = [
    "BackgroundWorker",
    "Limits",
    "QueueLimits",
    "RemoteBackend",
    "Security",
    "Worker",
    "WorkerSettings",
    "keep_freed_memory",
    "log_to_stderr",
]
