"""Pools of workers on a Ray cluster: start one, find one, look at it, change it, end it."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from hqdist.cluster.directory import Directory, directory_name
from hqdist.cluster.plan import PoolPlan
from hqdist.cluster.ray_cluster import NAMESPACE, connect
from hqdist.errors import ConfigurationError, WorkerUnavailableError
from hqdist.rpc import WorkerSettings

#: Workers in a row that could not start, after which nobody waits for another one.
_STARTS = 2


@dataclass(frozen=True)
class Pool:
    """A pool that runs on the cluster, whoever started it.

    Attributes:
        name: Its name.
    """

    name: str

    @classmethod
    def start(cls, plan: PoolPlan, *, timeout: float = 120.0) -> Self:
        """Start a pool, and wait until its workers serve. A Ray cluster on this machine is started if there is none.

        Args:
            plan: What it is.
            timeout: Seconds to wait.

        Raises:
            ConfigurationError: If there is one of this name, or workers may not listen where they would.
            WorkerUnavailableError: If the workers do not serve in time; nothing is left of the pool.
        """
        ray = connect(start=True)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        host = plan.host if plan.host is not None else "127.0.0.1" if len(nodes) == 1 else ""
        WorkerSettings(host=host or nodes[0]["NodeManagerAddress"], security=plan.security)  # may it listen there?
        try:
            ray.remote(Directory).options(
                name=directory_name(plan.name),
                namespace=NAMESPACE,
                lifetime="detached",
                max_restarts=-1,
                max_task_retries=3,
                max_concurrency=1000,
                num_cpus=0,
            ).remote(plan.table(), host)
        except ValueError as error:
            raise ConfigurationError(f"there is a pool {plan.name!r} already; stop it first, or scale it") from error
        pool = cls(plan.name)
        try:
            pool.wait(plan.workers, timeout)
        except WorkerUnavailableError:
            pool.stop()
            raise
        return pool

    @classmethod
    def find(cls, name: str) -> Self:
        """The pool of a name.

        Raises:
            ConfigurationError: If there is none, or no cluster.
        """
        pool = cls(name)
        pool._directory()
        return pool

    @classmethod
    def all(cls) -> tuple[Self, ...]:
        """Every pool on the cluster."""
        ray = connect()
        prefix = directory_name("")
        names = [
            entry["name"].removeprefix(prefix)
            for entry in ray.util.list_named_actors(all_namespaces=True)
            if entry["namespace"] == NAMESPACE and entry["name"].startswith(prefix)
        ]
        return tuple(cls(name) for name in sorted(names))

    def wait(self, workers: int, timeout: float) -> None:
        """Wait until so many workers serve.

        Raises:
            WorkerUnavailableError: If they do not in time, or cannot start.
        """
        deadline = time.monotonic() + timeout
        while len(found := self.endpoints()) < workers:
            failures = self._ask("failures")
            if len(failures) >= _STARTS:
                raise WorkerUnavailableError(f"workers of the pool {self.name!r} cannot start: {failures[-1]}")
            if time.monotonic() > deadline:
                raise WorkerUnavailableError(
                    f"{len(found)} of {workers} workers of the pool {self.name!r} serve after {timeout:g} s; does the "
                    "cluster have the resources? (ray status)"
                )
            time.sleep(0.1)

    def endpoints(self, timeout: float = 30.0) -> tuple[str, ...]:
        """host:port of every worker that serves."""
        return tuple(self._ask("endpoints", timeout=timeout))

    def status(self) -> dict[str, Any]:
        """The plan, how many workers are wanted, and what each has to do."""
        found: dict[str, Any] = self._ask("status")
        return found

    def scale(self, workers: int) -> None:
        """Have so many workers from now on."""
        PoolPlan(name=self.name, workers=workers)  # a number that can be
        self._ask("scale", workers)

    def replace(self) -> None:
        """Put a new worker in the place of each, one after another, while the pool serves.

        Raises:
            WorkerUnavailableError: If a new one cannot start; those that have not been replaced stay.
        """
        self._ask("replace_all", timeout=None)

    def drain(self) -> None:
        """Have the workers finish what they have and end; the pool takes nothing new."""
        self._ask("drain", timeout=None)

    def stop(self) -> None:
        """End the workers and the pool, whatever they have to do; `drain` first lets them finish."""
        ray = connect()
        prefix = f"worker:{self.name}:"
        ray.kill(self._directory())
        for entry in ray.util.list_named_actors(all_namespaces=True):
            if entry["namespace"] == NAMESPACE and entry["name"].startswith(prefix):
                with suppress(ValueError):  # it has ended meanwhile
                    ray.kill(ray.get_actor(entry["name"], namespace=NAMESPACE))

    def _ask(self, what: str, *arguments: object, timeout: float | None = 30.0) -> Any:
        ray = connect()
        try:
            return ray.get(getattr(self._directory(), what).remote(*arguments), timeout=timeout)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except (ray.exceptions.GetTimeoutError, ray.exceptions.RayActorError) as error:
            raise WorkerUnavailableError(f"the pool {self.name!r} does not answer: {error}") from error

    def _directory(self) -> Any:
        ray = connect()
        try:
            return ray.get_actor(directory_name(self.name), namespace=NAMESPACE)
        except ValueError as error:
            known = ", ".join(pool.name for pool in Pool.all()) or "none"
            raise ConfigurationError(
                f"there is no pool {self.name!r} on this cluster (there: {known}); hqdist pool start {self.name}"
            ) from error
