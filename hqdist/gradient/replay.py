"""Running the same code twice without evaluating twice what was paid for or drawn: for gradient checkpointing."""

from contextvars import ContextVar, Token
from dataclasses import dataclass

import torch

from hqdist.errors import GradientError
from hqdist.execution import Request, Result


class Tape:
    """What quantum layers evaluated while a piece of code ran, by the order of their calls.

    Results that took shots, credits or jobs, or that anything random entered, are recorded: when the code runs again
    they are given again, bit for bit. Exact values that cost nothing are not; they are computed again, from the same
    numbers to the same bits, which is what saves the memory.
    """

    def __init__(self) -> None:
        self._recorded: list[_Recorded | None] = []

    def recording(self) -> "Pass":
        """The context for the first run."""
        return Pass(self._recorded, replays=False)

    def replaying(self) -> "Pass":
        """The context for each run after it; it may be entered again and again."""
        return Pass(self._recorded, replays=True)


class Pass:
    """One run of the code after another, each while the context lasts."""

    def __init__(self, recorded: "list[_Recorded | None]", *, replays: bool) -> None:
        self._recorded = recorded
        self._replays = replays
        self._next = 0
        self._outer: Pass | None = None
        self._token: Token[Pass | None] | None = None

    def __enter__(self) -> None:
        self._next = 0
        self._outer = _pass.get()
        self._token = _pass.set(self)

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _pass.reset(self._token)

    def entry(self) -> "Entry":
        """The place of the next call."""
        if not self._replays:
            self._recorded.append(None)
        elif self._next >= len(self._recorded):
            raise GradientError(
                "the code under checkpointing calls more quantum layers when it runs again than when it ran first; "
                "make what it does depend on its inputs only"
            )
        index, self._next = self._next, self._next + 1
        return Entry(self._recorded, index, self._replays, self._outer.entry() if self._outer else None)


@dataclass(frozen=True)
class Entry:
    """The place of one call on a tape, and on the tape around it if that code is itself run again."""

    recorded: "list[_Recorded | None]"
    index: int
    replays: bool
    outer: "Entry | None"

    def values(self, request: Request) -> torch.Tensor | None:
        """What was recorded, if this is a run in which it is given again; None if it is to be evaluated."""
        found = self.recorded[self.index] if self.replays else None
        if found is not None:
            return found.values(request)
        values = self.outer.values(request) if self.outer is not None else None
        if values is not None and not self.replays:
            self.recorded[self.index] = _Recorded.of(request, values)
        return values

    def record(self, request: Request, result: Result) -> bool:
        """Keep a result if it must not be evaluated again; whether it is."""
        provenance = result.provenance
        spent = bool(provenance.shots or provenance.credits or provenance.job_ids)
        once = spent or provenance.replayed or provenance.seed is not None
        if once and not self.replays:
            self.recorded[self.index] = _Recorded.of(request, result.values)
        if self.outer is not None:
            self.outer.record(request, result)
        return once


@dataclass(frozen=True)
class _Recorded:
    """Values, without their zeros where few shots leave many of those.

    Attributes:
        digest: Of the program.
        shape: (B, R).
        kept: The values, or those that are not zero.
        places: Where in the flattened values they belong; None where all are kept.
    """

    digest: str
    shape: torch.Size
    kept: torch.Tensor
    places: torch.Tensor | None

    @classmethod
    def of(cls, request: Request, values: torch.Tensor) -> "_Recorded":
        flat, digest = values.detach().flatten(), request.program.digest
        if not flat.is_complex():
            bits = flat.view(torch.int32 if flat.element_size() == 4 else torch.int64)  # -0.0 is not nothing
            places = bits.nonzero().squeeze(1)
            if len(flat) < 2**31:
                places = places.int()
            if len(places) * (places.element_size() + flat.element_size()) < flat.nbytes:
                return cls(digest, values.shape, flat[places], places)
        return cls(digest, values.shape, values.detach().clone(), None)

    def values(self, request: Request) -> torch.Tensor:
        if (request.program.digest, request.batch) != (self.digest, self.shape[0]):
            raise GradientError(
                "the code under checkpointing calls other quantum layers when it runs again than when it ran first; "
                "make what it does depend on its inputs only"
            )
        if self.places is None:
            return self.kept.clone()
        flat = self.kept.new_zeros(self.shape.numel())
        flat[self.places] = self.kept
        return flat.reshape(self.shape)


_pass: ContextVar[Pass | None] = ContextVar("hqdist_replay", default=None)


def next_entry() -> Entry | None:
    """The place of a call on the tape that is running; None if there is none."""
    running = _pass.get()
    return None if running is None else running.entry()
