"""Requests, results and capabilities as protobuf messages, and back."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any, TypeVar

import torch
from google.protobuf.message import DecodeError

from hqdist.errors import BackendError, RequestError
from hqdist.execution import Capabilities, Cotangents, Noise, Price, Provenance, Request, Result
from hqdist.program import (
    Amplitudes,
    ComputationSpace,
    ModeExpectations,
    NumberCorrelators,
    Probabilities,
    Program,
    Readout,
)
from hqdist.rpc.bulk import with_bulk, without_bulk
from hqdist.rpc.tensors import is_tensor, tensor_from, tensor_message, tensor_parts, write
from hqdist.rpc.v1 import worker_pb2 as pb

T = TypeVar("T")
M = TypeVar("M")

_READOUTS: dict[str, type[Readout]] = {
    kind.__name__: kind for kind in (Probabilities, ModeExpectations, NumberCorrelators, Amplitudes)
}

#: The large fields: EvaluateReply.result.values.data, GradientRequest.cotangent.data.
_VALUES, _COTANGENT = (1, 1, 3), (2, 3)

#: Bytes of values in a piece, whole numbers: few enough to stay in a processor's cache on their way.
PIECE_BYTES = 2**20

#: The headers by which a caller says what it takes the worker to offer, and what it calls the request.
OFFER, REQUEST_ID = "x-offer", "x-request-id"

_LIMITS = ("max_modes", "max_photons", "max_batch", "max_shots")


def request_message(request: Request, *, with_program: bool) -> pb.Request:
    """A request; its program goes along, or only its digest."""
    shots = request.shots
    return pb.Request(
        program_digest=bytes.fromhex(request.program.digest),
        program=request.program.to_bytes() if with_program else b"",
        weights=tensor_message(request.weights),
        inputs=tensor_message(request.inputs),
        shots=() if shots is None else (shots,) if isinstance(shots, int) else shots,
        seed=request.seed,
        first_row=request.first_row,
    )


def request_from(message: pb.Request, program: Program) -> Request:
    """The request of a message, for a program that is known already.

    Raises:
        RequestError: If it does not fit the program.
    """
    shots = tuple(message.shots)
    inputs = tensor_from(message.inputs, "inputs")
    if len(shots) > 1 and inputs.ndim > 0 and len(shots) != len(inputs):
        raise RequestError(f"shots are one number or one for each of {len(inputs)} rows, got {len(shots)} numbers")
    return Request(
        program=program,
        weights=tensor_from(message.weights, "weights"),
        inputs=inputs,
        shots=None if not shots else shots[0] if len(shots) == 1 else shots,
        seed=message.seed if message.HasField("seed") else None,
        first_row=message.first_row,
    )


def result_bytes(result: Result) -> bytes:
    """A result as a serialised `EvaluateReply`."""
    message, data = _result_parts(result)
    return with_bulk(message.SerializeToString(), _VALUES, data)


def result_pieces(result: Result) -> Iterator[bytes]:
    """A result as serialised `EvaluateReply`s: all but the data of the values, then these, piece by piece."""
    message, data = _result_parts(result)
    pieces = (data[first : first + PIECE_BYTES] for first in range(0, len(data), PIECE_BYTES))
    return chain((message.SerializeToString(),), (with_bulk(b"", _VALUES, piece) for piece in pieces))


def _result_parts(result: Result) -> tuple[pb.EvaluateReply, memoryview]:
    """The message of a result without the data of its values, and these."""
    values, data = tensor_parts(result.values)
    message = pb.Result(
        values=values,
        standard_errors=_if_any(tensor_message, result.standard_errors),
        acceptance=_if_any(tensor_message, result.acceptance),
        provenance=provenance_message(result.provenance),
    )
    return pb.EvaluateReply(result=message), data


def result_from(raw: bytes, request: Request, into: torch.Tensor) -> Result:
    """The result of a serialised `EvaluateReply`, on the CPU.

    Args:
        raw: What came.
        request: What it answers.
        into: (B, R) on the CPU, where the values are written to.

    Raises:
        BackendError: If it has not the shape that was asked for, or is none.
    """
    message, data = _read_result(raw)
    shape = (request.batch, request.program.outputs)
    return _result(message, request, _answer(message.values, shape, into.dtype, "values", data, into))


def result_from_pieces(replies: Iterator[bytes], request: Request, into: torch.Tensor) -> Result:
    """The result of serialised `EvaluateReply`s, on the CPU; each is read as it comes.

    Args:
        replies: What comes.
        request: What they answer.
        into: (B, R) on the CPU, where the values are written to.

    Raises:
        BackendError: If they have not the shape that was asked for, or are none.
    """
    message, data = _read_result(next(replies, b""))
    _hold(message.values, (request.batch, request.program.outputs), into.dtype, "values")
    there = 0
    try:
        there = write(data, into, there)
        for raw in replies:
            there = write(_read_result(raw)[1], into, there)
    except RequestError as error:
        raise BackendError(f"a worker's answer cannot be understood: {error}") from error
    if there < into.numel():
        raise BackendError(f"a worker's answer ended after {there:,} of {into.numel():,} values")
    return _result(message, request, into)


def _read_result(raw: bytes) -> tuple[pb.Result, bytes | memoryview]:
    """The result of a serialised `EvaluateReply`, and the data of its values."""
    try:
        rest, data = without_bulk(raw, _VALUES)
        message = pb.EvaluateReply.FromString(rest).result
    except (ValueError, DecodeError) as error:
        raise BackendError(f"a worker's answer cannot be understood: {error}") from error
    return message, message.values.data if data is None else data


def _result(message: pb.Result, request: Request, values: torch.Tensor) -> Result:
    """The result of a message whose values are there already."""
    shape, dtype = (request.batch, request.program.outputs), request.inputs.dtype
    return Result(
        values=values,
        standard_errors=_answer(message.standard_errors, shape, dtype, "standard errors")
        if message.HasField("standard_errors")
        else None,
        acceptance=_answer(message.acceptance, shape[:1], dtype, "acceptance")
        if message.HasField("acceptance")
        else None,
        provenance=provenance_from(message.provenance),
    )


def gradient_request_bytes(request: Request, cotangent: torch.Tensor, *, with_program: bool) -> bytes:
    """A request for a vector-Jacobian product as a serialised `GradientRequest`."""
    shell, data = tensor_parts(cotangent)
    message = pb.GradientRequest(request=request_message(request, with_program=with_program), cotangent=shell)
    return with_bulk(message.SerializeToString(), _COTANGENT, data)


def gradient_request_from(raw: bytes) -> tuple[pb.Request, torch.Tensor]:
    """The request and the cotangent of a serialised `GradientRequest`.

    Raises:
        RequestError: If it is none.
    """
    try:
        rest, data = without_bulk(raw, _COTANGENT)
        message = pb.GradientRequest.FromString(rest)
    except (ValueError, DecodeError) as error:
        raise RequestError(f"this is no GradientRequest: {error}") from error
    return message.request, tensor_from(message.cotangent, "the cotangent", data)


def cotangents_message(cotangents: Cotangents) -> pb.GradientReply:
    """A vector-Jacobian product."""
    return pb.GradientReply(
        weights=tensor_message(cotangents.weights),
        inputs=tensor_message(cotangents.inputs),
        provenance=provenance_message(cotangents.provenance),
    )


def cotangents_from(message: pb.GradientReply, request: Request) -> Cotangents:
    """The vector-Jacobian product of a message, on the CPU.

    Raises:
        BackendError: If it has not the shape that was asked for.
    """
    return Cotangents(
        weights=_answer(message.weights, tuple(request.weights.shape), request.weights.dtype, "derivatives by weights"),
        inputs=_answer(message.inputs, tuple(request.inputs.shape), request.inputs.dtype, "derivatives by inputs"),
        provenance=provenance_from(message.provenance),
    )


def provenance_message(provenance: Provenance) -> pb.Provenance:
    """Where values come from."""
    return pb.Provenance(**vars(provenance))


def provenance_from(message: pb.Provenance) -> Provenance:
    """See `provenance_message`."""
    return Provenance(
        backend=message.backend,
        worker=message.worker or None,
        job_ids=tuple(message.job_ids),
        shots=message.shots,
        seed=message.seed if message.HasField("seed") else None,
        credits=message.credits,
        replayed=message.replayed,
        replayed_shots=message.replayed_shots,
        replayed_credits=message.replayed_credits,
        performance=tuple(message.performance),
        queue_seconds=message.queue_seconds,
        compute_seconds=message.compute_seconds,
        route=tuple(message.route),
        request_id=message.request_id or None,
    )


def capabilities_message(can: Capabilities) -> pb.Capabilities:
    """What a worker's backend can do; devices do not travel, as values do through the CPU's memory."""
    return pb.Capabilities(
        exact=can.exact,
        sampled=can.sampled,
        adjoint=can.adjoint,
        readouts=[name for name, kind in _READOUTS.items() if kind in can.readouts],
        spaces=[space.value for space in can.spaces],
        noise=_if_any(lambda noise: pb.Noise(**asdict(noise)), can.noise),
        price=_if_any(lambda price: pb.Price(**asdict(price)), can.price),
        ledger=can.ledger,
        **{limit: getattr(can, limit) for limit in _LIMITS},
    )


def capabilities_from(message: pb.Capabilities) -> Capabilities:
    """See `capabilities_message`; readouts and spaces that this version does not know are left out.

    Raises:
        ConfigurationError: If the noise is none.
    """
    noise, price = message.noise, message.price
    return Capabilities(
        exact=message.exact,
        sampled=message.sampled,
        adjoint=message.adjoint,
        readouts=tuple(_READOUTS[name] for name in message.readouts if name in _READOUTS),
        spaces=tuple(space for space in ComputationSpace if space.value in message.spaces),
        devices=("cpu", "cuda"),
        noise=Noise(**_fields(noise)) if message.HasField("noise") else None,
        price=Price(**_fields(price)) if message.HasField("price") else None,
        ledger=message.ledger if message.HasField("ledger") else None,
        **{limit: getattr(message, limit) if message.HasField(limit) else None for limit in _LIMITS},
    )


def _fields(message: pb.Noise | pb.Price) -> dict[str, Any]:
    return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}


def _if_any(convert: Callable[[T], M], value: T | None) -> M | None:
    return None if value is None else convert(value)


def _answer(
    message: pb.Tensor,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    what: str,
    data: bytes | memoryview | None = None,
    into: torch.Tensor | None = None,
) -> torch.Tensor:
    """A tensor of an answer, held to the shape and precision that were asked for."""
    _hold(message, shape, dtype, what)
    try:
        return tensor_from(message, what, data, into)
    except RequestError as error:
        raise BackendError(f"a worker's answer cannot be understood: {error}") from error


def _hold(message: pb.Tensor, shape: tuple[int, ...], dtype: torch.dtype, what: str) -> None:
    if not is_tensor(message, shape, dtype):
        raise BackendError(f"a worker answered {what} of shape {tuple(message.shape)}, not {shape} in {dtype}")
