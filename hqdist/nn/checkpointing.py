"""Gradient checkpointing that pays for nothing twice."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from hqdist.gradient.replay import Pass, Tape


def replay() -> tuple[Pass, Pass]:
    """What `torch.utils.checkpoint.checkpoint` takes as ``context_fn``, for code with quantum layers in it.

    ```python
    checkpoint(block, x, use_reentrant=False, context_fn=hq.replay)
    ```

    While the code runs first, results that took shots, credits or jobs, or that anything random entered, are recorded
    (without their zeros where that is smaller); when it runs again for the backward pass they are given again, bit for
    bit. Exact values are evaluated again. What a simulator would keep for its derivatives is not kept, either.

    Returns:
        The contexts of the first run and of those after it.
    """
    tape = Tape()
    return tape.recording(), tape.replaying()


def checkpointed(module: Callable[..., Any], *inputs: torch.Tensor) -> Any:
    """What ``module(*inputs)`` gives; what its backward pass needs is computed again then, and not kept till then.

    No shot is spent twice, no job is submitted twice: see `replay`. Without gradients it is a plain call.

    Args:
        module: Any module or function; torch's random numbers are the same for it when it runs again.
        *inputs: What it takes.

    Raises:
        GradientError: In the backward pass, if the module then calls other quantum layers than before.
    """
    if not torch.is_grad_enabled():
        return module(*inputs)
    return checkpoint(module, *inputs, use_reentrant=False, context_fn=replay)


class Checkpointed(nn.Module):
    """A module whose intermediate values are computed again for the backward pass instead of being kept.

    Worth it for quantum layers whose circuits have many outcomes, and for blocks of them with what is around: see
    `checkpointed`.

    Args:
        module: A quantum layer, or a block with some in it.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> Any:
        """What the module gives."""
        return checkpointed(self.module, *inputs)
