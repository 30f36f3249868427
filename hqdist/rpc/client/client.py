"""What a backend at workers does with a request: cut it into parts, have them answered, put the answers together."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from hqdist.errors import WorkerUnavailableError
from hqdist.execution import Capabilities, Cotangents, Job, Request, Result
from hqdist.rpc.client.call import Call, Part
from hqdist.rpc.client.fleet import Fleet, OfferChangedError
from hqdist.rpc.client.paid import PaidCall
from hqdist.rpc.client.parts import cut, joined_cotangents, joined_results, part_rows
from hqdist.rpc.messages import (
    PIECE_BYTES,
    cotangents_from,
    gradient_request_bytes,
    request_message,
    result_from,
    result_from_pieces,
)
from hqdist.rpc.v1 import worker_pb2 as pb

_log = logging.getLogger("hqdist.client")

#: Times that workers may change during one call.
_CHANGES = 3

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Client:
    """Asks the workers of a fleet.

    Attributes:
        fleet: Who answers.
        timeout: Seconds for a call with all its parts, and all that is tried again for it.
        rows_per_call: Rows of a part; None for what suits the program.
    """

    fleet: Fleet
    timeout: float
    rows_per_call: int | None

    @property
    def capabilities(self) -> Capabilities:
        """What the workers' backend can do; the first time, one of them is asked."""
        return self.fleet.offer().capabilities

    def evaluate(self, request: Request) -> Result:
        """The values of a request; see `WorkersBackend.evaluate`."""
        return self._by_one_offer(lambda: self._evaluate(request))

    def _evaluate(self, request: Request) -> Result:
        request = self._seeded(request)
        values = _room(request)
        if self.capabilities.ledger is not None:
            result = PaidCall(self.fleet, request, self.timeout).run(values)
            return replace(result, values=values.to(request.inputs.device))

        cuts = self._cut(request)
        in_pieces = values[slice(*cuts[0])].nbytes > PIECE_BYTES
        read: Callable[[Any, Request, torch.Tensor], Result] = result_from_pieces if in_pieces else result_from

        def part(rows: Request, into: torch.Tensor) -> Part[Result]:
            return Part(
                rows=rows.batch,
                digest=rows.program.digest,
                message=lambda program: pb.EvaluateRequest(request=request_message(rows, with_program=program)),
                read=lambda reply: read(reply, rows, into),
            )

        parts = [part(request.rows(first, last), values[first:last]) for first, last in cuts]
        results = Call(self.fleet, "EvaluateInPieces" if in_pieces else "Evaluate", parts, self.timeout).run()
        return joined_results(values.to(request.inputs.device), results)

    def submit(self, request: Request) -> Job:
        """Start evaluating; see `Backend.submit`. Cancelling stops what is paid for, too."""
        kept = self._seeded(replace(request, weights=request.weights.clone(), inputs=request.inputs.clone()))
        if self.capabilities.ledger is None:
            return Job(lambda: self.evaluate(kept))
        call = PaidCall(self.fleet, kept, self.timeout)
        return Job(lambda: self._by_one_offer(lambda: call.run(_room(kept))), on_cancel=call.cancel)

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product of a request; see `WorkersBackend.evaluate`."""
        return self._by_one_offer(lambda: self._vjp(request, cotangent))

    def _vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        request = self._seeded(request)

        def part(rows: Request, pulled: torch.Tensor) -> Part[Cotangents]:
            return Part(
                rows=rows.batch,
                digest=rows.program.digest,
                message=lambda program: gradient_request_bytes(rows, pulled, with_program=program),
                read=lambda reply: cotangents_from(reply, rows),
            )

        parts = [part(request.rows(first, last), cotangent[first:last]) for first, last in self._cut(request)]
        return joined_cotangents(request, Call(self.fleet, "Gradient", parts, self.timeout).run())

    def _by_one_offer(self, ask: Callable[[], Answer]) -> Answer:
        """Ask, and ask all of it anew if workers turn out to have been replaced by others that offer something else."""
        for _ in range(_CHANGES):
            try:
                return ask()
            except OfferChangedError:
                self.fleet.forget_offers()
                _log.warning("the workers at %s have changed; they are asked anew", ", ".join(self.fleet.addresses))
        raise WorkerUnavailableError(f"what the workers offer has changed {_CHANGES} times during one call")

    def _cut(self, request: Request) -> list[tuple[int, int]]:
        offer = self.fleet.offer()
        rows = part_rows(request, self.rows_per_call, offer.message_bytes, offer.capabilities.max_batch)
        return cut(request, rows)

    def _seeded(self, request: Request) -> Request:
        """With a seed if anything will be random, so that parts, and parts that are asked again, fit together."""
        noise = self.capabilities.noise
        random = request.shots is not None or (noise is not None and noise.random_phases)
        return replace(request, seed=secrets.randbelow(2**63)) if random and request.seed is None else request


def _room(request: Request) -> torch.Tensor:
    """Where the values of a request are written to, (B, R) on the CPU."""
    dtype = request.inputs.dtype
    dtype = dtype.to_complex() if request.program.complex_valued else dtype
    return torch.empty(request.batch, request.program.outputs, dtype=dtype)
