"""Times several ways to do the same work against each other, in one process.

The contenders take turns: in every round each is timed once, in an order that alternates, so that whatever slows the
machine down for a while slows all of them. Ratios are formed round by round and only then summarised.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.load import OtherLoad


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeated measurements."""

    median: float
    lower: float
    upper: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        return Spread(median, lower, upper)


@dataclass(frozen=True)
class Race:
    """What a race measured.

    Attributes:
        seconds: For each contender, seconds a call in each round.
        calls: For each contender, how many calls in a row make up one round's measurement.
        others: Cores that other processes kept busy meanwhile; None if unknown.
    """

    seconds: dict[str, list[float]]
    calls: dict[str, int]
    others: float | None

    def spread(self, name: str) -> Spread:
        """A contender's seconds a call, over the rounds."""
        return Spread.of(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> Spread:
        """How many times faster one contender is than another, over the rounds."""
        return Spread.of([a / b for a, b in zip(self.seconds[slow], self.seconds[fast], strict=True)])


def race(
    contenders: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: float = 0.5,
    least: float = 0.1,
) -> Race:
    """Time contenders in alternating order.

    Args:
        contenders: What to call, by name.
        rounds: How often each is timed.
        warm_up: Seconds for which each is called before anything is timed; at least three calls, or one if a single
            call takes that long. The first call, which compiles and fills caches, counts as one of them.
        least: Seconds that a round's measurement should last; contenders faster than this are called several times.
    """
    calls = {name: _calls(_warm(call, warm_up), least) for name, call in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    gc.collect()
    gc.freeze()
    load = OtherLoad()
    try:
        for _ in range(rounds):
            for name in order:
                gc.collect()
                seconds[name].append(_time(contenders[name], calls[name]))
            order.reverse()
    finally:
        gc.unfreeze()
    return Race(seconds, calls, load.cores())


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers."""
    return math.exp(statistics.fmean(map(math.log, values)))


def _warm(call: Callable[[], object], duration: float) -> float:
    """Call until warm; the fastest call's seconds."""
    fastest, end = math.inf, time.perf_counter() + duration
    for count in range(1, 10_000):
        fastest = min(fastest, _time(call, 1))
        late = time.perf_counter() > end
        if late and (count >= 3 or fastest > duration):
            break
    return fastest


def _calls(seconds: float, least: float) -> int:
    return max(1, math.ceil(least / seconds))


def _time(call: Callable[[], object], calls: int) -> float:
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - start) / calls
    finally:
        gc.enable()
