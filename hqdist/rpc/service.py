"""The service ``hqdist.rpc.v1.Worker``: its procedures, and how their messages become bytes.

Messages with large tensors travel as bytes that `hqdist.rpc.messages` makes and reads.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc

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


def handler(servicer: object) -> grpc.GenericRpcHandler:
    """The service, to be added to a server; the servicer has a method for each procedure, in lower case."""
    handlers = {}
    for name, procedure in PROCEDURES.items():
        make = grpc.unary_stream_rpc_method_handler if procedure.streams else grpc.unary_unary_rpc_method_handler
        handlers[name] = make(
            getattr(servicer, name.lower()),
            request_deserializer=_parser(procedure.request),
            response_serializer=_serialiser(procedure.reply),
        )
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _serialiser(message: Any) -> Callable[[Any], bytes] | None:
    return None if message is None else message.SerializeToString


def _parser(message: Any) -> Callable[[bytes], Any] | None:
    return None if message is None else message.FromString
