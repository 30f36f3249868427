"""The service ``hqdist.rpc.v1.Worker``: its procedures, and how their messages become bytes.

Messages with large tensors travel as bytes that `hqdist.rpc.messages` makes and reads.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, NoReturn

import grpc
from google.protobuf.message import DecodeError

from hqdist.errors import HqdistError, RequestError
from hqdist.rpc.v1 import worker_pb2 as pb

SERVICE = "hqdist.rpc.v1.Worker"


class Procedure(NamedTuple):
    """What goes in and out; None for bytes.

    Attributes:
        request: Message that goes in.
        reply: Message that comes out.
        streams: Whether several come out.
    """

    request: Any
    reply: Any
    streams: bool = False


PROCEDURES = {
    "Metadata": Procedure(pb.MetadataRequest, pb.MetadataReply),
    "Evaluate": Procedure(pb.EvaluateRequest, None),
    "EvaluateInPieces": Procedure(pb.EvaluateRequest, None, streams=True),
    "Gradient": Procedure(None, pb.GradientReply),
    "Submit": Procedure(pb.SubmitRequest, pb.SubmitReply),
    "Watch": Procedure(pb.WatchRequest, pb.WatchReply, streams=True),
    "Cancel": Procedure(pb.CancelRequest, pb.CancelReply),
    "Statistics": Procedure(pb.StatisticsRequest, pb.StatisticsReply),
}


class Stub:
    """The procedures of a worker, by name, over a channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        for name, procedure in PROCEDURES.items():
            make = channel.unary_stream if procedure.streams else channel.unary_unary
            call = make(
                f"/{SERVICE}/{name}",
                request_serializer=_serialiser(procedure.request),
                response_deserializer=_parser(procedure.reply),
            )
            setattr(self, name, call)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{SERVICE} has no procedure {name}")


def handler(servicer: object, refuse: Callable[[Any, HqdistError], Awaitable[NoReturn]]) -> grpc.GenericRpcHandler:
    """The service, to be added to a server.

    Args:
        servicer: Has a method for each procedure, by its name in lower case with underscores.
        refuse: Ends a call, given its context, whose message is none.
    """
    handlers = {}
    for name, procedure in PROCEDURES.items():
        method, parse = getattr(servicer, _method_name(name)), _parser(procedure.request)
        make = grpc.unary_stream_rpc_method_handler if procedure.streams else grpc.unary_unary_rpc_method_handler
        serve = (_streamed if procedure.streams else _served)(method, parse, refuse) if parse else method
        handlers[name] = make(serve, response_serializer=_serialiser(procedure.reply))
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _served(method: Any, parse: Callable[[bytes], Any], refuse: Any) -> Any:
    async def serve(raw: bytes, context: Any) -> Any:
        try:
            message = parse(raw)
        except DecodeError as error:
            await refuse(context, RequestError(f"the message cannot be understood: {error}"))
        return await method(message, context)

    return serve


def _streamed(method: Any, parse: Callable[[bytes], Any], refuse: Any) -> Any:
    async def serve(raw: bytes, context: Any) -> AsyncIterator[Any]:
        try:
            message = parse(raw)
        except DecodeError as error:
            await refuse(context, RequestError(f"the message cannot be understood: {error}"))
        async for reply in method(message, context):
            yield reply

    return serve


def _serialiser(message: Any) -> Callable[[Any], bytes] | None:
    return None if message is None else message.SerializeToString


def _parser(message: Any) -> Callable[[bytes], Any] | None:
    return None if message is None else message.FromString


def _method_name(procedure: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", procedure).lower()
