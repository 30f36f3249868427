"""Requests that are paid for, at workers: submitted under a key, followed, taken up again, never paid twice.

The workers of a fleet share one ledger (`Fleet` refuses others). A request is submitted under a key that follows from
its content, seed included; whichever worker is asked again, after a broken connection or a killed worker, finds it in
its own memory or in the ledger, and takes up the job that runs.
"""

import hashlib
import threading
import time
from collections.abc import Iterable
from typing import Any

import grpc
import torch

from hqdist.errors import DeadlineError, WorkerUnavailableError
from hqdist.execution import Request, Result
from hqdist.execution.request_id import current_request_id
from hqdist.rpc.client.fleet import Fleet, OfferChangedError
from hqdist.rpc.client.retry import Verdict, pause, verdict
from hqdist.rpc.failures import raised
from hqdist.rpc.messages import request_message, result_from
from hqdist.rpc.tracing import client_span
from hqdist.rpc.v1 import worker_pb2 as pb

#: Seconds that a worker has to take note of a request.
_SUBMIT = 30.0


class PaidCall:
    """One paid request on its way."""

    def __init__(self, fleet: Fleet, request: Request, timeout: float) -> None:
        """Prepare.

        Args:
            fleet: Who may answer.
            request: What is asked, with its seed.
            timeout: Seconds to wait for the values; the request goes on, and is taken up when it is asked again.
        """
        self._fleet = fleet
        self._request = request
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout
        self._message = request_message(request, with_program=True)
        self._key = hashlib.sha256(self._message.SerializeToString(deterministic=True)).hexdigest()
        self._id = current_request_id()
        self._cancelled = threading.Event()
        self._last: str | None = None
        self._trace: tuple[tuple[str, str], ...] = ()

    def run(self, values: torch.Tensor) -> Result:
        """Wait for the result; its values are written to a tensor (B, R) on the CPU.

        Raises:
            DeadlineError: If it is not there in time.
            WorkerUnavailableError: If no worker could be reached in that time.
            OfferChangedError: If a worker has changed.
            HqdistError: What the workers' backend raised.
        """
        with client_span("hqdist.submit", {"hqdist.request_id": self._id}) as self._trace:
            return self._run(values)

    def _run(self, values: torch.Tensor) -> Result:
        attempt = 0
        while True:
            address = self._fleet.pick(self._request.batch)
            if address is not None:
                try:
                    self._fleet.offer_of(address)
                    return self._at(address, values)
                except grpc.RpcError as error:
                    self._judge(error, address)
                finally:
                    self._fleet.ended(address, self._request.batch)
            if time.monotonic() >= self._deadline:
                self._give_up()
            attempt += 1
            self._cancelled.wait(min(pause(attempt), max(0.0, self._deadline - time.monotonic())))

    def cancel(self) -> None:
        """Have the request stopped, wherever it is known."""
        self._cancelled.set()
        for address in self._fleet.addresses:
            try:
                self._fleet.stub(address).Cancel(
                    pb.CancelRequest(key=self._key),
                    timeout=_SUBMIT,
                    metadata=self._fleet.call_metadata(self._id, address),
                )
            except grpc.RpcError:
                continue  # who cannot be reached does not follow it either

    def _at(self, address: str, values: torch.Tensor) -> Result:
        stub, metadata = self._fleet.stub(address), (*self._fleet.call_metadata(self._id, address), *self._trace)
        left = max(0.001, self._deadline - time.monotonic())
        submit = pb.SubmitRequest(request=self._message, key=self._key)
        stub.Submit(submit, timeout=min(_SUBMIT, left), metadata=metadata)
        replies: Iterable[Any] = stub.Watch(pb.WatchRequest(key=self._key), timeout=left, metadata=metadata)
        for reply in replies:
            if reply.state == pb.WatchReply.COMPLETED:
                self._fleet.worked(address)
                raw = pb.EvaluateReply(result=reply.result).SerializeToString()
                return result_from(raw, self._request, values)
        raise WorkerUnavailableError(f"worker {address} stopped telling about a request before it ended")

    def _judge(self, error: grpc.RpcError, address: str) -> None:
        """Go on after a failed call, or raise what it means."""
        what, alone = verdict(error)
        if what is Verdict.ASK_ANEW:
            raise OfferChangedError from error
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() >= self._deadline:
            self._give_up()
        lost = error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.DEADLINE_EXCEEDED)
        if self._cancelled.is_set() or (what is Verdict.RAISE and not lost):
            raise raised(error, address, self._id) from error
        self._last = str(raised(error, address, self._id))
        self._fleet.failed(address, alone)

    def _give_up(self) -> None:
        if self._last is not None:
            raise WorkerUnavailableError(
                f"no worker has told the result within {self._timeout:g} s: {self._last}; ask again when one is back: "
                "the same request with the same seed is taken up and not paid for again"
            )
        raise DeadlineError(
            f"the result was not there within {self._timeout:g} s; its jobs go on, and the same request with the same "
            "seed takes them up"
        )
