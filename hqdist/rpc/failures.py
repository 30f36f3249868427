"""Exceptions as a call's status and trailer, and back: the caller raises what the worker raised."""

from collections.abc import Iterable

import grpc
from google.protobuf.message import DecodeError

from hqdist import errors
from hqdist.errors import (
    AuthenticationError,
    BudgetError,
    CapabilityError,
    ConfigurationError,
    CreditsError,
    DeadlineError,
    GradientError,
    HqdistError,
    MissingRowsError,
    PermissionDeniedError,
    PlatformUnavailableError,
    PostSelectionError,
    PrecisionError,
    ProgramError,
    QueueFullError,
    RequestError,
    WorkerError,
    WorkerOverloadedError,
    WorkerUnavailableError,
)
from hqdist.rpc.v1 import worker_pb2 as pb

#: The trailer that says what a status does not.
TRAILER = "hqdist-error-bin"

#: Most characters of a message that travel; headers are limited to 8 KiB in all.
_LONGEST = 2000

#: Options of `hqdist.rpc.client.transport.Transport`, by what gRPC says when they do not fit.
_HINTS = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not signed by whom the transport's authority names",
    "Hostname Verification": "its certificate is for another name; see the transport's server_name",
    "WRONG_VERSION_NUMBER": "it does not speak TLS; say tls=False in the transport if the network is trusted",
    "security handshaker": "a file that the transport names holds no certificate, or no key, in PEM",
    "Socket closed": "it may want TLS (the transport's authority) or a certificate of its callers (certificate, key)",
}

_STATUS: tuple[tuple[tuple[type[HqdistError], ...], grpc.StatusCode], ...] = (
    (
        (ProgramError, RequestError, CapabilityError, GradientError, ConfigurationError),
        grpc.StatusCode.INVALID_ARGUMENT,
    ),
    ((PostSelectionError, PrecisionError), grpc.StatusCode.OUT_OF_RANGE),
    ((WorkerOverloadedError, QueueFullError, BudgetError, CreditsError), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ((PermissionDeniedError,), grpc.StatusCode.PERMISSION_DENIED),
    ((PlatformUnavailableError,), grpc.StatusCode.UNAVAILABLE),
    ((DeadlineError,), grpc.StatusCode.DEADLINE_EXCEEDED),
)


def status_of(error: BaseException) -> tuple[grpc.StatusCode, pb.Error]:
    """The status and the details of an exception. What is not of ours is told as a `WorkerError`, with its type."""
    if not isinstance(error, HqdistError):
        text = f"the worker failed: {type(error).__name__}: {error}"
        return grpc.StatusCode.INTERNAL, pb.Error(type=WorkerError.__name__, message=_shortened(text))
    details = pb.Error(type=type(error).__name__, message=_shortened(str(error)))
    if isinstance(error, CapabilityError):
        details.message = error.backend
        details.violations.extend(_shortened(line, 500) for line in error.violations[:10])
    if isinstance(error, MissingRowsError):
        details.missing.extend(error.missing[:500])
    if isinstance(error, WorkerOverloadedError):
        details.kind, details.retry_after_seconds = pb.Error.OVERLOADED, error.retry_after
    return next((code for kinds, code in _STATUS if isinstance(error, kinds)), grpc.StatusCode.INTERNAL), details


def details_of(error: grpc.RpcError) -> pb.Error | None:
    """What a worker says of a failed call; None if the failure is not the worker's own."""
    trailers: Iterable[tuple[str, str | bytes]] = getattr(error, "trailing_metadata", tuple)() or ()
    for key, value in trailers:
        if key == TRAILER and isinstance(value, bytes):
            try:
                return pb.Error.FromString(value)
            except DecodeError:
                return None
    return None


def raised(error: grpc.RpcError, address: str, request_id: str) -> HqdistError:
    """The exception to raise for a failed call; a note to it says what to look for in the worker's log.

    Args:
        error: As gRPC has it.
        address: Of the worker, for messages.
        request_id: What the request is called.
    """
    details = details_of(error)
    failure = _from_status(error, address) if details is None else _from_details(details, address)
    failure.add_note(f"request {request_id} at worker {address}")
    return failure


def _from_status(error: grpc.RpcError, address: str) -> HqdistError:
    code, said = error.code(), f"worker {address}: {error.details() or error.code().name}"
    found: dict[grpc.StatusCode, HqdistError] = {
        grpc.StatusCode.UNAUTHENTICATED: AuthenticationError(f"{said}; give the token that it was started with"),
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError(f"worker {address} has not answered in time; see timeout"),
        grpc.StatusCode.UNAVAILABLE: WorkerUnavailableError(said + _hint(said)),
        grpc.StatusCode.RESOURCE_EXHAUSTED: WorkerError(f"{said}; send fewer rows in a call with rows_per_call"),
        grpc.StatusCode.UNIMPLEMENTED: WorkerError(f"{said}; this is no hqdist worker, or one of another version"),
    }
    return found.get(code, WorkerError(f"{said} ({code.name})"))


def _hint(said: str) -> str:
    """What to do about a connection that could not be made, by what gRPC says of it."""
    return next((f"; {hint}" for words, hint in _HINTS.items() if words in said), "")


def _from_details(details: pb.Error, address: str) -> HqdistError:
    kind = getattr(errors, details.type, WorkerError)
    if not (isinstance(kind, type) and issubclass(kind, HqdistError)):
        kind = WorkerError
    if kind is CapabilityError:
        return CapabilityError(details.message, details.violations)
    if kind is MissingRowsError:
        return MissingRowsError(details.message, details.missing)
    if details.kind == pb.Error.OVERLOADED:
        return WorkerOverloadedError(f"worker {address}: {details.message}", details.retry_after_seconds)
    if details.kind == pb.Error.NOT_SERVING:
        return WorkerUnavailableError(f"worker {address}: {details.message}")
    made: HqdistError = kind(details.message)
    return made


def _shortened(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[:longest] + "…"
