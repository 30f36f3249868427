"""One request at a worker: what is to be done, whether anybody still waits for it, and how it ended."""

import asyncio
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import torch

from hqdist.execution import Capabilities, Cotangents, Request, Result
from hqdist.rpc.worker.schedule import Ticket

Outcome = Result | Cotangents


class AbandonedError(Exception):
    """Nobody waits for a request any longer, so that it was not computed to its end."""


@dataclass(eq=False)
class Work:
    """A request in the worker's hands.

    Attributes:
        ticket: Its place in the queue.
        request: What is to be evaluated.
        cotangent: (B, R) for a vector-Jacobian product; None for values.
        repeatable: Whether its outcome depends on nothing but itself; see `is_repeatable`.
        in_pieces: Whether its values are sent in pieces.
        request_id: Follows it through logs.
        done: Called once with the outcome and its reply; with what went wrong, for both.
        begun: Set when it leaves the queue, to be computed or not.
    """

    ticket: Ticket
    request: Request
    cotangent: torch.Tensor | None
    repeatable: bool
    in_pieces: bool
    request_id: str
    done: Callable[[Any, Any], None]
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _abandoned: threading.Event = field(default_factory=threading.Event)
    _stop: Callable[[], object] | None = None

    @property
    def abandoned(self) -> bool:
        """Whether computing it may stop."""
        return self._abandoned.is_set()

    def abandon(self) -> None:
        """Nobody waits for it any longer."""
        self._abandoned.set()
        if self._stop is not None:
            self._stop()

    def when_abandoned(self, stop: Callable[[], object]) -> None:
        """Call something if the request is given up, or was already."""
        self._stop = stop
        if self.abandoned:
            stop()


def is_repeatable(request: Request, can: Capabilities) -> bool:
    """Whether a request has the same outcome whenever it is computed, and with whatever else, at no price.

    What is random follows from a request's own seed and rows, and a job that is paid for is recorded by what was asked,
    which must not depend on who else was asking.
    """
    random = request.shots is not None or (can.noise is not None and can.noise.random_phases)
    return not random and can.price is None and can.ledger is None


def group_of(request: Request) -> Hashable:
    """What repeatable requests for values have in common that can be computed together."""
    weights = request.weights
    return request.program.digest, weights.dtype, weights.numpy().tobytes()
