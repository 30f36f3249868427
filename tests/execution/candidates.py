"""Candidates for a router: simulators that fail, wait or refuse when they are told to."""

import threading
from collections import deque
from dataclasses import dataclass, field, replace

import torch
from hqdist_exact import ExactBackend
from hqdist_sampling import SamplingBackend

from hqdist import Backend, Capabilities, Experiment, Job, Noise, PlatformUnavailableError, Price, Provenance, Request


@dataclass(frozen=True, eq=False, kw_only=True)
class Device(Backend):
    """Evaluates with the exact and the sampling backend, and is what its fields say."""

    name: str = "device"
    exact: bool = True
    sampled: bool = True
    adjoint: bool = True
    noise: Noise | None = None
    price: Price | None = None
    max_batch: int | None = None
    max_modes: int | None = None
    #: Raised by the next calls, one each; None for a call that goes well.
    errors: deque = field(default_factory=deque)
    #: Raised by every question after the capabilities, while it is in there.
    offline: deque = field(default_factory=deque)
    unready: list = field(default_factory=list)
    #: Calls wait for it.
    gate: threading.Event = field(default_factory=threading.Event)
    #: A permit for each call that has begun.
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    asked: list[tuple[str, Request]] = field(default_factory=list)
    #: The threads they came in.
    threads: list[threading.Thread] = field(default_factory=list)
    #: A permit for each job that was cancelled.
    cancelled: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self):
        self.gate.set()

    @property
    def capabilities(self):
        if self.offline:
            raise self.offline[0]
        return Capabilities(
            exact=self.exact,
            sampled=self.sampled,
            adjoint=self.adjoint,
            noise=self.noise,
            price=self.price,
            max_batch=self.max_batch,
            max_modes=self.max_modes,
        )

    def not_ready(self):
        return self.unready[0] if self.unready else None

    def evaluate(self, request):
        self._begin("evaluate", request)
        simulator = ExactBackend(self.noise) if request.shots is None else SamplingBackend(noise=self.noise)
        return self._signed(simulator.evaluate(request))

    def vjp(self, request, cotangent):
        self._begin("vjp", request)
        return self._signed(ExactBackend(self.noise).vjp(request, cotangent))

    def evaluate_with_vjp(self, request):
        self._begin("evaluate_with_vjp", request)
        result, pull = ExactBackend(self.noise).evaluate_with_vjp(request)

        def pull_back(cotangent):
            self._begin("pull back", request)
            return self._signed(pull(cotangent))

        return self._signed(result), pull_back

    def submit(self, request):
        return Job(lambda: self.evaluate(request), on_cancel=self.cancelled.release)

    @property
    def calls(self) -> list[str]:
        return [what for what, _ in self.asked]

    def _begin(self, what, request):
        self.check(request)
        self.asked.append((what, request))
        self.threads.append(threading.current_thread())
        self.begun.release()
        assert self.gate.wait(60)
        error = self.errors.popleft() if self.errors else None
        if error is not None:
            raise error

    def _signed(self, answer):
        came = answer.provenance
        return replace(
            answer, provenance=Provenance(backend=self.name, shots=came.shots, seed=came.seed, credits=came.credits)
        )


def down(times: int = 1) -> deque:
    return deque(PlatformUnavailableError("in maintenance") for _ in range(times))


PROGRAM = Experiment(n_modes=4, n_photons=2).program(2)


def request(batch: int = 3, **options) -> Request:
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(len(PROGRAM.weights), generator=generator, dtype=torch.float64)
    inputs = torch.rand(batch, 2, generator=generator, dtype=torch.float64)
    return Request(program=PROGRAM, weights=weights, inputs=inputs, **options)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
