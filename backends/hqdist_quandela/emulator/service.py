"""The emulated service: jobs, their queue, the platforms' workers, tokens and credits. It knows no HTTP."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from hqdist_quandela.emulator.faults import FaultPlan
from hqdist_quandela.emulator.job import EmulatedJob, Fate
from hqdist_quandela.emulator.payload import Task
from hqdist_quandela.emulator.platform import Platform
from hqdist_quandela.emulator.refusal import CallRefusedError, JobFailedError
from hqdist_quandela.emulator.simulation import Simulation
from hqdist_quandela.emulator.statistics import Statistics


class Service:
    """Everything behind the HTTP calls. One condition guards all state and tells of every change."""

    def __init__(
        self,
        platforms: Sequence[Platform],
        tokens: Sequence[str],
        plan: FaultPlan,
        credits: float | None,  # noqa: A002 - the field's word
        seed: int | None,
    ) -> None:
        self._platforms = {platform.name: platform for platform in platforms}
        self._details: dict[str, dict[str, Any]] = {}
        self._tokens = frozenset(tokens)
        self._plan = plan
        self._credits = credits
        self._seed = seed
        self._changed = threading.Condition()  # reentrant
        self._jobs: dict[str, EmulatedJob] = {}
        self._queues: dict[str, deque[EmulatedJob]] = {platform.name: deque() for platform in platforms}
        self._requests: Counter[str] = Counter()
        self._held_after: int | None = None
        self._stopping = False
        self._workers: list[threading.Thread] = []

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What it offers."""
        return tuple(self._platforms.values())

    def start(self) -> None:
        """Start the platforms' workers."""
        for platform in self._platforms.values():
            for number in range(platform.parallel_jobs):
                worker = threading.Thread(target=self._work, args=(platform,), name=f"{platform.name} #{number}")
                self._workers.append(worker)
                worker.start()

    def stop(self) -> None:
        """End the workers; what has not run will not run. Jobs in the middle of an iteration finish it first."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()
        self._workers.clear()

    def hold(self, after_iterations: int) -> None:
        """Let every job wait once it has computed this many iterations, until `release`."""
        with self._changed:
            self._held_after = after_iterations

    def release(self) -> None:
        """Let held jobs go on."""
        with self._changed:
            self._held_after = None
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[Statistics], bool], timeout: float) -> bool:
        """Wait until the statistics fulfil a condition; False if they have not within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self.statistics()), timeout)

    def statistics(self) -> Statistics:
        """What was counted so far."""
        with self._changed:
            return Statistics(jobs=tuple(job.record() for job in self._jobs.values()), requests=dict(self._requests))

    def count(self, call: str) -> None:
        """Count a call."""
        with self._changed:
            self._requests[call] += 1
            self._changed.notify_all()

    def check_token(self, token: str) -> None:
        """Refuse a token that is not known."""
        if token not in self._tokens:
            raise CallRefusedError(401, "Invalid token")

    def platform_details(self, name: str) -> dict[str, Any]:
        """What a platform says of itself."""
        platform = self._platform(name)
        with self._changed:
            if name not in self._details:  # describing a chip takes a while, and many are never asked for
                self._details[name] = platform.details()
            return self._details[name]

    def create(self, token: str, body: object) -> str:
        """Accept a job; its id."""
        if not isinstance(body, dict):
            raise CallRefusedError(400, "The body is not an object")
        platform = self._platform(str(body.get("platform_name")))
        if not platform.accepting or self._plan.strike("not_accepting"):
            raise CallRefusedError(400, f"Platform {platform.name} is in maintenance and does not accept jobs")
        task = Task.read(body.get("payload"), platform)
        with self._changed:
            self._check_credits(platform)
            busy = sum(job.token == token and job.platform is platform and not job.over for job in self._jobs.values())
            if busy >= platform.max_jobs_in_queue or self._plan.strike("queue_full"):
                raise CallRefusedError(400, f"Cannot create more than {platform.max_jobs_in_queue} jobs")
            job = EmulatedJob(
                index=len(self._jobs),
                token=token,
                name=str(body.get("job_name", "")),
                platform=platform,
                task=task,
                body=body,
                fate=Fate(
                    failing=self._plan.strike("failing_jobs"),
                    truncated=self._plan.strike("truncated_jobs"),
                    incomplete=self._plan.strike("incomplete_jobs"),
                ),
            )
            self._jobs[job.id] = job
            self._queues[platform.name].append(job)
            self._changed.notify_all()
            return job.id

    def rerun(self, token: str, job_id: str) -> str:
        """Create a failed job once more; the new id."""
        with self._changed:
            job = self._job(token, job_id)
            if job.status not in ("error", "canceled"):
                raise CallRefusedError(400, f"Job {job_id} is {job.status}; only failed and canceled jobs can be rerun")
        return self.create(token, job.body)

    def cancel(self, token: str, job_id: str) -> None:
        """Cancel a job that waits or runs."""
        with self._changed:
            job = self._job(token, job_id)
            if job.over:
                raise CallRefusedError(400, f"Job {job_id} is {job.status} and cannot be canceled")
            if job.status == "waiting":
                self._queues[job.platform.name].remove(job)
                job.end("canceled", "Canceled by the user")
            else:
                job.status = "cancel_requested"
            self._changed.notify_all()

    def status(self, token: str, job_id: str) -> dict[str, Any]:
        """How a job is getting on."""
        with self._changed:
            return self._job(token, job_id).status_body()

    def results(self, token: str, job_id: str) -> dict[str, Any]:
        """What a job has given so far: null until it is over."""
        with self._changed:
            return {"job_id": job_id, "results": self._job(token, job_id).outcome}

    def jobs(self, token: str) -> list[dict[str, Any]]:
        """The token's jobs, oldest first."""
        with self._changed:
            return [job.listing() for job in self._jobs.values() if job.token == token]

    def availability(self, token: str) -> dict[str, int]:
        """The queue of the platform on which the token has the fewest places left."""
        with self._changed:
            busy = Counter(job.platform.name for job in self._jobs.values() if job.token == token and not job.over)
        fullest = min(self._platforms.values(), key=lambda platform: platform.max_jobs_in_queue - busy[platform.name])
        return {"max_jobs_in_queue": fullest.max_jobs_in_queue, "num_jobs_in_queue": busy[fullest.name]}

    def _platform(self, name: str) -> Platform:
        if name not in self._platforms:
            raise CallRefusedError(404, f"Unknown platform {name!r}")
        return self._platforms[name]

    def _job(self, token: str, job_id: str) -> EmulatedJob:
        job = self._jobs.get(job_id)
        if job is None or job.token != token:
            raise CallRefusedError(404, f"Unknown job {job_id!r}")
        return job

    def _check_credits(self, platform: Platform) -> None:
        left = None if self._credits is None else self._credits - sum(job.credits for job in self._jobs.values())
        free = not (platform.credits_per_job or platform.credits_per_shot)
        if self._plan.strike("no_credits") or (left is not None and not free and left <= 0):
            raise CallRefusedError(401, "Not enough credits")

    def _work(self, platform: Platform) -> None:
        queue = self._queues[platform.name]
        while True:
            with self._changed:
                self._changed.wait_for(lambda: queue or self._stopping)
                if self._stopping:
                    return
                job = queue.popleft()
                job.start()
                self._changed.notify_all()
            self._run(job)

    def _run(self, job: EmulatedJob) -> None:
        ending = self._interrupted(job, job.platform.latency)
        try:
            if ending is None and job.fate.failing is not None:
                ending = ("error", job.fate.failing.failure_message)
            if ending is None:
                ending = self._compute(job)
        except JobFailedError as error:
            ending = ("error", str(error))
        except Exception as error:  # whatever Perceval raises fails the job, not the service
            ending = ("error", f"{type(error).__name__}: {error}")
        with self._changed:
            job.end(*ending)
            self._changed.notify_all()

    def _compute(self, job: EmulatedJob) -> tuple[str, str]:
        rows = Simulation(job.task, job.platform, None if self._seed is None else (self._seed, job.index)).rows()
        keep = job.iterations if job.fate.truncated is None else job.fate.truncated.truncated_rows
        while len(job.rows) < job.iterations:
            if ending := self._interrupted(job):
                return ending
            if len(job.rows) >= keep:
                return "canceled", "The job has used up its time"
            row, shots = next(rows)
            with self._changed:
                job.add(row, shots)
                self._changed.notify_all()
        return self._interrupted(job) or ("completed", "")

    def _interrupted(self, job: EmulatedJob, delay: float = 0.0) -> tuple[str, str] | None:
        """How a job ends if it must end here; waits for `delay` seconds and for as long as the service is held."""
        with self._changed:

            def stopped() -> bool:
                return self._stopping or job.status == "cancel_requested"

            if delay:
                self._changed.wait_for(stopped, delay)
            self._changed.wait_for(lambda: stopped() or self._held_after is None or len(job.rows) < self._held_after)
            if job.status == "cancel_requested":
                return "canceled", "Canceled by the user"
            return ("canceled", "The service has stopped") if self._stopping else None
