"""The evaluations that belong together."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch

from hqdist.errors import CapabilityError
from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.job import Job
from hqdist.execution.request import Request
from hqdist.execution.result import Cotangents, Result
from hqdist.execution.routing.candidates import Candidates
from hqdist.execution.routing.decision import Option
from hqdist.execution.routing.dispatch import Dispatch, routed
from hqdist.execution.routing.failover import FAILS_OVER
from hqdist.execution.routing.race import Jobs


class Call(Backend):
    """A router for evaluations whose values must fit together: those of one call of a layer, forward and backward.

    Who answers first decides: what follows goes to the same candidate, and, where that one is not available any more,
    only to candidates that declare the same noise.
    """

    name: ClassVar[str] = "router"

    def __init__(self, candidates: Candidates, *, hedge_after: float | None, shots: int | None) -> None:
        """Begin a call.

        Args:
            candidates: Who may answer.
            hedge_after: Seconds after which a second one may be asked as well; None for never.
            shots: Shots for each sample where a layer names none.
        """
        self.shots = shots
        self._candidates = candidates
        self._dispatch = Dispatch(candidates, hedge_after)

    @property
    def capabilities(self) -> Capabilities:
        """Those of who answered first; before, those of all together."""
        first = self._dispatch.first
        return self._candidates.together() if first is None or first.capabilities is None else first.capabilities

    def check(self, request: Request) -> None:
        """See `Backend.check`; candidates that cannot tell now what they can do are no reason to refuse."""
        self._candidates.takers(request, first=self._dispatch.first)

    def violations(self, request: Request) -> list[str]:
        """Every reason of every candidate, if none takes the request."""
        try:
            self.check(request)
        except CapabilityError as error:
            return list(error.violations)
        return []

    def evaluate(self, request: Request) -> Result:
        """Evaluate at the first candidate that answers."""
        return self._evaluate(request, None)

    def submit(self, request: Request) -> Job:
        """Start evaluating at once; cancelling cancels the job of whichever candidate works on it."""
        self.check(request)
        kept = replace(request, weights=request.weights.clone(), inputs=request.inputs.clone())
        jobs = Jobs()
        return Job(lambda: self._evaluate(kept, jobs), on_cancel=jobs.cancel)

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product, from a candidate that offers adjoint gradients."""
        if not self._candidates.together().adjoint:
            return super().vjp(request, cotangent)
        answer, _ = self._dispatch.answer(
            request, lambda option, _: option.backend.vjp(request, cotangent), adjoint=True
        )
        return answer

    def evaluate_with_vjp(self, request: Request) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate at a candidate that offers adjoint gradients, which keeps what it needs for them.

        Where it is not available any more when they are asked for, another one with the same noise gives them.
        """
        if not self._candidates.together().adjoint:
            return super().evaluate_with_vjp(request)
        dispatch, health = self._dispatch, self._candidates.health
        pulls: dict[int, Callable[[torch.Tensor], Cotangents]] = {}

        def ask(option: Option, _: Jobs | None) -> Result:
            result, pulls[option.place] = option.backend.evaluate_with_vjp(request)
            return result

        result, answered = dispatch.answer(request, ask, adjoint=True, measure=True)
        pull, generation = pulls[answered.place], health.generation(answered.place)

        def pull_back(cotangent: torch.Tensor) -> Cotangents:
            try:
                return routed(pull(cotangent), [f"{answered.label}: answered, as before"])
            except FAILS_OVER as error:
                failure = dispatch.failed(answered, generation, error)
            # what was drawn for the values is drawn again
            seeded = request if request.seed is not None else replace(request, seed=result.provenance.seed)
            derivatives, _ = dispatch.answer(
                seeded, lambda option, _: option.backend.vjp(seeded, cotangent), adjoint=True, failure=failure
            )
            return derivatives

        return result, pull_back

    def _evaluate(self, request: Request, jobs: Jobs | None) -> Result:
        def ask(option: Option, jobs: Jobs | None) -> Result:
            return option.backend.evaluate(request) if jobs is None else jobs.wait_for(option.backend.submit(request))

        answer, _ = self._dispatch.answer(request, ask, measure=True, jobs=jobs)
        return answer
