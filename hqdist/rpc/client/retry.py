"""Which failed calls are tried again, and after how long."""

import enum
import random

import grpc

from hqdist.rpc.failures import details_of
from hqdist.rpc.v1 import worker_pb2 as pb

#: Statuses, without details by a worker, of calls that no worker has answered: a connection that was refused or broke.
BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)

_BASE, _LONGEST = 0.05, 2.0


class Verdict(enum.Enum):
    """What to do about a failed call.

    RAISE: it is the request's fault, or nothing will help. SEND_PROGRAM: again, with the program. ELSEWHERE: again, at
    another worker if there is one. ASK_ANEW: all of the request again, after asking the workers what they offer.
    """

    RAISE = enum.auto()
    SEND_PROGRAM = enum.auto()
    ELSEWHERE = enum.auto()
    ASK_ANEW = enum.auto()


def verdict(error: grpc.RpcError) -> tuple[Verdict, float]:
    """What to do about a failed call, and for how many seconds to leave the worker alone at least."""
    details = details_of(error)
    if details is None:
        return (Verdict.ELSEWHERE if error.code() in BROKEN else Verdict.RAISE), 0.0
    match details.kind:
        case pb.Error.UNKNOWN_PROGRAM:
            return Verdict.SEND_PROGRAM, 0.0
        case pb.Error.OFFER_CHANGED:
            return Verdict.ASK_ANEW, 0.0
        case pb.Error.OVERLOADED:
            return Verdict.ELSEWHERE, details.retry_after_seconds
        case pb.Error.DRAINING:
            return Verdict.ELSEWHERE, 1.0
        case _:
            return Verdict.RAISE, 0.0


def pause(attempt: int) -> float:
    """Seconds before the next attempt: full jitter, so that many callers do not come back at once."""
    return random.uniform(0.0, min(_LONGEST, _BASE * 2**attempt))  # no result depends on it
