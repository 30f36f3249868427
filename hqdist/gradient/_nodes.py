"""The autograd nodes of a quantum layer's call."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from hqdist.errors import GradientError
from hqdist.gradient.call import Call
from hqdist.gradient.rows import derived_seed


class Evaluate(torch.autograd.Function):
    """One call as a node."""

    @staticmethod
    def forward(inputs: torch.Tensor, weights: torch.Tensor, call: Call) -> torch.Tensor:
        return call.evaluate(inputs, weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        features, weights, ctx.call = inputs
        ctx.save_for_backward(features, weights)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        features, weights = ctx.saved_tensors
        with no_older_vmap():
            if not torch.is_grad_enabled():  # nobody will differentiate this backward pass
                derivatives = ctx.call.pull_back(features, weights, cotangents[0])
                return derivatives.inputs, derivatives.weights, None
            inputs, shared = PullBack.apply(features, weights, *cotangents, ctx.call)  # type: ignore[no-untyped-call]
        return inputs, shared, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        no_forward_mode()

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], inputs: torch.Tensor, weights: torch.Tensor, call: Call
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


class PullBack(torch.autograd.Function):
    """The backward pass as a node of its own, so that differentiating it gives an error and not a wrong number."""

    @staticmethod
    def forward(
        inputs: torch.Tensor, weights: torch.Tensor, cotangent: torch.Tensor, call: Call
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
        call: Call,
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
            PullBack.apply(*member, own)  # type: ignore[no-untyped-call]
            for *member, own in zip(*mapped, calls, strict=True)
        ]
        return (torch.stack([p[0] for p in pulled]), torch.stack([p[1] for p in pulled])), (0, 0)


@contextmanager
def no_older_vmap() -> Iterator[None]:
    """Say what to do where torch's older vmap, which only `torch.autograd` still uses, differentiates a node."""
    try:
        yield
    except RuntimeError as error:
        if "Batching rule not implemented" not in str(error):  # it knows nothing of the nodes' own `vmap`
            raise
        raise GradientError(
            "a quantum layer cannot be differentiated with is_grads_batched=True or vectorize=True; use "
            "torch.func.jacrev or torch.func.vmap, or one call for each cotangent"
        ) from error


def no_forward_mode() -> None:
    """Refuse to differentiate forwards."""
    raise GradientError(
        "a quantum layer is differentiated backwards, not in forward mode: use backward, grad or jacrev instead of "
        "jvp, jacfwd or dual numbers"
    )


def _without(tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
    """A tensor of the shape that is left without a mapped dimension of size 0."""
    return tensor if dim is None else tensor.sum(dim)


# torch asks for these signatures at every call; without this, working them out takes longer than a small circuit.
Evaluate.forward.__signature__ = inspect.signature(Evaluate.forward)  # type: ignore[attr-defined]
PullBack.forward.__signature__ = inspect.signature(PullBack.forward)  # type: ignore[attr-defined]
