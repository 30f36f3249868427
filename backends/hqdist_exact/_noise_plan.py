"""How the distribution of what noisy sources send is put together: as few convolutions as possible, in order.

Every source gives c photons in the mode that all share, and p in modes of their own, with a probability w(c, p). The
sources of one input mode are taken together, as a *group* with the weights of their sum. A choice S of how many common
photons each group gives has an amplitude of its own; with private photons in any number behind it, what is wanted is

    sum over S, p of  prod_g w_g(S_g, p_g)  |amplitude of S|^2 * q_1^p_1 * q_2^p_2 * ...

where * adds photons (a convolution) and q_g is where one photon of group g leaves. The groups are decided one after
another from the last. With H_g(S) the distribution when the groups before g give S and the others are decided,

    H_G(S) = |amplitude of S|^2,   H_g(S) = X_0 + q_g * (X_1 + q_g * (X_2 + ...)),
    X_p = sum_c w_g(c, p) H_{g+1}(S, c).

For n sources of single photons in modes of their own these are 2^n - 1 convolutions (term by term it would be
n 2^(n-1)), and one step of SLOS for each of the 2^n subsets. They are listed depth first, so that what a step reads was
written shortly before; numbers of photons that cannot lead to what is wanted are left out.

Detectors that only click are taken into account at once where that is exact: one photon more makes of the clicked set s
the set s + j. So no distribution over more than the common photons is ever there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from math import factorial
from typing import NamedTuple

Weights = Mapping[tuple[int, int], float]


class Kind(IntEnum):
    """What a step does.

    GROW: amplitudes with one more common photon. COUNT: their squares, by photons or by clicks. ADD: a multiple of a
    distribution. RAISE: one more private photon, counted. CLICK: one more private photon, at detectors that click.
    """

    GROW = 0
    COUNT = 1
    ADD = 2
    RAISE = 3
    CLICK = 4


class Step(NamedTuple):
    """One step: adds `weight` times something of the node `source` to the node `target`."""

    kind: Kind
    source: int
    target: int
    layer: int
    """Photons in the target; for COUNT in both."""
    group: int
    """Which group sends the photon."""
    weight: float


@dataclass
class Plan:
    """Steps between nodes; node 0 is the vacuum's amplitude.

    Attributes:
        layers: Of each node, its number of photons; -1 for clicked sets of every size.
        complex_valued: Of each node, whether it holds amplitudes.
        steps: In the order in which they can be done.
        results: Node and weight of what is wanted, by the number of photons; by -1 for clicked sets.
    """

    layers: list[int] = field(default_factory=lambda: [0])
    complex_valued: list[bool] = field(default_factory=lambda: [True])
    steps: list[Step] = field(default_factory=list)
    results: dict[int, tuple[int, float]] = field(default_factory=dict)

    def node(self, layer: int, complex_valued: bool = False) -> int:
        """A new node."""
        self.layers.append(layer)
        self.complex_valued.append(complex_valued)
        return len(self.layers) - 1


def together(one: Weights, sources: int) -> dict[tuple[int, int], float]:
    """The weights of several sources that feed the same mode: ``w(c, p)`` of their sums."""
    total = {(0, 0): 1.0}
    for _ in range(sources):
        more: dict[tuple[int, int], float] = {}
        for (c, p), weight in total.items():
            for (c1, p1), weight1 in one.items():
                more[c + c1, p + p1] = more.get((c + c1, p + p1), 0.0) + weight * weight1
        total = more
    return total


class Planner:
    """Makes a plan.

    Args:
        groups: The weights of each group.
        least: Fewest photons that are wanted.
        most: Most photons that are wanted.
        clicks: Whether private photons meet detectors that click; `most` does not bind then.
    """

    def __init__(self, groups: list[dict[tuple[int, int], float]], least: int, most: int, clicks: bool) -> None:
        self.groups = groups
        self.clicks = clicks
        self.plan = Plan()
        #: the most photons that the groups from g on can give
        self._future = [0]
        for weights in reversed(groups):
            self._future.insert(0, self._future[0] + max((c + p for c, p in weights), default=0))
        if groups and not all(groups):
            return
        self.plan.results = self._decided(0, 0, 0, 1.0, least, most)

    def _decided(
        self, group: int, amplitude: int, common: int, scale: float, least: int, most: int
    ) -> dict[int, tuple[int, float]]:
        """H_g(S): nodes and weights by the number of photons, of `least` to `most` photons."""
        if group == len(self.groups):
            if not self.clicks and not least <= common <= most:
                return {}
            layer = -1 if self.clicks else common
            node = self.plan.node(layer)
            self.plan.steps.append(Step(Kind.COUNT, amplitude, node, common, 0, 1.0))
            return {layer: (node, scale)}
        weights = self.groups[group]
        found: dict[int, dict[int, tuple[int, float]]] = {}
        for c in range(max(c for c, _ in weights) + 1):
            private = [p for c1, p in weights if c1 == c]
            if c:
                if not self.clicks and common + c > most:
                    break
                grown = self.plan.node(common + c, complex_valued=True)
                self.plan.steps.append(Step(Kind.GROW, amplitude, grown, common + c, group, 1.0))
                amplitude = grown
            if not private:
                continue
            fewest, top = (0, most) if self.clicks else (least - max(private), most - min(private))
            if common + c + self._future[group + 1] + max(private) < least or (not self.clicks and common + c > top):
                continue
            # the photons of a choice's own modes are counted in the amplitude: sum over orders, hence 1 / c!
            found[c] = self._decided(group + 1, amplitude, common + c, scale / factorial(c), fewest, top)
        if self.clicks:
            return self._joined(group, found, [-1])
        return self._joined(group, found, range(max(least, 0), most + 1))

    def _joined(
        self, group: int, found: dict[int, dict[int, tuple[int, float]]], layers: range | list[int]
    ) -> dict[int, tuple[int, float]]:
        """X_0 + q * (X_1 + q * (X_2 + ...)) for every number of photons."""
        weights = self.groups[group]
        joined: dict[int, tuple[int, float]] = {}
        for layer in layers:
            total: tuple[int, float] | None = None
            for p in range(max(p for _, p in weights), -1, -1):
                stage = layer if self.clicks else layer - p
                terms = [
                    (found[c][stage][0], found[c][stage][1] * weight)
                    for (c, p1), weight in weights.items()
                    if p1 == p and weight and c in found and stage in found[c]
                ]
                if total is not None:
                    node = self.plan.node(stage)
                    kind = Kind.CLICK if self.clicks else Kind.RAISE
                    self.plan.steps.append(Step(kind, total[0], node, stage, group, total[1]))
                    total = (node, 1.0)
                elif len(terms) == 1:
                    total = terms.pop()
                elif terms:
                    total = (self.plan.node(stage), 1.0)
                if total is not None:
                    self.plan.steps += [Step(Kind.ADD, node, total[0], stage, group, w) for node, w in terms]
            if total is not None:
                joined[layer] = total
        return joined


def planned(groups: list[dict[tuple[int, int], float]], least: int, most: int, clicks: bool) -> Plan:
    """The plan for `least` to `most` photons, or for sets of detectors that click."""
    return Planner(groups, least, most, clicks).plan
