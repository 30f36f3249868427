"""One call of the remote backend: its parts, each sent to a worker, and again to another, until all have answered."""

import heapq
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, NoReturn, TypeVar

import grpc

from hqdist.errors import DeadlineError, HqdistError, WorkerUnavailableError
from hqdist.execution.request_id import current_request_id
from hqdist.rpc.client.fleet import Fleet, OfferChangedError
from hqdist.rpc.client.retry import Verdict, pause, verdict
from hqdist.rpc.failures import raised
from hqdist.rpc.service import PROCEDURES
from hqdist.rpc.tracing import client_span

_log = logging.getLogger("hqdist.client")

#: Parts of one call that a worker has at a time: one to compute, one to be there when it is done.
_AHEAD = 2

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Part(Generic[Answer]):
    """Some rows of a request.

    Attributes:
        rows: How many.
        digest: Of the program.
        message: Makes the message to send, with the program or without.
        read: Makes the answer of a reply, or of the replies as they come.
    """

    rows: int
    digest: str
    message: Callable[[bool], Any]
    read: Callable[[Any], Answer]


@dataclass(order=True)
class _Waiting:
    at: float
    index: int
    attempt: int = field(compare=False, default=0)


class Call(Generic[Answer]):
    """Sends parts until all are answered. Parts are idempotent: nothing is remembered between them, nothing is paid."""

    def __init__(self, fleet: Fleet, method: str, parts: Sequence[Part[Answer]], timeout: float) -> None:
        """Prepare.

        Args:
            fleet: Who may answer.
            method: Name of the procedure.
            parts: What is asked.
            timeout: Seconds for all of it.
        """
        self._fleet = fleet
        self._method = method
        self._parts = parts
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout
        self._id = current_request_id()
        self._answers: dict[int, Answer] = {}
        self._waiting = [_Waiting(0.0, index) for index in range(len(parts))]
        self._flying: dict[int, tuple[str, Callable[[], object]]] = {}
        self._landed: SimpleQueue[tuple[_Waiting, str, Callable[[], Answer]]] = SimpleQueue()
        self._last: str | None = None
        self._trace: tuple[tuple[str, str], ...] = ()

    def run(self) -> list[Answer]:
        """Wait for all answers, in order.

        Raises:
            DeadlineError: If they are not there in time.
            WorkerUnavailableError: If no worker could be reached in that time.
            OfferChangedError: If a worker has changed, so that its answers may not fit those of the others.
            HqdistError: What a worker raised.
        """
        attributes = {"hqdist.request_id": self._id, "hqdist.parts": len(self._parts)}
        with client_span(f"hqdist.{self._method.lower()}", attributes) as self._trace:
            try:
                while len(self._answers) < len(self._parts):
                    self._send()
                    self._receive()
            finally:
                for index in list(self._flying):
                    address, cancel = self._flying.pop(index)
                    cancel()
                    self._fleet.ended(address, self._parts[index].rows)
        return [self._answers[index] for index in range(len(self._parts))]

    def _send(self) -> None:
        """Send every part that may be sent now."""
        now = time.monotonic()
        if now >= self._deadline:
            self._give_up()
        while self._waiting and self._waiting[0].at <= now:
            given = Counter(address for address, _ in self._flying.values())
            busy = [address for address, calls in given.items() if calls >= _AHEAD]
            part = self._parts[self._waiting[0].index]
            address = self._fleet.pick(part.rows, busy)
            if address is None:
                return
            waiting = heapq.heappop(self._waiting)
            try:
                self._fleet.offer_of(address)
            except HqdistError as error:
                self._fleet.ended(address, part.rows)
                if not isinstance(error, WorkerUnavailableError):
                    raise
                self._again(waiting, address, str(error))
                continue
            self._fly(waiting, address, with_program=not self._fleet.knows(address, part.digest))

    def _fly(self, waiting: _Waiting, address: str, *, with_program: bool) -> None:
        part = self._parts[waiting.index]
        procedure = getattr(self._fleet.stub(address), self._method)
        arguments = {
            "timeout": max(0.001, self._deadline - time.monotonic()),
            "metadata": (*self._fleet.call_metadata(self._id, address), *self._trace),
        }
        message, only = part.message(with_program), len(self._parts) == 1

        def land(answer: Callable[[], Answer]) -> None:
            self._landed.put((waiting, address, answer))

        if PROCEDURES[self._method].streams:
            replies = procedure(message, **arguments)
            self._flying[waiting.index] = (address, replies.cancel)
            if only:
                land(_outcome(lambda: part.read(replies)))
            else:
                threading.Thread(target=lambda: land(_outcome(lambda: part.read(replies))), daemon=True).start()
        elif only:  # in this thread: another one takes longer to wake than a small part to compute
            self._flying[waiting.index] = (address, lambda: None)
            land(_outcome(lambda: part.read(procedure(message, **arguments))))
        else:
            reply = procedure.future(message, **arguments)
            self._flying[waiting.index] = (address, reply.cancel)
            reply.add_done_callback(lambda _: land(lambda: part.read(reply.result())))

    def _receive(self) -> None:
        """Wait for an answer, or for when something can be sent."""
        until = self._deadline
        if self._waiting:
            until = min(until, max(self._waiting[0].at, self._fleet.next_up()) if not self._flying else until)
            if self._flying and self._waiting[0].at > time.monotonic():
                until = min(until, self._waiting[0].at)
        try:
            landed = self._landed.get(timeout=min(max(0.0, until - time.monotonic()), 1.0))
        except Empty:
            return
        self._land(*landed)

    def _land(self, waiting: _Waiting, address: str, outcome: Callable[[], Answer]) -> None:
        part = self._parts[waiting.index]
        del self._flying[waiting.index]
        self._fleet.ended(address, part.rows)
        try:
            answer = outcome()
        except grpc.RpcError as error:
            what, alone = verdict(error)
            if what is Verdict.SEND_PROGRAM:
                self._fleet.sent(address, part.digest, known=False)
                self._fleet.given(address, part.rows)
                self._fly(waiting, address, with_program=True)
            elif what is Verdict.ASK_ANEW:
                raise OfferChangedError from error
            elif what is Verdict.ELSEWHERE or (what is Verdict.ONCE_ELSEWHERE and self._may_go_elsewhere(waiting)):
                self._again(waiting, address, str(raised(error, address, self._id)), alone)
            elif error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._give_up()
            else:
                raise raised(error, address, self._id) from error
            return
        self._answers[waiting.index] = answer
        self._fleet.worked(address)
        self._fleet.sent(address, part.digest)

    def _may_go_elsewhere(self, waiting: _Waiting) -> bool:
        """Whether a part that a worker failed at was not tried before, and there is another worker."""
        return waiting.attempt == 0 and len(self._fleet.addresses) > 1

    def _again(self, waiting: _Waiting, address: str, why: str, alone: float = 0.0) -> None:
        self._last = why
        _log.info("request %s is sent again, as %s", self._id, why, extra={"request_id": self._id})
        self._fleet.failed(address, alone)
        heapq.heappush(
            self._waiting, _Waiting(time.monotonic() + pause(waiting.attempt), waiting.index, waiting.attempt + 1)
        )

    def _give_up(self) -> None:
        left = len(self._parts) - len(self._answers)
        text = f"{left} of {len(self._parts)} parts of a request were not answered within {self._timeout:g} s"
        error: HqdistError = DeadlineError(f"{text}; give more with timeout")
        if self._last is not None and not self._flying:
            error = WorkerUnavailableError(f"{text}: {self._last}")
        raise error


def _outcome(answer: Callable[[], Answer]) -> Callable[[], Answer]:
    """Wait for an answer now, and return or raise what came of it when that is called."""
    try:
        found = answer()
    except Exception as error:
        failure = error

        def fail() -> NoReturn:
            raise failure

        return fail
    return lambda: found
