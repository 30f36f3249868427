"""The part of a worker that accepts: validates what comes, admits it to the queue, and waits for its outcome."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import grpc
import torch

from hqdist.errors import CapabilityError, HqdistError, RequestError, WorkerOverloadedError
from hqdist.execution import Backend, Request
from hqdist.execution.request_id import new_request_id
from hqdist.program import Program
from hqdist.rpc.messages import OFFER, REQUEST_ID, capabilities_message, gradient_request_from, request_from
from hqdist.rpc.v1 import worker_pb2 as pb
from hqdist.rpc.worker.condition import Condition, NotServingError
from hqdist.rpc.worker.jobs import Jobs
from hqdist.rpc.worker.programs import Programs, UnknownProgramError
from hqdist.rpc.worker.queue import Queue
from hqdist.rpc.worker.reply import OfferChangedError, Reply, refuse
from hqdist.rpc.worker.report import Report
from hqdist.rpc.worker.settings import Limits
from hqdist.rpc.worker.work import Outcome, Work

_log = logging.getLogger("hqdist.worker")

#: Reads the request of a call, and its cotangent if it has one.
_Asked = Callable[[], tuple[pb.Request, torch.Tensor | None]]

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

#: What is refused with a status instead of an error of ours.
_REFUSED = (HqdistError, UnknownProgramError, NotServingError, OfferChangedError)


class Acceptor:
    """Serves ``hqdist.rpc.v1.Worker``; what each procedure does is said in protos/."""

    def __init__(
        self, backend: Backend, queue: Queue, limits: Limits, metadata: pb.MetadataReply, condition: Condition
    ) -> None:
        """Serve a backend.

        Args:
            backend: Who evaluates.
            queue: Where requests wait.
            limits: What is taken at most.
            metadata: What the worker says of itself.
            condition: Whether it takes requests.
        """
        self._capabilities = backend.capabilities
        self._backend = backend
        self._queue = queue
        self._limits = limits
        self._metadata = metadata
        self._condition = condition
        self._programs = Programs()
        self._jobs = Jobs()

    async def metadata(self, message: pb.MetadataRequest, context: _Context) -> pb.MetadataReply:
        """What the worker is and takes."""
        return self._metadata

    async def evaluate(self, message: pb.EvaluateRequest, context: _Context) -> bytes:
        """The values of a request, as a serialised `EvaluateReply`."""
        reply: bytes = await self._answer(lambda: (message.request, None), context)
        return reply

    async def evaluate_in_pieces(self, message: pb.EvaluateRequest, context: _Context) -> AsyncIterator[bytes]:
        """The same, as several serialised `EvaluateReply`s."""
        for piece in await self._answer(lambda: (message.request, None), context, in_pieces=True):
            yield piece

    async def gradient(self, raw: bytes, context: _Context) -> pb.GradientReply:
        """The vector-Jacobian product of a request, from a serialised `GradientRequest`."""
        reply: pb.GradientReply = await self._answer(lambda: gradient_request_from(raw), context)
        return reply

    async def submit(self, message: pb.SubmitRequest, context: _Context) -> pb.SubmitReply:
        """Queue a request that nobody has to wait for."""
        try:
            if not 0 < len(message.key) <= 200:
                raise RequestError("a submitted request has a key of 1 to 200 characters")
            if message.key in self._jobs:
                return pb.SubmitReply(adopted=True)
            outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            work = self._put(lambda: (message.request, None), context, float("inf"), outcome)
            self._jobs.add(message.key, work, outcome)
            return pb.SubmitReply(adopted=False)
        except _REFUSED as error:
            await refuse(context, error)

    async def watch(self, message: pb.WatchRequest, context: _Context) -> AsyncIterator[pb.WatchReply]:
        """Follow a submitted request to its end."""
        job = self._jobs.get(message.key)
        if job is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no request {message.key!r} here; submit it, with its key")
            return
        if not job.work.begun.is_set():
            yield pb.WatchReply(state=pb.WatchReply.QUEUED)
            await job.work.begun.wait()
        if not job.outcome.done():
            yield pb.WatchReply(state=pb.WatchReply.RUNNING)
        try:
            reply = pb.EvaluateReply.FromString(await asyncio.shield(job.outcome))
        except Exception as error:
            await refuse(context, error)
        yield pb.WatchReply(state=pb.WatchReply.COMPLETED, result=reply.result)

    async def cancel(self, message: pb.CancelRequest, context: _Context) -> pb.CancelReply:
        """Stop a submitted request."""
        job = self._jobs.get(message.key)
        if job is None or job.outcome.done():
            return pb.CancelReply(cancelled=False)
        self._queue.abandon(job.work)
        return pb.CancelReply(cancelled=True)

    async def statistics(self, message: pb.StatisticsRequest, context: _Context) -> pb.StatisticsReply:
        """What the worker has done."""
        return self._queue.statistics.message(self._queue.schedule)

    async def _answer(self, asked: _Asked, context: _Context, *, in_pieces: bool = False) -> Any:
        """Queue a request and wait; a caller that goes away takes the request along."""
        remaining = context.time_remaining()
        deadline = float("inf") if remaining is None else time.monotonic() + remaining
        outcome: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        work = None
        try:
            work = self._put(asked, context, deadline, outcome, in_pieces=in_pieces)
            return await outcome
        except asyncio.CancelledError:
            if work is not None:
                self._queue.abandon(work)
            raise
        except Exception as error:
            await refuse(context, error)

    def _put(
        self,
        asked: _Asked,
        context: _Context,
        deadline: float,
        outcome: "asyncio.Future[Any]",
        *,
        in_pieces: bool = False,
    ) -> Work:
        headers = _headers(context)
        request_id = headers.get(REQUEST_ID) or new_request_id()
        if headers.get(OFFER, self._metadata.offer) != self._metadata.offer:
            raise OfferChangedError
        try:
            message, cotangent = asked()
            request = self._request(message)
            if cotangent is not None:
                _check_cotangent(cotangent, request)
        except HqdistError as error:
            self._queue.statistics.refuse(error)
            _log.debug("request %s refused: %s", request_id, error, extra={"request_id": request_id})
            raise

        admission = self._condition.admit()
        report = Report(request_id, request, headers, values=cotangent is None)

        def done(result: Outcome | BaseException, answer: Reply | BaseException) -> None:
            self._condition.ended(admission, answer)
            report.ended(result)
            if outcome.done():
                return
            if isinstance(answer, BaseException):
                outcome.set_exception(answer)
                outcome.exception()  # nobody may be left to look at it
            else:
                outcome.set_result(answer)

        try:
            return self._queue.put(
                request,
                cotangent,
                in_pieces=in_pieces,
                capabilities=self._capabilities,
                deadline=deadline,
                request_id=request_id,
                done=done,
            )
        except WorkerOverloadedError as error:
            self._condition.ended(admission, error)
            report.ended(error)
            raise

    def _request(self, message: pb.Request) -> Request:
        program = self._programs.get(message.program_digest, message.program)
        self._check_size(program, message)
        return request_from(message, program)

    def _check_size(self, program: Program, message: pb.Request) -> None:
        limits, batch = self._limits, message.inputs.shape[0] if message.inputs.shape else 0
        bytes_out = 16 * batch * program.outputs
        sizes = (
            ("modes", program.modes, limits.modes),
            ("photons", program.photons, limits.photons),
            ("samples in a request", batch, limits.batch),
            ("bytes of values", bytes_out, limits.message_bytes),
        )
        found = [f"{n:,} {what}, at most {most:,}" for what, n, most in sizes if n > most]
        if found:
            raise CapabilityError(self._backend.name, found)


def _check_cotangent(cotangent: torch.Tensor, request: Request) -> None:
    dtype = request.inputs.dtype
    dtype = dtype.to_complex() if request.program.complex_valued else dtype
    shape = (request.batch, request.program.outputs)
    if tuple(cotangent.shape) != shape or cotangent.dtype != dtype:
        raise RequestError(f"the cotangent is {shape} in {dtype}, got {tuple(cotangent.shape)} in {cotangent.dtype}")


def metadata(backend: Backend, limits: Limits, worker: str, version: str) -> pb.MetadataReply:
    """What a worker says of itself.

    Args:
        backend: Who evaluates.
        limits: What is taken at most.
        worker: Its name.
        version: Of the package.
    """
    offered = pb.MetadataReply(
        backend=backend.name,
        capabilities=capabilities_message(backend.capabilities),
        limits=pb.Limits(message_bytes=limits.message_bytes, batch=limits.batch),
    )
    offer = hashlib.sha256(offered.SerializeToString(deterministic=True)).hexdigest()[:16]
    offered.MergeFrom(pb.MetadataReply(version=version, worker=worker, offer=offer))
    return offered


def _headers(context: _Context) -> dict[str, str]:
    """The headers of a call that are text, and their first hundred characters."""
    return {key: value[:100] for key, value in context.invocation_metadata() or () if isinstance(value, str)}
