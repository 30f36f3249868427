"""A worker in a Ray actor."""

import os
from typing import Any

from hqdist.cluster.plan import PoolPlan
from hqdist.execution import backend
from hqdist.rpc import BackgroundWorker, WorkerSettings, keep_freed_memory, log_to_stderr


class WorkerActor:
    """Hosts a worker; when Ray restarts it, on this node or another, it serves again at an address of its own.

    Ray makes it from plain data; nothing else of ours is pickled.
    """

    def __init__(self, plan: dict[str, Any], host: str) -> None:
        """Serve.

        Args:
            plan: The table of a `PoolPlan`.
            host: Address to listen on; empty for the node's own.
        """
        import ray
        import torch

        made = PoolPlan(**plan)
        torch.set_num_threads(max(1, int(made.cpus)))
        own = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        log_to_stderr(made.log_level, made.log_format)
        keep_freed_memory()
        settings = WorkerSettings(
            host=host or own,
            queue=made.queue,
            security=made.security,
            metrics_port=0 if made.metrics else None,
        )
        self._worker = BackgroundWorker(backend(dict(made.backend)), settings)
        self._worker.__enter__()

    def describe(self) -> dict[str, Any]:
        """Where it serves, and what it has to do."""
        return {
            "address": self._worker.address,
            "worker": self._worker.worker.name,
            "metrics": self._worker.metrics,
            "process": os.getpid(),
            "failing": self._worker.worker.failing,
            **self._worker.load(),
        }

    def drain(self) -> None:
        """Take nothing new, and return when everything is done."""
        self._worker.drain()
