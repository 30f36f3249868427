"""Some samples at a time, so that memory grows with the batch by no more than the output."""

from collections.abc import Callable

import torch
from torch.utils.checkpoint import checkpoint

#: Bytes of intermediate results for which a chunk of samples is sized.
CHUNK_BYTES = 2**26


def in_chunks(evaluate: Callable[[torch.Tensor], torch.Tensor], samples: torch.Tensor, row: int) -> torch.Tensor:
    """Evaluate rows of a batch a chunk at a time, and again when they are differentiated.

    Args:
        evaluate: From (b, ...) to (b, R); each row on its own.
        samples: (B, ...).
        row: Bytes of intermediate results for one sample.
    """
    chunks = torch.split(samples, max(1, CHUNK_BYTES // max(row, 1)))
    if not samples.requires_grad:
        return torch.cat([evaluate(chunk) for chunk in chunks])
    return torch.cat([checkpoint(evaluate, chunk, use_reentrant=False) for chunk in chunks])
