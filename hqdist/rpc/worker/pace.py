"""How long work takes at a worker, to tell what is quicker done at once than handed to a thread."""

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from hqdist.rpc.worker.work import Work

#: Seconds that the event loop may be kept: about what waking a thread, and being woken by it, take on a busy machine.
_AT_ONCE = 0.002

#: Kinds of work that are remembered.
_MOST = 1024


class Pace:
    """What batches have taken of late, by kind of work: the program, what is asked for, and for about how many rows.

    Only exact, unpaid work has a pace, as what it takes follows from what it is. Where it is another machine that does
    the work, it takes longer than the limit each time.
    """

    def __init__(self) -> None:
        self._longest: OrderedDict[Hashable, float] = OrderedDict()

    def took(self, batch: Sequence[Work], seconds: float) -> None:
        """A batch was computed."""
        kind = _kind(batch)
        # of late: a single slow batch is forgotten after some quick ones
        self._longest[kind] = max(seconds, 0.8 * self._longest.get(kind, 0.0))
        self._longest.move_to_end(kind)
        if len(self._longest) > _MOST:
            self._longest.popitem(last=False)

    def is_quick(self, batch: Sequence[Work]) -> bool:
        """Whether such a batch is quicker computed than handed over."""
        return all(work.repeatable for work in batch) and self._longest.get(_kind(batch), math.inf) <= _AT_ONCE


def _kind(batch: Sequence[Work]) -> Hashable:
    request, values = batch[0].request, batch[0].cotangent is None
    rows = sum(work.request.batch for work in batch)
    return request.program.digest, request.inputs.dtype, values, rows.bit_length()
