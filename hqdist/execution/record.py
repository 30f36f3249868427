"""What a piece of code takes of backends: the provenance of every evaluation in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from hqdist.execution.result import Provenance


@dataclass(frozen=True)
class ProvenanceRecord:
    """The provenances of what quantum layers evaluated, values and derivatives, in the order of their completion.

    Attributes:
        evaluations: One for each call of a layer, and one for each backward pass through it.
    """

    evaluations: list[Provenance] = field(default_factory=list)

    @property
    def shots(self) -> int:
        """Shots spent in all; values that were replayed from a ledger spend none."""
        return sum(provenance.shots for provenance in self.evaluations)

    @property
    def credits(self) -> float:
        """What it cost in all, in the providers' credits."""
        return sum(provenance.credits for provenance in self.evaluations)

    @property
    def replayed_shots(self) -> int:
        """Shots of what was replayed from a ledger: paid for before, by whomever."""
        return sum(provenance.replayed_shots for provenance in self.evaluations)

    @property
    def replayed_credits(self) -> float:
        """What that had cost."""
        return sum(provenance.replayed_credits for provenance in self.evaluations)


_records: ContextVar[tuple[ProvenanceRecord, ...]] = ContextVar("hqdist_provenance_records", default=())


@contextmanager
def record_provenance() -> Iterator[ProvenanceRecord]:
    """Within this context (in this thread), record where the values of quantum layers come from and what they took.

    A backward pass is recorded where its forward pass was, whenever it comes. Contexts nest; each records all.
    """
    record = ProvenanceRecord()
    token = _records.set((*_records.get(), record))
    try:
        yield record
    finally:
        _records.reset(token)


def open_records() -> tuple[ProvenanceRecord, ...]:
    """The records of the contexts that the caller is in."""
    return _records.get()
