from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DTYPE_UNSPECIFIED: _ClassVar[DType]
    FLOAT32: _ClassVar[DType]
    FLOAT64: _ClassVar[DType]
    COMPLEX64: _ClassVar[DType]
    COMPLEX128: _ClassVar[DType]
DTYPE_UNSPECIFIED: DType
FLOAT32: DType
FLOAT64: DType
COMPLEX64: DType
COMPLEX128: DType

class Tensor(_message.Message):
    __slots__ = ("dtype", "shape", "data")
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    dtype: DType
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, dtype: _Optional[_Union[DType, str]] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("program_digest", "program", "weights", "inputs", "shots", "seed", "first_row")
    PROGRAM_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    FIRST_ROW_FIELD_NUMBER: _ClassVar[int]
    program_digest: bytes
    program: bytes
    weights: Tensor
    inputs: Tensor
    shots: _containers.RepeatedScalarFieldContainer[int]
    seed: int
    first_row: int
    def __init__(self, program_digest: _Optional[bytes] = ..., program: _Optional[bytes] = ..., weights: _Optional[_Union[Tensor, _Mapping]] = ..., inputs: _Optional[_Union[Tensor, _Mapping]] = ..., shots: _Optional[_Iterable[int]] = ..., seed: _Optional[int] = ..., first_row: _Optional[int] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("values", "standard_errors", "acceptance", "provenance")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    STANDARD_ERRORS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    values: Tensor
    standard_errors: Tensor
    acceptance: Tensor
    provenance: Provenance
    def __init__(self, values: _Optional[_Union[Tensor, _Mapping]] = ..., standard_errors: _Optional[_Union[Tensor, _Mapping]] = ..., acceptance: _Optional[_Union[Tensor, _Mapping]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("backend", "worker", "job_ids", "shots", "seed", "credits", "replayed", "performance", "queue_seconds", "compute_seconds", "route", "request_id", "replayed_shots", "replayed_credits")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    JOB_IDS_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_SHOTS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_CREDITS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    worker: str
    job_ids: _containers.RepeatedScalarFieldContainer[str]
    shots: int
    seed: int
    credits: float
    replayed: bool
    performance: _containers.RepeatedScalarFieldContainer[float]
    queue_seconds: float
    compute_seconds: float
    route: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    replayed_shots: int
    replayed_credits: float
    def __init__(self, backend: _Optional[str] = ..., worker: _Optional[str] = ..., job_ids: _Optional[_Iterable[str]] = ..., shots: _Optional[int] = ..., seed: _Optional[int] = ..., credits: _Optional[float] = ..., replayed: _Optional[bool] = ..., performance: _Optional[_Iterable[float]] = ..., queue_seconds: _Optional[float] = ..., compute_seconds: _Optional[float] = ..., route: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., replayed_shots: _Optional[int] = ..., replayed_credits: _Optional[float] = ...) -> None: ...

class MetadataRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MetadataReply(_message.Message):
    __slots__ = ("version", "worker", "backend", "capabilities", "limits", "offer")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    version: str
    worker: str
    backend: str
    capabilities: Capabilities
    limits: Limits
    offer: str
    def __init__(self, version: _Optional[str] = ..., worker: _Optional[str] = ..., backend: _Optional[str] = ..., capabilities: _Optional[_Union[Capabilities, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., offer: _Optional[str] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("exact", "sampled", "adjoint", "readouts", "spaces", "max_modes", "max_photons", "max_batch", "max_shots", "noise", "price", "ledger")
    EXACT_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_FIELD_NUMBER: _ClassVar[int]
    ADJOINT_FIELD_NUMBER: _ClassVar[int]
    READOUTS_FIELD_NUMBER: _ClassVar[int]
    SPACES_FIELD_NUMBER: _ClassVar[int]
    MAX_MODES_FIELD_NUMBER: _ClassVar[int]
    MAX_PHOTONS_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    MAX_SHOTS_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    exact: bool
    sampled: bool
    adjoint: bool
    readouts: _containers.RepeatedScalarFieldContainer[str]
    spaces: _containers.RepeatedScalarFieldContainer[str]
    max_modes: int
    max_photons: int
    max_batch: int
    max_shots: int
    noise: Noise
    price: Price
    ledger: str
    def __init__(self, exact: _Optional[bool] = ..., sampled: _Optional[bool] = ..., adjoint: _Optional[bool] = ..., readouts: _Optional[_Iterable[str]] = ..., spaces: _Optional[_Iterable[str]] = ..., max_modes: _Optional[int] = ..., max_photons: _Optional[int] = ..., max_batch: _Optional[int] = ..., max_shots: _Optional[int] = ..., noise: _Optional[_Union[Noise, _Mapping]] = ..., price: _Optional[_Union[Price, _Mapping]] = ..., ledger: _Optional[str] = ...) -> None: ...

class Noise(_message.Message):
    __slots__ = ("brightness", "transmittance", "indistinguishability", "g2", "g2_distinguishable", "phase_imprecision", "phase_error", "detectors", "dark_counts")
    BRIGHTNESS_FIELD_NUMBER: _ClassVar[int]
    TRANSMITTANCE_FIELD_NUMBER: _ClassVar[int]
    INDISTINGUISHABILITY_FIELD_NUMBER: _ClassVar[int]
    G2_FIELD_NUMBER: _ClassVar[int]
    G2_DISTINGUISHABLE_FIELD_NUMBER: _ClassVar[int]
    PHASE_IMPRECISION_FIELD_NUMBER: _ClassVar[int]
    PHASE_ERROR_FIELD_NUMBER: _ClassVar[int]
    DETECTORS_FIELD_NUMBER: _ClassVar[int]
    DARK_COUNTS_FIELD_NUMBER: _ClassVar[int]
    brightness: float
    transmittance: float
    indistinguishability: float
    g2: float
    g2_distinguishable: bool
    phase_imprecision: float
    phase_error: float
    detectors: str
    dark_counts: float
    def __init__(self, brightness: _Optional[float] = ..., transmittance: _Optional[float] = ..., indistinguishability: _Optional[float] = ..., g2: _Optional[float] = ..., g2_distinguishable: _Optional[bool] = ..., phase_imprecision: _Optional[float] = ..., phase_error: _Optional[float] = ..., detectors: _Optional[str] = ..., dark_counts: _Optional[float] = ...) -> None: ...

class Price(_message.Message):
    __slots__ = ("per_shot", "per_job")
    PER_SHOT_FIELD_NUMBER: _ClassVar[int]
    PER_JOB_FIELD_NUMBER: _ClassVar[int]
    per_shot: float
    per_job: float
    def __init__(self, per_shot: _Optional[float] = ..., per_job: _Optional[float] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("message_bytes", "batch")
    MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    message_bytes: int
    batch: int
    def __init__(self, message_bytes: _Optional[int] = ..., batch: _Optional[int] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: Request
    def __init__(self, request: _Optional[_Union[Request, _Mapping]] = ...) -> None: ...

class EvaluateReply(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: Result
    def __init__(self, result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class GradientRequest(_message.Message):
    __slots__ = ("request", "cotangent")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    COTANGENT_FIELD_NUMBER: _ClassVar[int]
    request: Request
    cotangent: Tensor
    def __init__(self, request: _Optional[_Union[Request, _Mapping]] = ..., cotangent: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class GradientReply(_message.Message):
    __slots__ = ("weights", "inputs", "provenance")
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    weights: Tensor
    inputs: Tensor
    provenance: Provenance
    def __init__(self, weights: _Optional[_Union[Tensor, _Mapping]] = ..., inputs: _Optional[_Union[Tensor, _Mapping]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("request", "key")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    request: Request
    key: str
    def __init__(self, request: _Optional[_Union[Request, _Mapping]] = ..., key: _Optional[str] = ...) -> None: ...

class SubmitReply(_message.Message):
    __slots__ = ("adopted",)
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    adopted: bool
    def __init__(self, adopted: _Optional[bool] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class WatchReply(_message.Message):
    __slots__ = ("state", "result")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[WatchReply.State]
        QUEUED: _ClassVar[WatchReply.State]
        RUNNING: _ClassVar[WatchReply.State]
        COMPLETED: _ClassVar[WatchReply.State]
    STATE_UNSPECIFIED: WatchReply.State
    QUEUED: WatchReply.State
    RUNNING: WatchReply.State
    COMPLETED: WatchReply.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    state: WatchReply.State
    result: Result
    def __init__(self, state: _Optional[_Union[WatchReply.State, str]] = ..., result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class CancelReply(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: bool
    def __init__(self, cancelled: _Optional[bool] = ...) -> None: ...

class StatisticsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatisticsReply(_message.Message):
    __slots__ = ("uptime_seconds", "queued", "queued_rows", "running", "completed", "failed", "refused", "abandoned", "batches", "rows", "shots", "credits", "queue_seconds", "compute_seconds")
    class FailedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_ROWS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    uptime_seconds: float
    queued: int
    queued_rows: int
    running: int
    completed: int
    failed: _containers.ScalarMap[str, int]
    refused: int
    abandoned: int
    batches: int
    rows: int
    shots: int
    credits: float
    queue_seconds: float
    compute_seconds: float
    def __init__(self, uptime_seconds: _Optional[float] = ..., queued: _Optional[int] = ..., queued_rows: _Optional[int] = ..., running: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[_Mapping[str, int]] = ..., refused: _Optional[int] = ..., abandoned: _Optional[int] = ..., batches: _Optional[int] = ..., rows: _Optional[int] = ..., shots: _Optional[int] = ..., credits: _Optional[float] = ..., queue_seconds: _Optional[float] = ..., compute_seconds: _Optional[float] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("kind", "type", "message", "violations", "missing", "retry_after_seconds")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RAISED: _ClassVar[Error.Kind]
        UNKNOWN_PROGRAM: _ClassVar[Error.Kind]
        OVERLOADED: _ClassVar[Error.Kind]
        NOT_SERVING: _ClassVar[Error.Kind]
        OFFER_CHANGED: _ClassVar[Error.Kind]
    RAISED: Error.Kind
    UNKNOWN_PROGRAM: Error.Kind
    OVERLOADED: Error.Kind
    NOT_SERVING: Error.Kind
    OFFER_CHANGED: Error.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    kind: Error.Kind
    type: str
    message: str
    violations: _containers.RepeatedScalarFieldContainer[str]
    missing: _containers.RepeatedScalarFieldContainer[int]
    retry_after_seconds: float
    def __init__(self, kind: _Optional[_Union[Error.Kind, str]] = ..., type: _Optional[str] = ..., message: _Optional[str] = ..., violations: _Optional[_Iterable[str]] = ..., missing: _Optional[_Iterable[int]] = ..., retry_after_seconds: _Optional[float] = ...) -> None: ...
