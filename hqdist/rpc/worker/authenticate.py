"""The part of a worker that looks at tokens."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from hqdist.rpc.health import SERVICE as HEALTH
from hqdist.rpc.tokens import KEY, PREFIX, Tokens


class Authenticate(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Turns away calls without a valid token, before their message is looked at. Health may be asked without one."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """See `grpc.aio.ServerInterceptor`."""
        handler = await continuation(handler_call_details)
        if handler_call_details.method.startswith(f"/{HEALTH}/") or self._valid(handler_call_details):
            return handler
        if handler is not None and handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(_turn_away_stream)
        return grpc.unary_unary_rpc_method_handler(_turn_away)

    def _valid(self, details: grpc.HandlerCallDetails) -> bool:
        for key, value in details.invocation_metadata or ():
            if key == KEY and isinstance(value, str) and value.startswith(PREFIX):
                return self._tokens.accept(value.removeprefix(PREFIX))
        return False


async def _turn_away(message: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> bytes:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no valid token was shown")
    return b""


async def _turn_away_stream(message: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no valid token was shown")
    yield b""
