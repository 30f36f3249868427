"""A worker: serves any backend over gRPC."""

from hqdist.rpc.worker.background import BackgroundWorker
from hqdist.rpc.worker.logs import log_to_stderr
from hqdist.rpc.worker.memory import keep_freed_memory
from hqdist.rpc.worker.schedule import QueueLimits
from hqdist.rpc.worker.server import Worker
from hqdist.rpc.worker.settings import Limits, Security, WorkerSettings

__all__ = [
    "BackgroundWorker",
    "Limits",
    "QueueLimits",
    "Security",
    "Worker",
    "WorkerSettings",
    "keep_freed_memory",
    "log_to_stderr",
]
