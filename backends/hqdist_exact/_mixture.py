"""Distributions of photons from noisy sources, in torch operations: batched, and differentiated by torch."""

from functools import lru_cache

import numpy as np
import torch

from hqdist.program import ComputationSpace
from hqdist_exact._lattice import Lattice
from hqdist_exact._recursion import layers_of


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
    amplitudes = columns.new_ones(rows, 1, 1)
    found = {0: columns.real.new_ones(rows, 1, 1)}
    for photons, layer in enumerate(plan.amplitudes, start=1):
        one = columns.index_select(2, _on(layer.sources, columns)).transpose(1, 2)
        amplitudes = add_photon(amplitudes.index_select(1, _on(layer.parents, columns)), one, photons)
        if len(layer.leaves):
            leaves = _on(layer.leaves, columns)
            kept = amplitudes.index_select(1, leaves)
            weights = _factorials(modes, photons, columns.device).to(kept.real.dtype)
            factors = torch.from_numpy(layer.factors).to(weights)[leaves]
            found[photons] = (kept.real.square() + kept.imag.square()) * weights / factors[:, None]
    return found


def add_photon(layer: torch.Tensor, one: torch.Tensor, photons: int) -> torch.Tensor:
    """Amplitudes or probabilities of N photons from those of N - 1, (B, k, D_{N-1}), and of one, (B, k or 1, m).

    ``result[s] = sum_j one[j] layer[s - e_j]`` over the modes j that are occupied in s.
    """
    modes, parents, counted = _parents(one.shape[2], photons, one.device)
    # one term after another: memory for the sum alone
    return _add_photon(layer, one, modes, parents, counted)


def _add_photon(
    layer: torch.Tensor, one: torch.Tensor, modes: torch.Tensor, parents: torch.Tensor, counted: torch.Tensor
) -> torch.Tensor:
    choices = max(layer.shape[1], one.shape[1])
    terms = layer[:, :, parents] * (one[:, :, modes] * counted)
    return terms.sum(dim=3).expand(-1, choices, -1)


@lru_cache(maxsize=128)
def _parents(modes: int, photons: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For each state of N photons, the modes of its photons, what is left without one, and whether it is a new mode."""
    layer = layers_of(modes, photons, "fock")[photons]
    first = np.ones(layer.photons.shape, np.float64)
    first[:, 1:] = layer.photons[:, 1:] != layer.photons[:, :-1]
    return (
        torch.from_numpy(layer.photons.astype(np.int64)).to(device),
        torch.from_numpy(layer.without.astype(np.int64)).to(device),
        torch.from_numpy(first).to(device, torch.float32),
    )


@lru_cache(maxsize=128)
def _factorials(modes: int, photons: int, device: torch.device) -> torch.Tensor:
    """``prod_j s_j!`` of every state, (D_N,)."""
    table = np.cumprod([1.0, *range(1, photons + 1)])
    states = ComputationSpace.FOCK.states(modes, photons)
    return torch.from_numpy(table[states].prod(axis=1)).to(device)


def _on(indices: np.ndarray[tuple[int, ...], np.dtype[np.int64]], like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(indices).to(like.device)
