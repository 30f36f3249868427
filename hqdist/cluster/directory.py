"""The directory of a pool: a Ray actor that keeps the workers alive and knows where they are."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hqdist.cluster.autoscale import Load, wanted_workers
from hqdist.cluster.plan import PoolPlan
from hqdist.cluster.ray_cluster import NAMESPACE
from hqdist.cluster.worker_actor import WorkerActor
from hqdist.errors import WorkerUnavailableError

#: Seconds between looks at the workers, and that a worker has to answer.
_LOOK, _ANSWER = 0.5, 5.0

#: Seconds that a worker has to finish before it is ended.
_DRAIN = 60.0

#: Seconds until another worker is made after one that could not start, at first and at most.
_PAUSE, _LONGEST_PAUSE = 0.5, 60.0

#: Of how many it is remembered why they could not start.
_FAILURES = 10


@dataclass
class _Member:
    """A worker of the pool.

    Attributes:
        name: Of its actor.
        actor: Its handle.
        told: What it last said of itself; None before it has, or when it is not there.
        busy_at: When it last had something to do, in monotonic seconds.
        leaving: Whether it is being let go.
    """

    name: str
    actor: Any
    told: dict[str, Any] | None = None
    busy_at: float = field(default_factory=time.monotonic)
    leaving: bool = False


def _state(member: _Member) -> str:
    if member.leaving:
        return "leaving"
    if member.told is None:
        return "starting"
    return "failing" if member.told["failing"] else "serving"


def directory_name(pool: str) -> str:
    """The name of a pool's directory among Ray's actors."""
    return f"pool:{pool}"


class Directory:
    """Keeps a pool as its plan says. Everything runs in the actor's event loop."""

    def __init__(self, plan: dict[str, Any], host: str) -> None:
        """Take up the workers that are there, and make those that are missing.

        Args:
            plan: The table of a `PoolPlan`.
            host: Address that workers listen on; empty for their node's.
        """
        self._plan = PoolPlan(**plan)
        self._host = host
        self._wanted = self._plan.workers
        self._members: dict[str, _Member] = {}
        self._number = 0
        self._failures: list[str] = []
        self._next_start = 0.0
        self._draining = False
        self._replacing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._start(self._keep())

    def endpoints(self) -> list[str]:
        """host:port of every worker that serves."""
        return [member.told["address"] for member in self._serving()]

    def failures(self) -> list[str]:
        """Why the latest workers could not start, of those since the last that did."""
        return self._failures

    async def status(self) -> dict[str, Any]:
        """The plan, how many workers are wanted, and what each says of itself now."""
        await self._ask_all()
        now = time.monotonic()
        return {
            "plan": self._plan.table(),
            "wanted": self._wanted,
            "draining": self._draining,
            "failures": self._failures,
            "workers": [
                {
                    "name": member.name,
                    "state": _state(member),
                    "idle_seconds": now - member.busy_at,
                    **(member.told or {}),
                }
                for member in self._members.values()
            ],
        }

    async def scale(self, workers: int) -> None:
        """Have so many workers from now on; bounds of autoscaling make room for them."""
        least, most = self._plan.least or 0, self._plan.most or 0
        bounds = (workers, workers) if least == most else (min(least, workers), max(most, workers))
        self._plan = replace(self._plan, workers=workers, least=bounds[0], most=bounds[1])
        self._wanted = workers
        await self._look()

    async def drain(self) -> None:
        """Have every worker finish what it has and take nothing new; return when all have."""
        self._draining = True
        await asyncio.gather(*(self._let_go(member) for member in list(self._members.values())))

    async def replace_all(self) -> None:
        """Put a new worker in the place of each, one after another; there are never fewer that serve."""
        async with self._replacing:
            for member in [member for member in self._members.values() if not member.leaving]:
                new = self._make()
                while new.told is None and new.name in self._members:
                    await self._ask(new)
                    await asyncio.sleep(0.05)
                if new.told is None:
                    raise WorkerUnavailableError(
                        f"a new worker could not start, and the others are left: {' '.join(self._failures[-1:])}"
                    )
                await self._let_go(member)

    def _serving(self) -> list[Any]:
        return [member for member in self._members.values() if member.told is not None and not member.leaving]

    async def _keep(self) -> None:
        import ray

        prefix = f"worker:{self._plan.name}:"
        for entry in ray.util.list_named_actors(all_namespaces=True):  # those of a directory before this one
            if entry["namespace"] == NAMESPACE and entry["name"].startswith(prefix):
                self._number = max(self._number, int(entry["name"].removeprefix(prefix)))
                with suppress(ValueError):  # it has ended meanwhile
                    actor = ray.get_actor(entry["name"], namespace=NAMESPACE)
                    self._members[entry["name"]] = _Member(entry["name"], actor)
        if self._members:
            self._wanted = min(max(len(self._members), self._plan.least or 0), self._plan.most or 0)
        while True:
            await self._look()
            await asyncio.sleep(_LOOK)

    async def _look(self) -> None:
        """Ask all workers, and make or let go as many as are missing or too many."""
        await self._ask_all()
        staying = [member for member in self._members.values() if not member.leaving]
        now = time.monotonic()
        loads = [Load(member.told["queued_rows"], now - member.busy_at) for member in self._serving()]
        if not self._draining:
            self._wanted = wanted_workers(self._plan, loads, self._wanted)
            for _ in range(self._wanted - len(staying) if now >= self._next_start else 0):
                self._make()
        excess = 0 if self._replacing.locked() else max(0, len(staying) - self._wanted)
        for member in sorted(staying, key=lambda member: member.told is not None)[:excess]:
            self._start(self._let_go(member))

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask(member) for member in list(self._members.values())))

    async def _ask(self, member: _Member) -> None:
        import ray

        try:
            told = await asyncio.wait_for(member.actor.describe.remote(), _ANSWER)
        except ray.exceptions.ActorUnavailableError:  # it is being restarted
            member.told = None
        except ray.exceptions.RayActorError as error:  # it is gone; should Ray restart it, another one is made instead
            if error.actor_init_failed:
                self._failed_to_start(str(error))
            self._end(member)
        except TimeoutError:
            member.told = None
        else:
            if member.told is None:
                self._failures.clear()
            member.told = told
            if told["queued"] or told["running"]:
                member.busy_at = time.monotonic()

    def _failed_to_start(self, traceback: str) -> None:
        self._failures = [*self._failures[1 - _FAILURES :], traceback.strip().splitlines()[-1]]
        self._next_start = time.monotonic() + min(_PAUSE * 2 ** len(self._failures), _LONGEST_PAUSE)

    def _make(self) -> _Member:
        import ray

        self._number += 1
        name, plan = f"worker:{self._plan.name}:{self._number}", self._plan
        actor = (
            ray.remote(WorkerActor)
            .options(
                name=name,
                namespace=NAMESPACE,
                lifetime="detached",
                max_restarts=-1,
                max_task_retries=0,
                max_concurrency=4,
                num_cpus=plan.cpus,
                num_gpus=plan.gpus,
                resources=dict(plan.resources) or None,
            )
            .remote(plan.table(), self._host)
        )
        member = self._members[name] = _Member(name, actor)
        return member

    async def _let_go(self, member: _Member) -> None:
        import ray

        if member.leaving:
            return
        member.leaving = True
        with suppress(TimeoutError, ray.exceptions.RayActorError):  # it ends now, whatever it has
            await asyncio.wait_for(member.actor.drain.remote(), _DRAIN)
        self._end(member)

    def _end(self, member: _Member) -> None:
        import ray

        ray.kill(member.actor)
        self._members.pop(member.name, None)

    def _start(self, work: Any) -> None:
        task = asyncio.get_event_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
