"""The autograd node of a quantum layer: forward through a backend, backward through a gradient method."""

import inspect
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch

from hqdist.errors import BackendError, GradientError
from hqdist.execution import Backend, Cotangents, Provenance, Request
from hqdist.execution.record import open_records
from hqdist.gradient.choice import GradientLike, choose, named
from hqdist.gradient.estimate import estimate_request, estimates_wanted
from hqdist.gradient.method import GradientMethod, Wanted
from hqdist.gradient.rows import derived_seed
from hqdist.program import Program

_log = logging.getLogger("hqdist")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Who evaluates what, and how it is differentiated: all of a layer's call but the numbers.

    Attributes:
        program: What to evaluate.
        backend: Who evaluates it.
        gradient: A gradient method, its name, or a table with its name and options.
        shots: Shots for each sample; None for the backend's own choice, exact values where it makes none.
        told: What the logger was told already.

    Where "auto" has chosen the method, the logger "hqdist" tells which and what it costs, once, before it spends
    anything.

    What is random follows from a seed that each call draws from torch's random state, so `torch.manual_seed` decides.
    """

    program: Program
    backend: Backend
    gradient: GradientLike = "auto"
    shots: int | None = None
    told: set[tuple[str, str]] = field(default_factory=set, compare=False, repr=False)

    def __call__(self, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Values (B, R) for inputs (B, F) and weights (T,), attached to the autograd graph of both.

        Raises:
            GradientError: If a derivative will be needed that cannot be had; nothing was evaluated.
        """
        method = None
        wanted = Wanted(weights=weights.requires_grad, inputs=inputs.requires_grad)
        if torch.is_grad_enabled() and (wanted.weights or wanted.inputs):
            method = self.method()
        call = _Call(self, method, wanted, self._seed())
        values: torch.Tensor = _Evaluate.apply(inputs, weights, call)  # type: ignore[no-untyped-call]
        return values

    def request(self, inputs: torch.Tensor, weights: torch.Tensor, seed: int | None = None) -> Request:
        """The request for these numbers."""
        return Request(program=self.program, weights=weights, inputs=inputs, shots=self._shots, seed=seed)

    def method(self) -> GradientMethod:
        """How derivatives are obtained.

        Raises:
            GradientError: If the backend does not offer what the method needs.
        """
        return choose(self.gradient, self.backend, sampled=self._shots is not None)

    def tell(self, request: Request, method: GradientMethod, wanted: Wanted) -> None:
        """Tell the logger which method "auto" has chosen, and what it costs, if it does not know."""
        choice = (self.backend.name, method.name)
        if self.gradient == "auto" and choice not in self.told:
            self.told.add(choice)
            _log.info("gradient 'auto': %s", estimate_request(self.backend, request, method, wanted))

    @property
    def _shots(self) -> int | None:
        return self.backend.shots if self.shots is None else self.shots

    def _seed(self) -> int | None:
        noise = self.backend.capabilities.noise
        method = named(self.gradient)
        random = (
            self._shots is not None
            or (noise is not None and noise.random_phases)
            or (method is not None and method.random)
        )
        return _drawn_seed() if random else None


def _drawn_seed() -> int:
    """A seed from torch's random state."""
    try:
        return int(torch.randint(2**63 - 1, ()))
    except RuntimeError:  # under vmap, where torch draws no plain number; another thread is not under it
        with ThreadPoolExecutor(1) as outside:
            return outside.submit(_drawn_seed).result()


