"""Distributions of photons from noisy sources, in torch operations: batched, and differentiated by torch."""

from functools import lru_cache

import numpy as np
import torch

from hqdist.program import ComputationSpace
from hqdist_exact._lattice import Amplitudes, Lattice
from hqdist_exact._photon import add_photon


def distributions(plan: Lattice, columns: torch.Tensor) -> dict[int, torch.Tensor]:
    """The distributions of N photons over all Fock states, (B, D_N), by N; together they sum up to at most 1.

    Args:
        plan: How they are put together.
        columns: (B, m, n) the amplitudes of a photon from each source at each mode, complex.
    """
    before = _leaves(plan, columns)
    single = columns.real.square() + columns.imag.square()
    sources = columns.shape[2]
    for source, steps in zip(range(sources - 1, -1, -1), plan.levels, strict=True):
        one = single[:, None, :, source]
        after = {}
        for step in steps:
            private = max((term.private for term in step.terms), default=0)
            total: torch.Tensor | None = None
            for p in range(private, -1, -1):
                if total is not None:
                    total = add_photon(total, one, step.photons - p)
                for term in step.terms:
                    if term.private != p:
                        continue
                    part = before[term.photons].index_select(1, _on(term.origin, columns)) * term.weight
                    whole = len(term.into) == step.choices
                    if total is None:
                        total = part if whole else part.new_zeros(len(part), step.choices, part.shape[2])
                        if whole:
                            continue
                    total = total + part if whole else total.index_add(1, _on(term.into, columns), part)
            assert total is not None
            after[step.photons] = total
        before = after
    return {photons: distribution[:, 0] for photons, distribution in before.items()}


def _leaves(plan: Lattice, columns: torch.Tensor) -> dict[int, torch.Tensor]:
    """The distributions of the common photons of each choice, (B, choices, D_a), by their number a."""
    rows, modes, _ = columns.shape
    by_source = columns.transpose(1, 2)
    amplitudes = columns.new_ones(rows, 1, 1)
    found = {0: columns.real.new_ones(rows, 1, 1)}
    for photons, layer in enumerate(plan.amplitudes, start=1):
        one = by_source.index_select(1, _on(layer.sources, columns))
        amplitudes = add_photon(amplitudes.index_select(1, _on(layer.parents, columns)), one, photons)
        if len(layer.leaves):
            kept = amplitudes.index_select(1, _on(layer.leaves, columns))
            found[photons] = torch.view_as_real(kept).square().sum(dim=3) * _norms(layer, modes, photons).to(
                columns.device, kept.real.dtype
            )
    return found


@lru_cache(maxsize=128)
def _norms(layer: Amplitudes, modes: int, photons: int) -> torch.Tensor:
    """``prod_j s_j! / prod t!`` for every leaf and every state, (l, D_a)."""
    table = np.cumprod([1.0, *range(1, photons + 1)])
    states = ComputationSpace.FOCK.states(modes, photons)
    return torch.from_numpy(table[states].prod(axis=1) / layer.factors[layer.leaves, None])


def _on(indices: np.ndarray[tuple[int, ...], np.dtype[np.int64]], like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(indices).to(like.device)
