"""Answers every call with the same bytes: what gRPC itself takes. ``python -m benchmarks.bare_grpc BYTES``."""

import asyncio
import sys

import grpc


async def serve(size: int) -> None:
    """Listen on a port of the system's choice, print it, and serve until killed."""
    answer = b"x" * size

    async def handle(request: bytes, context: object) -> bytes:
        return answer

    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    method = grpc.unary_unary_rpc_method_handler(handle)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare", {"Bytes": method}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
