"""The backend for Quandela's platforms: what it takes, and a request's way there and back."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from hqdist.errors import ConfigurationError
from hqdist.execution import (
    Backend,
    Budget,
    Capabilities,
    Counts,
    Job,
    Ledger,
    Noise,
    Price,
    Provenance,
    Request,
    Result,
    default_ledger_path,
    read_counts,
)
from hqdist.execution.options import as_value
from hqdist.program.checks import seconds, text, whole
from hqdist_quandela.client import Client
from hqdist_quandela.credentials import read_token
from hqdist_quandela.patience import Patience
from hqdist_quandela.payload import job_body
from hqdist_quandela.platform import READOUTS, Platform, read_platform
from hqdist_quandela.providers import quandela_client, scaleway_client
from hqdist_quandela.results import RowResult, read_results
from hqdist_quandela.submission import Delivery, Order, deliver

#: Where each provider's users keep their token, unless they say otherwise; Perceval looks there too.
_TOKEN_VARIABLES = {"quandela": "PCVL_CLOUD_TOKEN", "scaleway": "SCALEWAY_CLOUD_TOKEN"}


@dataclass(frozen=True, kw_only=True)
class QuandelaBackend(Backend):
    """Evaluates on a platform of Quandela's: ``sim:...`` or ``qpu:...``, on Quandela Cloud or Scaleway.

    Every job is recorded in a ledger before it is submitted. A request that was submitted before, by this process or
    another, is taken up again and never paid for twice: the same program, numbers, shots and seed on the same platform
    are the same request. The token is read from the environment or a file when it is needed, and kept nowhere.

    Attributes:
        platform: Its name, such as ``qpu:belenos``.
        shots: Shots for each sample where a layer names none; None for exact values, where the platform gives them.
        noise: Noise for a ``sim:`` platform to simulate; a QPU has its own.
        budget: What may be spent on the platform, as the ledger counts it; None for no limit.
        price: What the provider charges, for estimates and budgets in credits; it does not tell by itself.
        ledger: Path of the ledger; None for `hqdist.execution.default_ledger_path`.
        provider: ``"quandela"`` or ``"scaleway"``.
        url: Of the service; None for the provider's own.
        token_variable: Environment variable with the token; None for ``PCVL_CLOUD_TOKEN`` or ``SCALEWAY_CLOUD_TOKEN``.
        token_file: A file with nothing but the token in it, instead of the variable.
        timeout: Seconds that a call waits for its values at most; None waits for ever.
        poll_seconds: Seconds until the first look after a job; later ones are further apart.
        http_timeout: Seconds for each HTTP call.
        rows_per_job: Most samples in one job.
        project: Scaleway's project id.
        session: Scaleway: name of the session; whoever gives the same name shares it.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    name: ClassVar[str] = "quandela"

    platform: str
    shots: int | None = None
    noise: Noise | None = None
    budget: Budget | None = None
    price: Price | None = None
    ledger: str | None = None
    provider: Literal["quandela", "scaleway"] = "quandela"
    url: str | None = None
    token_variable: str | None = None
    token_file: str | None = None
    timeout: float | None = None
    poll_seconds: float = 1.0
    http_timeout: float = 10.0
    rows_per_job: int = 500
    project: str | None = None
    session: str = "hqdist"

    def __post_init__(self) -> None:
        for option, kind in (("noise", Noise), ("budget", Budget), ("price", Price)):
            object.__setattr__(self, option, as_value(kind, getattr(self, option), option))
        if self.budget is not None and self.budget.credits is not None and self.price is None:
            raise ConfigurationError(
                "a budget in credits needs the price, which no platform tells: give price, such as {per_shot = 0.001, "
                "per_job = 0.0}, or limit shots, jobs or seconds"
            )
        text(self.platform, "platform, such as 'qpu:belenos',")
        for option in ("ledger", "url", "token_variable", "token_file", "project", "session"):
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, text(value, option))
        if self.provider not in _TOKEN_VARIABLES:
            raise ConfigurationError(f"provider is one of {', '.join(_TOKEN_VARIABLES)}, got {self.provider!r}")
        if self.provider == "scaleway" and not self.project:
            raise ConfigurationError("Scaleway needs the id of a project: give project")
        for option in ("shots", "rows_per_job"):
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, whole(value, option, least=1, error=ConfigurationError))
        for option in ("timeout", "poll_seconds", "http_timeout"):
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, seconds(value, option))

    @property
    def specifications(self) -> Platform:
        """What the platform says of itself; asked for once in a process.

        Raises:
            PlatformUnavailableError: If it does not answer, or not in a way that can be understood.
            AuthenticationError: If there is no token, or it is not taken.
        """
        return _connected(self)[1]

    @property
    def capabilities(self) -> Capabilities:
        """What the platform takes; the first time, it is asked."""
        platform = self.specifications
        return Capabilities(
            exact=platform.exact,
            sampled=platform.sampled,
            adjoint=False,
            readouts=READOUTS,
            max_modes=platform.max_modes,
            max_photons=platform.max_photons,
            max_shots=platform.max_shots,
            noise=self.device_noise,
            price=self.price,
            ledger=self._ledger.identity,
        )

    def violations(self, request: Request) -> list[str]:
        """What `Backend.violations` finds, and everything else that the platform would refuse, or never check."""
        platform = self.specifications
        found = super().violations(request) + platform.violations(request)
        if self.noise is not None and platform.hardware:
            found.append(f"noise for {platform.name}, which has its own; leave noise out")
        elif self.noise is not None and self.noise.dark_counts:
            found.append(f"dark counts, which {platform.name} does not simulate; use the backend 'sampling' for them")
        return found

    def evaluate(self, request: Request) -> Result:
        """Evaluate on the platform and wait for the values.

        Raises:
            CapabilityError: If the platform would not take the request; nothing was submitted.
            BudgetError: If it would exceed the budget; nothing was submitted.
            CreditsError: If the account has no credits left.
            QueueFullError: If the provider takes no job within the time given; if it took some, a `ProviderError`.
            SubmissionUncertainError: If a job may have been created and the provider does not tell.
            JobFailedError: If a job ended without a result.
            MissingRowsError: If a job's result lacks rows.
            DeadlineError: If the values are not there in time; the jobs go on, and the same request takes them up.
            PostSelectionError: If no shot of a row counts.
        """
        self.check(request)
        return self._evaluate(request, self._patience())

    def submit(self, request: Request) -> Job:
        """Start evaluating in the background; cancelling cancels the jobs of this request, and no others."""
        self.check(request)
        kept = replace(request, weights=request.weights.clone(), inputs=request.inputs.clone())
        patience = self._patience()
        return Job(lambda: self._evaluate(kept, patience), on_cancel=patience.stop.set)

    def sample(self, request: Request) -> list[Counts]:
        """The detections of each row as they came; `request.shots` is needed. See `evaluate` for errors."""
        self.check(request)
        if request.shots is None:
            raise ConfigurationError("detections come from shots; set shots")
        rows, _, _ = self._rows(request, self._patience())
        return _counts(rows, request, self.device_noise)

    def cancel(self, job_id: str) -> None:
        """Cancel one job at the provider."""
        _connected(self)[0].cancel(job_id)

    @property
    def device_noise(self) -> Noise:
        """The noise that values have: what the platform is told to simulate, or its own."""
        return self.noise or self.specifications.noise

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.ledger or default_ledger_path())

    def _patience(self) -> Patience:
        return Patience(self.timeout, self.poll_seconds)

    def _evaluate(self, request: Request, patience: Patience) -> Result:
        seed = secrets.randbelow(2**63) if request.seed is None else request.seed
        request = replace(request, seed=seed)
        rows, deliveries, orders = self._rows(request, patience)
        paid = [order for order, got in zip(orders, deliveries, strict=True) if not got.replayed]
        replayed = [order for order, got in zip(orders, deliveries, strict=True) if got.replayed]
        counts = _counts(rows, request, self.device_noise)
        values, errors, acceptance = read_counts(request.program, counts, request.inputs)
        return Result(
            values=values,
            standard_errors=None if request.shots is None else errors,
            acceptance=acceptance,
            provenance=Provenance(
                backend=self.name,
                worker=self.platform,
                job_ids=tuple(delivery.job for delivery in deliveries),
                shots=sum(order.shots for order in paid),
                seed=seed,
                credits=sum(order.credits for order in paid),
                replayed=bool(orders) and not paid,
                replayed_shots=sum(order.shots for order in replayed),
                replayed_credits=sum(order.credits for order in replayed),
                performance=tuple(row.performance for row in rows if row.performance is not None),
                queue_seconds=max((delivery.state.queue_seconds for delivery in deliveries), default=0.0),
                compute_seconds=sum(delivery.state.compute_seconds for delivery in deliveries),
            ),
        )

    def budget_left(self) -> Mapping[str, float]:
        """What may still be spent on the platform, by the ledger."""
        return {} if self.budget is None else self.budget.left(self._ledger.spent(self.platform))

    def _rows(self, request: Request, patience: Patience) -> tuple[list[RowResult], list[Delivery], list[Order]]:
        starts = range(0, request.batch, self.rows_per_job)
        parts = [request.rows(first, min(first + self.rows_per_job, request.batch)) for first in starts]
        orders = [self._order(part) for part in parts]
        deliveries = deliver(
            orders,
            client=_connected(self)[0],
            ledger=self._ledger,
            platform=self.platform,
            backend=self._table(),
            budget=self.budget,
            patience=patience,
        )
        rows: list[RowResult] = []
        for part, delivery in zip(parts, deliveries, strict=True):
            why = delivery.state.message if delivery.state.status == "completed" else _ended(delivery)
            rows += read_results(delivery.raw, part, delivery.job, why)
        return rows, deliveries, orders

    def _order(self, request: Request) -> Order:
        platform = self.specifications
        command, key = platform.command(request), self._key(request)
        price = self.price or Price()
        return Order(
            key=key,
            name=f"hqdist-{key[:24]}",
            body=lambda name: job_body(
                request,
                command,
                platform=self.platform,
                name=name,
                noise=self.device_noise,
                send_noise=self.noise is not None,
            ),
            shots=request.total_shots,
            credits=price.per_shot * request.total_shots + price.per_job,
        )

    def _key(self, request: Request) -> str:
        """A hash of all that decides the result: equal requests are one request, and are paid for once."""
        facts = {
            "provider": self.provider,
            "url": self.url,
            "platform": self.platform,
            "command": self.specifications.command(request),
            "program": request.program.digest,
            "seed": request.seed,
            "first_row": request.first_row,
            "noise": repr(self.noise),
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for numbers in (
            request.weights.double().cpu().numpy(),
            request.inputs.double().cpu().numpy(),
            request.row_shots,
        ):
            digest.update(repr(numbers.shape).encode() + np.ascontiguousarray(numbers).tobytes())
        return digest.hexdigest()

    def _table(self) -> str:
        """This backend as a configuration file would name it; there is no secret in it."""
        table = {"name": self.name} | {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("noise", "budget", "price") and getattr(self, field.name) != field.default
        }
        return json.dumps(table)


@lru_cache(maxsize=32)
def _connected(backend: QuandelaBackend) -> tuple[Client, Platform]:
    variable = backend.token_variable or _TOKEN_VARIABLES[backend.provider]
    token = read_token(variable, backend.token_file)
    if backend.provider == "quandela":
        client = quandela_client(backend.platform, backend.url, token, backend.http_timeout)
    else:
        assert backend.project is not None
        client = scaleway_client(
            backend.platform,
            backend.url,
            token,
            backend.project,
            backend.session,
            backend.http_timeout,
        )
    return client, read_platform(backend.platform, client.platform())


def _counts(rows: list[RowResult], request: Request, noise: Noise) -> list[Counts]:
    if request.shots is not None:
        return [Counts(row.states, row.weights, int(n)) for row, n in zip(rows, request.row_shots, strict=True)]
    # Of all runs, those without a detection included, the platform keeps the fraction that it calls performance.
    shots = noise.detection_probability(request.program.photons, request.program.modes)
    return [Counts(row.states, row.weights, shots / (row.performance or 1.0)) for row in rows]


def _ended(delivery: Delivery) -> str:
    state = delivery.state
    return f"{state.status}: {state.message}" if state.message else state.status
