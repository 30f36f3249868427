"""Evaluation elsewhere, over gRPC: workers that serve a backend, and the backend that asks them."""

from hqdist.rpc.client import RemoteBackend
from hqdist.rpc.worker import BackgroundWorker, Limits, QueueLimits, Security, Worker, WorkerSettings

__all__ = ["BackgroundWorker", "Limits", "QueueLimits", "RemoteBackend", "Security", "Worker", "WorkerSettings"]
