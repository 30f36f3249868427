"""Which failed calls are tried again, and after how long."""

import enum
import random

import grpc

from hqdist.errors import WorkerError
from hqdist.rpc.failures import details_of
from hqdist.rpc.v1 import worker_pb2 as pb

#: Statuses, without details by a worker, of calls that no worker has answered: a connection that was refused or broke.
BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)

_BASE, _LONGEST = 0.05, 2.0


class Verdict(enum.Enum):
    """What to do about a failed call.

    RAISE: it is the request's fault, or nothing will help. SEND_PROGRAM: again, with the program. ELSEWHERE: again, at
    another worker if there is one. ONCE_ELSEWHERE: the same, but if that one fails too, it is the request's fault.
    ASK_ANEW: all of the request again, after asking the workers what they offer.
    """

    RAISE = enum.auto()
    SEND_PROGRAM = enum.auto()
    ELSEWHERE = enum.auto()
    ASK_ANEW = enum.auto()
    ONCE_ELSEWHERE = enum.auto()


_VERDICTS = {
    pb.Error.UNKNOWN_PROGRAM: Verdict.SEND_PROGRAM,
    pb.Error.OFFER_CHANGED: Verdict.ASK_ANEW,
    pb.Error.OVERLOADED: Verdict.ELSEWHERE,
    pb.Error.NOT_SERVING: Verdict.ELSEWHERE,
}


def verdict(error: grpc.RpcError) -> tuple[Verdict, float]:
    """What to do about a failed call, and for how many seconds to leave the worker alone at least."""
    details = details_of(error)
    if details is None:
        return (Verdict.ELSEWHERE if error.code() in BROKEN else Verdict.RAISE), 0.0
    if details.kind == pb.Error.RAISED:
        unexpected = error.code() is grpc.StatusCode.INTERNAL and details.type == WorkerError.__name__
        return (Verdict.ONCE_ELSEWHERE if unexpected else Verdict.RAISE), 0.0
    alone = {pb.Error.OVERLOADED: details.retry_after_seconds, pb.Error.NOT_SERVING: 1.0}
    return _VERDICTS.get(details.kind, Verdict.RAISE), alone.get(details.kind, 0.0)


def pause(attempt: int) -> float:
    """Seconds before the next attempt: full jitter, so that many callers do not come back at once."""
    return random.uniform(0.0, min(_LONGEST, _BASE * 2**attempt))  # no result depends on it
