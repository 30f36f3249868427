"""What several backends can do together."""

import math
from collections.abc import Iterable, Sequence
from typing import TypeVar

from hqdist.execution.capabilities import Capabilities, Price
from hqdist.execution.noise import Detectors, Noise

T = TypeVar("T")


def union(regular: Sequence[Capabilities], fallback: Sequence[Capabilities]) -> Capabilities:
    """The capabilities of a router; `Router` says what they mean.

    Args:
        regular: Of its backends; if none of them can tell, of its fallbacks alone.
        fallback: Of its fallbacks.
    """
    every = [*regular, *fallback]
    main = regular or fallback
    return Capabilities(
        exact=any(can.exact for can in every),
        sampled=any(can.sampled for can in every),
        adjoint=any(can.adjoint for can in main),
        readouts=_all(can.readouts for can in every),
        spaces=_all(can.spaces for can in every),
        devices=_all(can.devices for can in every),
        max_modes=_most([can.max_modes for can in every]),
        max_photons=_most([can.max_photons for can in every]),
        max_batch=_most([can.max_batch for can in every]),
        max_shots=_most([can.max_shots for can in every]),
        noise=worst([can.noise for can in main if can.noise is not None]),
        price=_dearest([can.price for can in every if can.price is not None]),
        ledger=", ".join(sorted({can.ledger for can in every if can.ledger is not None})) or None,
    )


def worst(noises: Sequence[Noise]) -> Noise | None:
    """Of each imperfection the worst; None if there are none."""
    if not noises:
        return None
    threshold = any(noise.detectors is Detectors.THRESHOLD for noise in noises)
    return Noise(
        brightness=min(noise.brightness for noise in noises),
        transmittance=min(noise.transmittance for noise in noises),
        indistinguishability=min(noise.indistinguishability for noise in noises),
        g2=max(noise.g2 for noise in noises),
        g2_distinguishable=any(noise.g2_distinguishable for noise in noises),
        phase_imprecision=max(noise.phase_imprecision for noise in noises),
        phase_error=max(noise.phase_error for noise in noises),
        detectors=Detectors.THRESHOLD if threshold else Detectors.PNR,
        dark_counts=max(noise.dark_counts for noise in noises),
    )


def _all(several: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(one for some in several for one in some))


def _most(limits: Sequence[int | None]) -> int | None:
    most = max((math.inf if limit is None else limit for limit in limits), default=math.inf)
    return None if most == math.inf else int(most)


def _dearest(prices: Sequence[Price]) -> Price | None:
    if not prices:
        return None
    return Price(per_shot=max(price.per_shot for price in prices), per_job=max(price.per_job for price in prices))
