"""Patterns of detections on any torch device (CUDA): the same steps in torch operations, differentiated by torch."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from hqdist_exact._noise_plan import Kind, Step
from hqdist_exact._noise_tables import NoiseTables, pairs


def device_patterns(
    columns: torch.Tensor, tables: NoiseTables, outputs: NDArray[np.int32] | None, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities of patterns (B, D), or summed into (B, R), and their sums (B, 1), divided by ``tables.chance``.

    Args:
        columns: (B, m, n) the occupied columns of every sample's unitary, complex.
        tables: What does not depend on the circuit.
        outputs: (D,) the output of each pattern; None keeps one output per pattern.
        size: Number of outputs.
    """
    device, plan = columns.device, tables.plan
    light = columns[:, :, torch.from_numpy(tables.columns).to(device)]
    single = light.real.square() + light.imag.square()
    factors = torch.from_numpy(tables.detection.factors).to(single)
    nodes: dict[int, torch.Tensor] = {0: columns.new_ones(len(columns), 1)}
    for step in plan.steps:
        source = nodes[step.source]
        match step.kind:
            case Kind.GROW:
                nodes[step.target] = _raised(source, light[:, :, step.group], tables, step.layer, counts=False)
            case Kind.COUNT:
                nodes[step.target] = _counted(source, tables, factors, step)
            case Kind.ADD:
                part = source * step.weight
                nodes[step.target] = nodes[step.target] + part if step.target in nodes else part
            case Kind.RAISE:
                more = _raised(source, single[:, :, step.group], tables, step.layer, counts=True)
                nodes[step.target] = more * step.weight
            case Kind.CLICK:
                nodes[step.target] = _clicked(source, single[:, :, step.group], tables) * step.weight
    detection = tables.detection
    values = single.new_zeros(len(columns), tables.dimension)
    if tables.results:
        rows = torch.cat([nodes[node] for node in tables.results], dim=1)
        terms = rows[:, torch.from_numpy(detection.terms).to(device)] * torch.from_numpy(detection.shares).to(single)
        patterns = np.repeat(np.arange(tables.dimension), np.diff(detection.first))
        values = values.index_add(1, torch.from_numpy(patterns).to(device), terms)
    total = values.detach().sum(dim=1, keepdim=True)
    if outputs is not None:
        into = torch.from_numpy(outputs.astype(np.int64)).to(device)
        values = values.new_zeros(len(values), size).index_add(1, into, values)
    return values, total


def _raised(layer: torch.Tensor, one: torch.Tensor, tables: NoiseTables, photons: int, *, counts: bool) -> torch.Tensor:
    """``result[s] = sum_j one[j] layer[s - e_j]``."""
    children, parents, modes = _moved(tables, counts, photons, layer.device)
    recursion = tables.counts if counts else tables.light
    dimension = int(recursion.layers[photons + 1] - recursion.layers[photons])
    return layer.new_zeros(len(layer), dimension).index_add(1, children, layer[:, parents] * one[:, modes])


def _clicked(sets: torch.Tensor, one: torch.Tensor, tables: NoiseTables) -> torch.Tensor:
    """``result[s] = sum_j in s one[j] (sets[s - j] + sets[s])``."""
    layers = torch.split(sets, np.diff(tables.counts.layers).tolist(), dim=1)
    found = [torch.zeros_like(layers[0])]
    for photons, (below, own) in enumerate(pairwise(layers), start=1):
        children, parents, modes = _moved(tables, True, photons, sets.device)
        terms = (below[:, parents] + own[:, children]) * one[:, modes]
        found.append(torch.zeros_like(own).index_add(1, children, terms))
    return torch.cat(found, dim=1)


def _counted(amplitudes: torch.Tensor, tables: NoiseTables, factors: torch.Tensor, step: Step) -> torch.Tensor:
    first, last = tables.light.layers[step.layer : step.layer + 2].tolist()
    squares = (amplitudes.real.square() + amplitudes.imag.square()) * factors[first:last]
    if tables.plan.layers[step.target] >= 0:
        return squares
    places = tables.detection.clicked[first:last]
    seen = places >= 0
    into = torch.from_numpy(places[seen]).to(squares.device)
    found = squares.new_zeros(len(squares), tables.sizes[step.target])
    return found.index_add(1, into, squares[:, torch.from_numpy(seen).to(squares.device)])


@lru_cache(maxsize=256)
def _moved(
    tables: NoiseTables, counts: bool, photons: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Child, parent and mode of the pairs of a layer."""
    children, parents, modes = pairs(tables.counts if counts else tables.light, photons)
    return (
        torch.from_numpy(children).to(device),
        torch.from_numpy(parents).to(device),
        torch.from_numpy(modes).to(device),
    )
