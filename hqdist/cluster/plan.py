"""What a pool is: which backend, how many workers, on what resources; as plain data that travels and is kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hqdist.errors import ConfigurationError
from hqdist.execution.options import as_value
from hqdist.program.checks import real, whole
from hqdist.rpc import QueueLimits, Security

#: Most workers of a pool; one directory looks after them.
_MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """What a pool is.

    Attributes:
        name: Its name; the backend ``ray://name`` finds it by that.
        backend: Who evaluates at each worker: a table with its name and options.
        workers: How many workers to begin with.
        least: Fewest workers that autoscaling leaves; None for as many as `workers`.
        most: Most workers that autoscaling makes; None for as many as `workers`.
        cpus: CPUs of each worker, and threads that it computes with.
        gpus: GPUs of each worker.
        resources: What else each worker takes of its node, such as ``{"qpu": 1}``.
        host: Address that workers listen on; None for this machine's own on a cluster of one node, else the node's.
        queue: See `QueueLimits`, or a table of it.
        security: See `Security`, or a table of it; files are those of the workers' nodes.
        metrics: Whether each worker serves metrics for Prometheus, at an address that the pool's status tells.
        log_level: What workers log, as `hqdist worker` has it; it goes to their Ray log files.
        log_format: How: "text" or "json".
        scale_up_rows: Rows waiting for each worker above which another worker is made.
        idle_seconds: Seconds without work after which a worker more than the least is let go.

    Raises:
        ConfigurationError: If a figure does not fit.
    """

    name: str
    backend: Mapping[str, Any] = field(default_factory=lambda: {"name": "exact"})
    workers: int = 1
    least: int | None = None
    most: int | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)
    host: str | None = None
    queue: QueueLimits = field(default_factory=QueueLimits)
    security: Security = field(default_factory=Security)
    metrics: bool = False
    log_level: str = "info"
    log_format: str = "text"
    scale_up_rows: int = 1000
    idle_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(f"a pool's name has letters, digits, '-' and '_' only, got {self.name!r}")
        if not isinstance(self.backend, Mapping) or not isinstance(self.backend.get("name"), str):
            raise ConfigurationError('a pool\'s backend is a table with its name, such as {"name": "exact"}')
        workers = whole(self.workers, "workers", least=1, most=_MOST, error=ConfigurationError)
        given = (workers if bound is None else bound for bound in (self.least, self.most))
        least, most = (
            whole(bound, "a bound of workers", least=0, most=_MOST, error=ConfigurationError) for bound in given
        )
        object.__setattr__(self, "least", least)
        object.__setattr__(self, "most", most)
        if not least <= workers <= most:
            raise ConfigurationError(f"{workers} workers are not between the least ({least}) and the most ({most})")
        for name, value in (("cpus", self.cpus), ("gpus", self.gpus), *self.resources.items()):
            if real(value, name, error=ConfigurationError) < 0:
                raise ConfigurationError(f"{name} of a worker are not negative, got {value}")
        object.__setattr__(self, "queue", as_value(QueueLimits, self.queue, "queue"))
        object.__setattr__(self, "security", as_value(Security, self.security, "security"))

    def table(self) -> dict[str, Any]:
        """The plan as plain data, from which it can be made again."""
        return asdict(self)