class _Call:
    """One call of an evaluation: remembers, between forward and backward, how to pull a cotangent back."""

    def __init__(self, evaluation: Evaluation, method: GradientMethod | None, wanted: Wanted, seed: int | None) -> None:
        self.evaluation = evaluation
        self.backend = evaluation.backend.for_one_call()
        self.method = method
        self.wanted = wanted
        self.seed = seed
        self.pull: Callable[[torch.Tensor], Cotangents] | None = None
        self.records = open_records()

    def evaluate(self, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        request, backend = self.evaluation.request(inputs, weights, self.seed), self.backend
        estimates = estimates_wanted()
        if estimates is not None:
            estimates.append(estimate_request(backend, request, self.method, self.wanted))
            dtype = inputs.dtype.to_complex() if request.program.complex_valued else inputs.dtype
            return inputs.new_zeros(request.batch, request.program.outputs, dtype=dtype)
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
        return result.values

    def pull_back(self, inputs: torch.Tensor, weights: torch.Tensor, cotangent: torch.Tensor) -> Cotangents:
        derivatives = self._derivatives(inputs, weights, cotangent)
        self._record(derivatives.provenance)
        return derivatives

    def member(self, seed: int | None) -> "_Call":
        """A call of the same evaluation for other numbers, with draws of its own."""
        other = _Call(self.evaluation, None, Wanted(), seed)
        other.records = self.records
        return other

    def _record(self, provenance: Provenance) -> None:
        for record in self.records:
            record.evaluations.append(provenance)

    def _derivatives(self, inputs: torch.Tensor, weights: torch.Tensor, cotangent: torch.Tensor) -> Cotangents:
        if self.pull is not None:
            return self.pull(cotangent)
        # Under torch.func the forward pass may have run without knowing that it would be differentiated.
        evaluation, wanted = self.evaluation, Wanted()
        method, request = evaluation.method(), evaluation.request(inputs, weights, self.seed)
        evaluation.tell(request, method, wanted)
        return method.pull_back(self.backend, request, cotangent, wanted)


class _Evaluate(torch.autograd.Function):
    @staticmethod
    def forward(inputs: torch.Tensor, weights: torch.Tensor, call: _Call) -> torch.Tensor:
        return call.evaluate(inputs, weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        features, weights, ctx.call = inputs
        ctx.save_for_backward(features, weights)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        features, weights = ctx.saved_tensors
        try:
            if not torch.is_grad_enabled():  # nobody will differentiate this backward pass
                derivatives = ctx.call.pull_back(features, weights, cotangents[0])
                return derivatives.inputs, derivatives.weights, None
            inputs, shared = _PullBack.apply(features, weights, *cotangents, ctx.call)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            # torch's older vmap, which only `torch.autograd` still uses, knows nothing of this node's own `vmap`.
            if "Batching rule not implemented" not in str(error):
                raise
            raise GradientError(
                "a quantum layer cannot be differentiated with is_grads_batched=True or vectorize=True; use "
                "torch.func.jacrev or torch.func.vmap, or one call for each cotangent"
            ) from error
        return inputs, shared, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        raise GradientError(
            "a quantum layer is differentiated backwards, not in forward mode: use backward, grad or jacrev instead of "
            "jvp, jacfwd or dual numbers"
        )

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], inputs: torch.Tensor, weights: torch.Tensor, call: _Call
    ) -> tuple[torch.Tensor, int]:
        evaluation, mapped_inputs, mapped_weights = call.evaluation, in_dims[0], in_dims[1]
        if mapped_weights is None:  # the mapped dimension is only a larger batch
            assert mapped_inputs is not None
            inputs = inputs.movedim(mapped_inputs, 0)
            values = evaluation(inputs.flatten(0, 1), weights)
            return values.reshape(*inputs.shape[:2], values.shape[-1]), 0
        if info.batch_size == 0:
            rows = _without(inputs, mapped_inputs)
            none = evaluation(rows[:0], _without(weights, mapped_weights))
            return none.reshape(0, len(rows), none.shape[-1]), 0
        batches = [inputs] * info.batch_size if mapped_inputs is None else list(inputs.unbind(mapped_inputs))
        members = zip(batches, weights.unbind(mapped_weights), strict=True)
        return torch.stack([evaluation(row, member) for row, member in members]), 0


class _PullBack(torch.autograd.Function):
    """The backward pass as a node of its own, so that differentiating it gives an error and not a wrong number."""

    @staticmethod
    def forward(
        inputs: torch.Tensor, weights: torch.Tensor, cotangent: torch.Tensor, call: _Call
    ) -> tuple[torch.Tensor, torch.Tensor]:
        derivatives = call.pull_back(inputs, weights, cotangent)
        return derivatives.inputs, derivatives.weights

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> None:
        raise GradientError(
            "a quantum layer cannot be differentiated twice (Hessians, gradient penalties): its backward pass has no "
            "derivative of its own; use first derivatives only, or finite differences of the gradient"
        )

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        inputs: torch.Tensor,
        weights: torch.Tensor,
        cotangent: torch.Tensor,
        call: _Call,
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[int, int]]:
        if info.batch_size == 0:
            none = [
                _without(tensor, dim).unsqueeze(0)[:0] for tensor, dim in zip((inputs, weights), in_dims, strict=False)
            ]
            return (none[0], none[1]), (0, 0)
        mapped = [
            [tensor] * info.batch_size if dim is None else list(tensor.unbind(dim))
            for tensor, dim in zip((inputs, weights, cotangent), in_dims[:3], strict=True)
        ]
        # Other cotangents ask for the same evaluations again; other numbers for other ones, with draws of their own.
        calls = [call] * info.batch_size
        if in_dims[0] is not None or in_dims[1] is not None:
            seeds = [derived_seed(call.seed, f"member {index}") for index in range(info.batch_size)]
            calls = [call.member(seed) for seed in seeds]
        pulled = [
            _PullBack.apply(*member, own)  # type: ignore[no-untyped-call]
            for *member, own in zip(*mapped, calls, strict=True)
        ]
        return (torch.stack([p[0] for p in pulled]), torch.stack([p[1] for p in pulled])), (0, 0)


def _without(tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
    """A tensor of the shape that is left without a mapped dimension of size 0."""
    return tensor if dim is None else tensor.sum(dim)


# torch asks for these signatures at every call; without this, working them out takes longer than a small circuit.
_Evaluate.forward.__signature__ = inspect.signature(_Evaluate.forward)  # type: ignore[attr-defined]
_PullBack.forward.__signature__ = inspect.signature(_PullBack.forward)  # type: ignore[attr-defined]
