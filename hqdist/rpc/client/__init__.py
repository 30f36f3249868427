"""The client of workers: the backend ``grpc``."""

from hqdist.rpc.client.backend import RemoteBackend

__all__ = ["RemoteBackend"]
