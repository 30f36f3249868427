"""Several evaluations at once, as one autograd node."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

import torch

from hqdist.gradient._nodes import Evaluate, PullBack, no_forward_mode, no_older_vmap
from hqdist.gradient.call import Call
from hqdist.gradient.evaluation import Evaluation

#: Most evaluations at a time; more wait for these.
MOST_AT_ONCE = 32

Answer = TypeVar("Answer")
Numbers = tuple[torch.Tensor, torch.Tensor]


def evaluate_at_once(asked: Iterable[tuple[Evaluation, Numbers]]) -> list[torch.Tensor]:
    """The values of several evaluations, as each would give them, computed at the same time; so are derivatives.

    Torch runs the backward passes of nodes on the CPU one after another, which is why they are one node. What is random
    is drawn, and derivatives by what they share are summed, in the order in which one evaluation after the other would.

    Args:
        asked: What to evaluate, and its inputs (B, F) and weights (T,), on the CPU. Each is taken only when those
            before are ready, so that what is computed on the way is computed, and differentiated, in that order too.

    Raises:
        HqdistError: What the first evaluation that failed raised, once all have ended.
    """
    calls: list[Call] = []
    tensors: list[torch.Tensor] = []
    for evaluation, numbers in asked:
        # A view for each evaluation: torch sums derivatives by the order in which nodes were made.
        own = [tensor.view_as(tensor) for tensor in numbers]
        calls.append(evaluation.call(*own))
        tensors += own
    return list(_EvaluateAtOnce.apply(tuple(calls), *tensors))  # type: ignore[no-untyped-call]


def _at_once(calls: Sequence[Call], tasks: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """What a task for each call gives, in order.

    Calls that are answered elsewhere wait in threads of their own, with the caller's context. Those that this process
    answers would only take its cores from each other: they are computed here meanwhile, one after another.
    """
    elsewhere = [task for call, task in zip(calls, tasks, strict=True) if not call.backend.in_process]
    if len(tasks) < 2 or not elsewhere:
        return [task() for task in tasks]
    with ThreadPoolExecutor(min(len(elsewhere), MOST_AT_ONCE), thread_name_prefix="hqdist-evaluation") as threads:
        waiting = {task: threads.submit(copy_context().run, _without_graph, task) for task in elsewhere}
        outcomes = [waiting.get(task) or _computed(task) for task in tasks]
    return [outcome.result() for outcome in outcomes]


def _computed(task: Callable[[], Answer]) -> Future[Answer]:
    """What a task gives or raises, as what the others leave behind."""
    outcome: Future[Answer] = Future()
    try:
        outcome.set_result(task())
    except Exception as error:
        outcome.set_exception(error)
    return outcome


@torch.no_grad()
def _without_graph(task: Callable[[], Answer]) -> Answer:
    """As inside of a node: whether gradients are recorded is a matter of each thread."""
    return task()


class _EvaluateAtOnce(torch.autograd.Function):
    @staticmethod
    def forward(calls: tuple[Call, ...], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(_at_once(calls, [partial(call.evaluate, *own) for call, own in _each(calls, tensors)]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.calls, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        needed = [
            (number, call, *own, cotangent)
            for number, ((call, own), cotangent) in enumerate(
                zip(_each(ctx.calls, ctx.saved_tensors), cotangents, strict=True)
            )
            if cotangent is not None
        ]
        gradients: list[torch.Tensor | None] = [None] * (1 + 2 * len(ctx.calls))
        with no_older_vmap():
            if torch.is_grad_enabled():  # somebody may differentiate this backward pass, and is to be told no
                for number, call, *own in needed:
                    gradients[1 + 2 * number : 3 + 2 * number] = PullBack.apply(*own, call)  # type: ignore[no-untyped-call]
            else:
                asked = [call for _, call, *_ in needed]
                pulled = _at_once(asked, [partial(call.pull_back, *own) for _, call, *own in needed])
                for (number, *_), derivatives in zip(needed, pulled, strict=True):
                    gradients[1 + 2 * number : 3 + 2 * number] = derivatives.inputs, derivatives.weights
        return tuple(gradients)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        no_forward_mode()

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], calls: tuple[Call, ...], *tensors: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        mapped = [
            Evaluate.vmap(info, (*in_dims[1 + 2 * number : 3 + 2 * number], None), *own, call)
            for number, (call, own) in enumerate(_each(calls, tensors))
        ]
        return tuple(values for values, _ in mapped), tuple(dim for _, dim in mapped)


def _each(calls: Sequence[Call], tensors: Sequence[torch.Tensor]) -> list[tuple[Call, Numbers]]:
    """Each call with its inputs and weights."""
    return list(zip(calls, zip(tensors[::2], tensors[1::2], strict=True), strict=True))


# See the end of `_nodes`.
_EvaluateAtOnce.forward.__signature__ = inspect.signature(_EvaluateAtOnce.forward)  # type: ignore[attr-defined]
