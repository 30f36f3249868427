"""A worker in a thread of this process: for notebooks, tests, and whatever has a loop of its own elsewhere."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from hqdist.execution import Backend
from hqdist.rpc.worker.server import Worker
from hqdist.rpc.worker.settings import WorkerSettings


class BackgroundWorker:
    """A worker that serves while the context lasts, then drains.

    ```python
    with BackgroundWorker(hq.backend("exact")) as worker:
        hq.backend(worker.uri)
    ```

    Attributes:
        worker: The worker.
    """

    def __init__(self, backend: Backend, settings: WorkerSettings | None = None) -> None:
        """Prepare; see `Worker`."""
        self.worker = Worker(backend, settings)
        self._host = (settings or WorkerSettings()).host
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hqdist-worker", daemon=True)

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self._host}:{self.worker.port}"

    @property
    def uri(self) -> str:
        """For `hqdist.backend`."""
        return f"grpc://{self.address}"

    @property
    def metrics(self) -> str | None:
        """Where Prometheus finds its metrics; None if it serves none."""
        port = self.worker.metrics_port
        return None if port is None else f"http://{self._host}:{port}/metrics"

    def load(self) -> dict[str, int]:
        """What waits and what runs."""
        return self.worker.load()

    def drain(self) -> None:
        """Take nothing new, and wait until what is there is done."""
        self._wait(self.worker.drain)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait(self.worker.start)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drain()
        self._wait(self.worker.stop)
        self._end()

    def _wait(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(what(), self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
