"""The backend behind ``grpc://host:port``: requests that workers evaluate."""

import secrets
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import torch

from hqdist.errors import ConfigurationError
from hqdist.execution import Backend, Capabilities, Cotangents, Request, Result
from hqdist.execution.options import as_value
from hqdist.program.checks import real, whole
from hqdist.rpc.client.call import Call, Part
from hqdist.rpc.client.fleet import Fleet, Offer
from hqdist.rpc.client.parts import cut, joined_cotangents, joined_results, part_rows
from hqdist.rpc.client.transport import Transport
from hqdist.rpc.messages import cotangents_from, gradient_request_bytes, request_message, result_from
from hqdist.rpc.v1 import worker_pb2 as pb


@dataclass(frozen=True, kw_only=True)
class RemoteBackend(Backend):
    """Evaluates at workers: ``hq.backend("grpc://host:port,host:port")``.

    What it can do is what the workers' backend can do. A batch is cut into parts of a fixed size, which go to the
    workers with the least to do; a part whose worker fails goes to another one. Values, and derivatives, are the same
    bits whoever answers.

    Attributes:
        addresses: Of the workers, host:port.
        shots: Shots for each sample where a layer names none; None for exact values.
        timeout: Seconds for a call with all its parts, and all that is tried again for it.
        rows_per_call: Rows of a part; None for what suits the program.
        transport: How workers are spoken to, or a table of it: TLS, certificates, the token; see `Transport`.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "grpc"

    addresses: tuple[str, ...]
    shots: int | None = None
    timeout: float = 600.0
    rows_per_call: int | None = None
    transport: Transport = field(default_factory=Transport)

    def __post_init__(self) -> None:
        given = (self.addresses,) if isinstance(self.addresses, str) else tuple(self.addresses)
        object.__setattr__(self, "addresses", tuple(dict.fromkeys(_address(address) for address in given)))
        if not self.addresses:
            raise ConfigurationError("a remote backend has the address of at least one worker, such as 'host:50051'")
        for option in ("shots", "rows_per_call"):
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, whole(value, option, least=1, error=ConfigurationError))
        timeout = real(self.timeout, "timeout", error=ConfigurationError)
        if not timeout > 0:
            raise ConfigurationError(f"timeout is a number of seconds above zero, got {timeout:g}")
        object.__setattr__(self, "timeout", timeout)
        transport = as_value(Transport, self.transport, "transport") or Transport()
        object.__setattr__(self, "transport", transport)

    @classmethod
    def from_uri(cls, uri: str, **options: Any) -> Self:
        """Workers by ``grpc://host:port[,host:port...]``; options as for the class.

        Raises:
            ConfigurationError: If the URI or an option is not valid.
        """
        parts = urlsplit(uri)
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ConfigurationError(f"workers are grpc://host:port[,host:port...], got {uri!r}")
        known = [option.name for option in fields(cls) if option.name != "addresses"]
        if unknown := sorted(set(options) - set(known)):
            raise ConfigurationError(f"{uri}: no option {', '.join(unknown)}; its options: {', '.join(known)}")
        return cls(addresses=tuple(filter(None, parts.netloc.split(","))), **options)

    @property
    def capabilities(self) -> Capabilities:
        """What the workers' backend can do; the first time, one of them is asked.

        Raises:
            WorkerUnavailableError: If none can be reached.
            AuthenticationError: If they do not take the token.
        """
        return self._offer.capabilities

    def evaluate(self, request: Request) -> Result:
        """Evaluate at the workers.

        Raises:
            CapabilityError: If the workers' backend cannot take the request.
            DeadlineError: If the values are not there within `timeout`.
            WorkerUnavailableError: If no worker could be reached in that time.
            AuthenticationError: If the workers do not take the token.
            HqdistError: What the workers' backend raises.
        """
        self.check(request)
        request = self._seeded(request)

        dtype = request.inputs.dtype
        dtype = dtype.to_complex() if request.program.complex_valued else dtype
        values = torch.empty(request.batch, request.program.outputs, dtype=dtype)

        def part(rows: Request, into: torch.Tensor) -> Part[Result]:
            return Part(
                rows=rows.batch,
                digest=rows.program.digest,
                message=lambda program: pb.EvaluateRequest(request=request_message(rows, with_program=program)),
                read=lambda reply: result_from(reply, rows, into),
            )

        parts = [part(request.rows(first, last), values[first:last]) for first, last in self._cut(request)]
        results = Call(self._fleet, "Evaluate", parts, self.timeout).run()
        return joined_results(values.to(request.inputs.device), results)

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product, by the workers; errors as for `evaluate`."""
        self.check(request)
        request = self._seeded(request)

        def part(rows: Request, pulled: torch.Tensor) -> Part[Cotangents]:
            return Part(
                rows=rows.batch,
                digest=rows.program.digest,
                message=lambda program: gradient_request_bytes(rows, pulled, with_program=program),
                read=lambda reply: cotangents_from(reply, rows),
            )

        parts = [part(request.rows(first, last), cotangent[first:last]) for first, last in self._cut(request)]
        return joined_cotangents(request, Call(self._fleet, "Gradient", parts, self.timeout).run())

    def _cut(self, request: Request) -> list[tuple[int, int]]:
        offer = self._offer
        rows = part_rows(request, self.rows_per_call, offer.message_bytes, offer.capabilities.max_batch)
        return cut(request, rows)

    def _seeded(self, request: Request) -> Request:
        """With a seed if anything will be random, so that parts, and parts that are asked again, fit together."""
        noise = self.capabilities.noise
        random = request.shots is not None or (noise is not None and noise.random_phases)
        return replace(request, seed=secrets.randbelow(2**63)) if random and request.seed is None else request

    @property
    def _fleet(self) -> Fleet:
        return _fleet(self.addresses, self.transport)

    @property
    def _offer(self) -> Offer:
        return self._fleet.offer()


@lru_cache(maxsize=256)
def _fleet(addresses: tuple[str, ...], transport: Transport) -> Fleet:
    return Fleet(lambda: addresses, transport)


def _address(text: object) -> str:
    """host:port, as gRPC takes it."""
    if isinstance(text, str):
        host, _, port = text.strip().rpartition(":")
        if host and port.isdecimal() and 0 < int(port) < 65536:
            return f"{host}:{int(port)}"
    raise ConfigurationError(f"a worker's address is host:port, such as 'worker.example:50051', got {text!r}")
