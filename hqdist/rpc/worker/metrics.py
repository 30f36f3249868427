"""What a worker has done, and what waits, for Prometheus to collect."""

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from hqdist.errors import ConfigurationError, MissingDependencyError
from hqdist.rpc.worker.schedule import Schedule
from hqdist.rpc.worker.statistics import Distribution, Statistics

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class MetricsServer:
    """Serves the metrics of one worker over HTTP, in a thread."""

    def __init__(
        self,
        statistics: Statistics,
        schedule: Schedule,
        budget_left: Callable[[], Mapping[str, float]],
        labels: Mapping[str, str],
        address: tuple[str, int],
    ) -> None:
        """Listen.

        Args:
            statistics: What the worker has done.
            schedule: What waits.
            budget_left: What may still be spent, by unit.
            labels: Of every metric.
            address: Host and port; port 0 lets the system choose.

        Raises:
            MissingDependencyError: If `prometheus_client` is not installed.
            ConfigurationError: If it cannot listen there.
        """
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError as error:
            raise MissingDependencyError(
                f'metrics need a package that is not installed: {error}; pip install "hqdist[metrics]"'
            ) from error
        registry = CollectorRegistry()
        registry.register(_Collector(statistics, schedule, budget_left, labels))
        host, port = address
        try:
            self._server, self._thread = start_http_server(port, host.strip("[]"), registry)
        except OSError as error:
            raise ConfigurationError(f"cannot serve metrics on {host}:{port}: {error}") from error
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Collector:
    """Reads the figures when it is asked; keeps none."""

    def __init__(
        self,
        statistics: Statistics,
        schedule: Schedule,
        budget_left: Callable[[], Mapping[str, float]],
        labels: Mapping[str, str],
    ) -> None:
        self._statistics, self._schedule, self._budget_left = statistics, schedule, budget_left
        self._labels, self._values = list(labels), list(labels.values())

    def collect(self) -> Iterator["Metric"]:
        """See `prometheus_client.registry.Collector`."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        did, now = self._statistics, self._schedule
        for name, text, value in (
            ("queue_requests", "Requests that wait", now.queued),
            ("queue_rows", "Rows that wait", now.queued_rows),
            ("running_requests", "Requests that are computed", now.running),
        ):
            yield self._one(GaugeMetricFamily, name, text, value)
        counters: tuple[tuple[str, str, float], ...] = (
            ("requests_completed", "Requests that were answered", did.completed),
            ("requests_refused", "Requests that found the queue full", did.refused),
            ("requests_abandoned", "Requests that their callers gave up", did.abandoned),
            ("rows", "Rows of answered requests", did.rows),
            ("shots", "Shots that were spent", did.shots),
            ("credits", "Credits that were spent", did.credits),
        )
        for name, text, amount in counters:
            yield self._one(CounterMetricFamily, name, text, amount)
        failures = CounterMetricFamily(
            "hqdist_requests_failed", "Requests that failed, by reason", labels=[*self._labels, "reason"]
        )
        for reason, count in did.failed.copy().items():
            failures.add_metric([*self._values, reason], count)
        yield failures
        left = GaugeMetricFamily("hqdist_budget_left", "What may still be spent", labels=[*self._labels, "unit"])
        for unit, amount in self._budget_left().items():
            left.add_metric([*self._values, unit], amount)
        yield left
        yield self._distribution("queue_seconds", "What a request waited", did.queue_seconds)
        yield self._distribution("compute_seconds", "What a batch took", did.compute_seconds)
        yield self._distribution("batch_rows", "Rows computed together", did.batch_rows)
        yield self._distribution("batch_requests", "Requests computed together", did.batch_requests)

    def _one(self, kind: Any, name: str, text: str, value: float) -> "Metric":
        metric = kind(f"hqdist_{name}", text, labels=self._labels)
        metric.add_metric(self._values, value)
        return metric  # type: ignore[no-any-return]

    def _distribution(self, name: str, text: str, found: Distribution) -> "Metric":
        from prometheus_client.core import HistogramMetricFamily

        bounds = [*(str(float(bound)) for bound in found.bounds), "+Inf"]
        metric = HistogramMetricFamily(f"hqdist_{name}", text, labels=self._labels)
        buckets = list(zip(bounds, map(float, accumulate(found.counts)), strict=True))
        metric.add_metric(self._values, buckets, found.total)
        return metric
