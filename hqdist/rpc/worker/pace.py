"""How long work takes at a worker, to tell what is quicker done at once than handed to a thread."""

import math
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence

from hqdist.rpc.worker.work import Work

#: Seconds that the event loop may be kept. Waking a thread, and being woken by it, costs a good part of a millisecond
#: on a busy machine; and the event loop would wait as long for the interpreter, if a thread of Python kept that.
_AT_ONCE = 0.001

#: Kinds of work that are remembered, and times of each.
_MOST, _LATEST = 1024, 3

_NEVER = (math.inf,)


class Pace:
    """What batches have taken of late, by kind of work: the program, what is asked for, and for about how many rows.

    Only exact, unpaid work has a pace, as what it takes follows from what it is; and only where this process does it.
    """

    def __init__(self) -> None:
        self._latest: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def took(self, batch: Sequence[Work], seconds: float) -> None:
        """A batch was computed."""
        kind = _kind(batch)
        self._latest.setdefault(kind, deque(maxlen=_LATEST)).append(seconds)
        self._latest.move_to_end(kind)
        if len(self._latest) > _MOST:
            self._latest.popitem(last=False)

    def is_quick(self, batch: Sequence[Work]) -> bool:
        """Whether such a batch is quicker computed than handed over."""
        # the quickest: others were held up by what else goes on, or by what happens the first time only
        return all(work.repeatable for work in batch) and min(self._latest.get(_kind(batch), _NEVER)) <= _AT_ONCE


def _kind(batch: Sequence[Work]) -> Hashable:
    request, values = batch[0].request, batch[0].cotangent is None
    rows = sum(work.request.batch for work in batch)
    return request.program.digest, request.inputs.dtype, values, rows.bit_length()
