"""The part of a worker that replies: outcomes as messages, and what goes wrong as a status."""

from collections.abc import Iterator
from typing import Any, NoReturn

import grpc

from hqdist.execution import Result
from hqdist.rpc.failures import TRAILER, status_of
from hqdist.rpc.messages import cotangents_message, result_bytes, result_pieces
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.rpc.worker.condition import NotServingError
from hqdist.rpc.worker.programs import UnknownProgramError
from hqdist.rpc.worker.work import AbandonedError, Outcome

#: A serialised EvaluateReply, several of them, or a message.
Reply = bytes | Iterator[bytes] | pb.GradientReply


def reply(outcome: Outcome | BaseException, *, in_pieces: bool) -> Reply | BaseException:
    """The message of an outcome, or the messages of values in pieces; exceptions stay what they are."""
    if isinstance(outcome, BaseException):
        return outcome
    if not isinstance(outcome, Result):
        return cotangents_message(outcome)
    return result_pieces(outcome) if in_pieces else result_bytes(outcome)


async def refuse(context: "grpc.aio.ServicerContext[Any, Any]", error: BaseException) -> NoReturn:
    """End a call with the status of an exception, and its details in the trailer."""
    match error:
        case UnknownProgramError():
            code, details = grpc.StatusCode.FAILED_PRECONDITION, pb.Error(kind=pb.Error.UNKNOWN_PROGRAM)
            details.message = "this worker does not know the program of this digest; send it along"
        case OfferChangedError():
            code, details = grpc.StatusCode.FAILED_PRECONDITION, pb.Error(kind=pb.Error.OFFER_CHANGED)
            details.message = "this worker offers something else than the one that was asked what it offers; ask again"
        case NotServingError():
            code, details = grpc.StatusCode.UNAVAILABLE, pb.Error(kind=pb.Error.NOT_SERVING, message=str(error))
        case AbandonedError():
            code, details = grpc.StatusCode.CANCELLED, pb.Error(type="WorkerError", message="the request was cancelled")
        case _:
            code, details = status_of(error)
    said = details.message if details.kind else str(error)
    await context.abort(code, said[:_LONGEST], ((TRAILER, details.SerializeToString()),))
    raise AssertionError("a call goes on after it was aborted")


#: Most characters of a status, which travels in a header.
_LONGEST = 2000


class OfferChangedError(Exception):
    """The caller goes by what another worker, in the place of this one, has offered."""
