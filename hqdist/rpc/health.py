"""The standard health service, ``grpc.health.v1``.

Its messages are made in a pool of their own: other packages in a process (grpcio-health-checking, in Flower's
environment) register the same names, which one pool does not take twice.
"""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE = "grpc.health.v1.Health"

_POOL = DescriptorPool()
for _file in FileDescriptorSet.FromString((files("hqdist.rpc.v1") / "health.binpb").read_bytes()).file:
    _POOL.Add(_file)
HealthCheckRequest: Any = GetMessageClass(_POOL.FindMessageTypeByName("grpc.health.v1.HealthCheckRequest"))
HealthCheckResponse: Any = GetMessageClass(_POOL.FindMessageTypeByName("grpc.health.v1.HealthCheckResponse"))


class Health:
    """Whether this process serves: what load balancers and clients ask.

    Attributes:
        reason: Why it does not serve, for people; None while it does.
    """

    def __init__(self, services: tuple[str, ...], reason: str) -> None:
        """Begin without serving.

        Args:
            services: The names that may be asked for, besides the empty one.
            reason: Why it does not serve yet.
        """
        self.reason: str | None = reason
        self._services = ("", *services)
        self._changed = asyncio.Condition()

    async def set(self, reason: str | None) -> None:
        """Serve (None), or do not, for a reason."""
        async with self._changed:
            self.reason = reason
            self._changed.notify_all()

    def handler(self) -> grpc.GenericRpcHandler:
        """The service, to be added to a server."""
        codec = {
            "request_deserializer": HealthCheckRequest.FromString,
            "response_serializer": HealthCheckResponse.SerializeToString,
        }
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, **codec),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, **codec),
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _status(self, service: str) -> str:
        if service not in self._services:
            return "SERVICE_UNKNOWN"
        return "SERVING" if self.reason is None else "NOT_SERVING"

    async def _check(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        status = self._status(request.service)
        if status == "SERVICE_UNKNOWN":
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return HealthCheckResponse(status=status)

    async def _watch(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        told = None
        while True:
            status = self._status(request.service)
            if status != told:
                told = status
                yield HealthCheckResponse(status=status)
            async with self._changed:
                while self._status(request.service) == told:
                    await self._changed.wait()
