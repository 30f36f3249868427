"""One call of a quantum layer: what it remembers between its values and their derivatives."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch.autograd.graph import saved_tensors_hooks

from hqdist.errors import BackendError
from hqdist.execution import Cotangents, Provenance
from hqdist.execution.record import open_records
from hqdist.execution.request_id import new_request_id, request_id
from hqdist.gradient.estimate import estimate_request, estimates_wanted
from hqdist.gradient.method import GradientMethod, Wanted
from hqdist.gradient.replay import next_entry

if TYPE_CHECKING:
    from hqdist.gradient.evaluation import Evaluation


class Call:
    """One call of an evaluation: remembers, between forward and backward, how to pull a cotangent back.

    It is made in the caller's thread, where the records, the tape and the random state are; it may evaluate in another.
    """

    def __init__(
        self, evaluation: "Evaluation", method: GradientMethod | None, wanted: Wanted, seed: int | None
    ) -> None:
        self.evaluation = evaluation
        self.backend = evaluation.backend.for_one_call()
        self.method = method
        self.wanted = wanted
        self.seed = seed
        self.pull: Callable[[torch.Tensor], Cotangents] | None = None
        self.records = open_records()
        self.request_id = new_request_id()
        self.entry = None if estimates_wanted() is not None else next_entry()

    def evaluate(self, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The values (B, R), in the layer's precision whatever autocast says."""
        kind = inputs.device.type
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            with torch.autocast(kind, enabled=False):
                return self._evaluate(inputs, weights)
        return self._evaluate(inputs, weights)

    def _evaluate(self, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        request, backend = self.evaluation.request(inputs, weights, self.seed), self.backend
        estimates = estimates_wanted()
        if estimates is not None:
            estimates.append(estimate_request(backend, request, self.method, self.wanted))
            dtype = inputs.dtype.to_complex() if request.program.complex_valued else inputs.dtype
            return inputs.new_zeros(request.batch, request.program.outputs, dtype=dtype)
        if self.entry is not None:
            recorded = self.entry.values(request)
            if recorded is not None:
                return recorded
        with request_id(self.request_id), self._keeping():
            if self.method is None:
                result = backend.evaluate(request)
            else:
                self.evaluation.tell(request, self.method, self.wanted)
                result, self.pull = self.method.evaluate(backend, request, self.wanted)
        self._record(result.provenance)
        promised = (request.batch, self.evaluation.program.outputs)
        if result.values.shape != promised:
            raise BackendError(
                f"backend {backend.name!r} returned values of shape {tuple(result.values.shape)} where {promised} were "
                "asked for; hold it to hqdist.testing.conformance"
            )
        if self.entry is not None and not self.entry.record(request, result):
            self.pull = None  # what it holds is what is to be computed again instead
        return result.values

    def pull_back(self, inputs: torch.Tensor, weights: torch.Tensor, cotangent: torch.Tensor) -> Cotangents:
        """The derivative of ``sum(cotangent * values)``.

        No number where the cotangent is not finite, as after a loss that overflowed: nothing is spent on that.
        """
        if not _finite(cotangent):
            none = Provenance(backend=self.backend.name, seed=self.seed)
            weights, rows = torch.full_like(weights, torch.nan), torch.full_like(inputs, torch.nan)
            return Cotangents(weights=weights, inputs=rows, provenance=none)
        with request_id(self.request_id):
            derivatives = self._derivatives(inputs, weights, cotangent)
        self._record(derivatives.provenance)
        return derivatives

    def member(self, seed: int | None) -> "Call":
        """A call of the same evaluation for other numbers, with draws of its own."""
        other = Call(self.evaluation, None, Wanted(), seed)
        other.records = self.records
        return other

    def _keeping(self) -> AbstractContextManager[object]:
        """Where code runs twice, what a simulator keeps is not what torch's checkpointing counts and drops."""
        return nullcontext() if self.entry is None else saved_tensors_hooks(_same, _same)

    def _record(self, provenance: Provenance) -> None:
        for record in self.records:
            record.evaluations.append(provenance)

    def _derivatives(self, inputs: torch.Tensor, weights: torch.Tensor, cotangent: torch.Tensor) -> Cotangents:
        if self.pull is not None:
            return self.pull(cotangent)
        evaluation, method, wanted = self.evaluation, self.method, self.wanted
        if method is None:  # under torch.func the forward pass may have run without knowing that it is differentiated
            method, wanted = evaluation.method(), Wanted()
        request = evaluation.request(inputs, weights, self.seed)
        evaluation.tell(request, method, wanted)
        return method.pull_back(self.backend, request, cotangent, wanted)


def _same(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def _finite(values: torch.Tensor) -> bool:
    """Whether all of them are; a sum tells in one pass, unless it overflows itself."""
    return bool(values.sum().isfinite()) or bool(values.isfinite().all())
