"""What backends at workers have in common: options, and requests that workers evaluate."""

from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from hqdist.errors import ConfigurationError, WorkerUnavailableError
from hqdist.execution import Backend, Capabilities, Cotangents, Job, Request, Result
from hqdist.execution.options import as_value
from hqdist.program.checks import seconds, whole
from hqdist.rpc.client.client import Client
from hqdist.rpc.client.transport import Transport


@dataclass(frozen=True, kw_only=True)
class WorkersBackend(Backend):
    """Evaluates at workers, wherever a subclass finds them.

    What it can do is what the workers' backend can do. A batch is cut into parts of a fixed size, which go to the
    workers with the least to do; a part whose worker fails goes to another one. Values, and derivatives, are the same
    bits whoever answers.

    Attributes:
        shots: Shots for each sample where a layer names none; None for exact values.
        timeout: Seconds for a call with all its parts, and all that is tried again for it.
        rows_per_call: Rows of a part; None for what suits the program.
        transport: How workers are spoken to, or a table of it: TLS, certificates, the token; see `Transport`.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    shots: int | None = None
    timeout: float = 600.0
    rows_per_call: int | None = None
    transport: Transport = field(default_factory=Transport)

    def __post_init__(self) -> None:
        for option in ("shots", "rows_per_call"):
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, whole(value, option, least=1, error=ConfigurationError))
        object.__setattr__(self, "timeout", seconds(self.timeout, "timeout"))
        transport = as_value(Transport, self.transport, "transport") or Transport()
        object.__setattr__(self, "transport", transport)

    @property
    @abstractmethod
    def client(self) -> Client:
        """Asks the workers; made anew each time, over connections that this process keeps."""

    @property
    def capabilities(self) -> Capabilities:
        """What the workers' backend can do; the first time, one of them is asked.

        Raises:
            WorkerUnavailableError: If none can be reached.
            AuthenticationError: If they do not take the token.
        """
        return self.client.capabilities

    def violations(self, request: Request) -> list[str]:
        """Every constraint that a request violates; the workers are asked again before anything is refused."""
        found = super().violations(request)
        if found:
            self.client.fleet.forget_offers()
            with suppress(WorkerUnavailableError):
                return super().violations(request)
        return found

    def evaluate(self, request: Request) -> Result:
        """Evaluate at the workers.

        Raises:
            CapabilityError: If the workers' backend cannot take the request.
            DeadlineError: If the values are not there within `timeout`.
            WorkerUnavailableError: If no worker could be reached in that time.
            AuthenticationError: If the workers do not take the token.
            HqdistError: What the workers' backend raises.
        """
        self.check(request)
        return self.client.evaluate(request)

    def submit(self, request: Request) -> Job:
        """Start evaluating at the workers; cancelling stops what is paid for, too."""
        self.check(request)
        return self.client.submit(request)

    def vjp(self, request: Request, cotangent: torch.Tensor) -> Cotangents:
        """The vector-Jacobian product, by the workers; errors as for `evaluate`."""
        self.check(request)
        return self.client.vjp(request, cotangent)


def options_from(kind: type[Backend], uri: str, options: dict[str, Any], besides: str) -> dict[str, Any]:
    """The options that come with a URI, if the backend has them.

    Raises:
        ConfigurationError: If it has not.
    """
    known = [option.name for option in fields(kind) if option.name != besides]  # type: ignore[arg-type]
    if unknown := sorted(set(options) - set(known)):
        raise ConfigurationError(f"{uri}: no option {', '.join(unknown)}; its options: {', '.join(known)}")
    return options
