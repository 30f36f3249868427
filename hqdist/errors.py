"""The exceptions of hqdist: one family, rooted in `HqdistError`, each saying what to do."""

from collections.abc import Sequence


class HqdistError(Exception):
    """Root of every error that hqdist raises on purpose."""


class ProgramError(HqdistError, ValueError):
    """A photonic program, or a part of one, is not valid."""


class RequestError(HqdistError, ValueError):
    """The values sent with a program (weights, inputs, shots, seed) do not fit it."""


class CapabilityError(HqdistError):
    """A backend cannot take a request; `violations` names every reason, not only the first."""

    def __init__(self, backend: str, violations: Sequence[str]) -> None:
        self.backend = backend
        self.violations = tuple(violations)
        super().__init__(f"backend {backend!r} cannot take this request: " + "; ".join(self.violations))

    def __reduce__(self) -> tuple[type["CapabilityError"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.backend, self.violations)


class PostSelectionError(HqdistError):
    """No probability is left in the computation space, so there is nothing to renormalise."""


class PrecisionError(HqdistError, ArithmeticError):
    """Rounding has spoilt a result."""


class GradientError(HqdistError):
    """A derivative was asked for that the chosen method or backend does not offer."""


class BackendError(HqdistError):
    """A backend did not give what it promised."""


class NoBackendError(BackendError):
    """None of a router's backends is available for a request; `reasons` says of each why, and nothing was begun."""

    def __init__(self, message: str, reasons: Sequence[str] = ()) -> None:
        self.message = message
        self.reasons = tuple(reasons)
        super().__init__(": ".join([message, *filter(None, ["; ".join(self.reasons)])]))

    def __reduce__(self) -> tuple[type["NoBackendError"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.message, self.reasons)


class WorkerError(BackendError):
    """A worker refused, failed, or could not be understood."""


class WorkerUnavailableError(WorkerError):
    """No worker could be reached that takes the request."""


class WorkerOverloadedError(WorkerError):
    """The queues of the workers are full; `retry_after` says when, in seconds, there may be room."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class ProviderError(BackendError):
    """A provider of remote devices refused, failed, or could not be understood."""


class AuthenticationError(ProviderError):
    """The provider, or the worker, does not take the token, or there is none."""


class PermissionDeniedError(ProviderError):
    """The provider does not let this account use the platform."""


class CreditsError(ProviderError):
    """The account has no credits (or time) left for this; asking again will not help."""


class QueueFullError(ProviderError):
    """The provider takes no further job from this account for now."""


class PlatformUnavailableError(ProviderError):
    """The platform is down, in maintenance, or unknown."""


class SubmissionUncertainError(ProviderError):
    """A job may or may not have been created, and the provider does not tell; nothing is submitted again unasked."""


class JobFailedError(ProviderError):
    """A job ended without a result."""


class MissingRowsError(JobFailedError):
    """A job's result lacks some of the rows that were asked for; `missing` lists them."""

    def __init__(self, message: str, missing: Sequence[int] = ()) -> None:
        self.missing = tuple(missing)
        super().__init__(message)


class DeadlineError(ProviderError, TimeoutError):
    """A result was not there in time. A provider's job goes on, and the same request takes it up again."""


class LedgerError(HqdistError):
    """The ledger cannot be used, or what is asked of it contradicts what is recorded."""


class BudgetError(HqdistError):
    """A budget does not allow it; nothing was submitted."""


class UnknownBackendError(HqdistError, LookupError):
    """No backend of this name is installed."""


class ConfigurationError(HqdistError, ValueError):
    """A configuration or an option cannot be understood."""


class MissingDependencyError(HqdistError, ImportError):
    """An optional package is needed for this and is not installed."""


class TrainingError(HqdistError):
    """A training run cannot start, go on or be resumed."""
