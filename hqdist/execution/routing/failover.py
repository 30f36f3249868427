"""Which errors let another candidate be asked, and which requests may be asked of two."""

from hqdist.errors import (
    HqdistError,
    NoBackendError,
    PlatformUnavailableError,
    QueueFullError,
    WorkerOverloadedError,
    WorkerUnavailableError,
)
from hqdist.execution.backend import Backend
from hqdist.execution.capabilities import Capabilities
from hqdist.execution.request import Request

#: Errors that say that nothing was begun for the request, so that nothing can be paid for twice.
NOTHING_BEGUN: tuple[type[HqdistError], ...] = (PlatformUnavailableError, QueueFullError, NoBackendError)

#: Errors after which a part of the request may have been evaluated, which matters where that costs something.
CONNECTION_LOST: tuple[type[HqdistError], ...] = (WorkerUnavailableError, WorkerOverloadedError)

#: All errors that say that a candidate is unavailable. No other error ever lets another candidate be asked.
FAILS_OVER = NOTHING_BEGUN + CONNECTION_LOST


def may_fail_over(error: HqdistError, capabilities: Capabilities) -> bool:
    """Whether another candidate may be asked after this error of a candidate with these capabilities."""
    free = capabilities.price is None and capabilities.ledger is None
    return isinstance(error, NOTHING_BEGUN) or (isinstance(error, CONNECTION_LOST) and free)


def may_be_asked_twice(request: Request, backend: Backend, capabilities: Capabilities) -> bool:
    """Whether a request may go to this candidate while another one works on it: free, exact, and not random.

    A candidate that submits jobs to a provider (one that can cancel them) counts as one that charges, whatever price
    it knows; so does one that chooses between several, which can tell for itself.
    """
    noise = capabilities.noise
    random = request.shots is not None or (noise is not None and noise.random_phases and request.seed is None)
    charges = capabilities.price is not None or capabilities.ledger is not None
    charges = charges or type(backend).cancel is not Backend.cancel
    return not random and not charges and backend.for_one_call() is backend


def in_words(error: Exception) -> str:
    """An error with its type."""
    return f"{type(error).__name__}: {error}"
