"""Some samples at a time, so that memory grows with the batch by no more than the output."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.utils.checkpoint import checkpoint

from hqdist.errors import HqdistError

#: Bytes of intermediate results for which a chunk of samples is sized; what fits in one chunk is not computed twice.
CHUNK_BYTES = 2**26

#: One tensor with a row for each sample, or several, of which some may be missing.
Rows = TypeVar("Rows", torch.Tensor, tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor | None])


def in_chunks(evaluate: Callable[[torch.Tensor], Rows], samples: torch.Tensor, row: int) -> Rows:
    """Evaluate rows of a batch a chunk at a time, and again when they are differentiated.

    Args:
        evaluate: From (b, ...) to (b, R), or to several such; each row on its own.
        samples: (B, ...).
        row: Bytes of intermediate results for one sample.
    """
    chunks = torch.split(samples, max(1, CHUNK_BYTES // max(row, 1)))
    if len(chunks) == 1:
        return evaluate(samples)
    values, first = [], 0
    for chunk in chunks:
        try:
            values.append(checkpoint(evaluate, chunk, use_reentrant=False) if chunk.requires_grad else evaluate(chunk))
        except HqdistError as error:
            error.add_note(f"(its samples are counted from sample {first} of {len(samples)})")
            raise
        first += len(chunk)
    joined: Rows = _joined(values)
    return joined


def _joined(chunks: list[Any]) -> Any:
    if isinstance(chunks[0], torch.Tensor):
        return torch.cat(chunks)
    values, others = zip(*chunks, strict=True)
    return torch.cat(values), None if others[0] is None else torch.cat(others)
