"""Circuits layer by layer, in MerLin's vocabulary."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, cycle, pairwise
from typing import cast

import numpy as np

from hqdist.errors import ProgramError
from hqdist.program.angle import Angle, as_angle, parameter
from hqdist.program.checks import MAX_MODES, listed, whole
from hqdist.program.elements import BeamSplitter, Element, PhaseShifter, rectangle
from hqdist.program.program import Program
from hqdist.program.readout import Probabilities, Readout
from hqdist.program.visibility import unseen_inputs

Modes = int | Sequence[int] | None
Targets = Sequence[int] | Sequence[Sequence[int]]


class CircuitBuilder:
    """Writes a program layer by layer; every method returns the builder, so that calls chain.

    The names and their meaning are those of MerLin's ``CircuitBuilder`` (0.4.2). Where that one goes wrong in
    silence, this one is right or raises `ProgramError`:

    - modes that do not exist, empty lists and pairs of one mode twice are errors, not skipped;
    - an angle that is given is used (`add_superpositions` without targets), or refused where it cannot be;
    - beam splitters may couple any two modes, not only neighbours;
    - a feature that no detector can see is an error (see `program`).

    Example:
        >>> builder = CircuitBuilder(3).add_entangling_layer().add_angle_encoding([0, 1]).add_entangling_layer()
        >>> builder.program([1, 0, 1])
        Program(3 modes, |1,0,1>, 12 BeamSplitter, ..., 12 weights, 2 inputs, Probabilities[fock] -> 6 outputs)

    Args:
        n_modes: Number of modes m.

    Raises:
        ProgramError: If there is no mode.
    """

    def __init__(self, n_modes: int) -> None:
        self._modes = whole(n_modes, "n_modes", least=1, most=MAX_MODES)
        self._elements: list[Element] = []
        self._weights: dict[str, None] = {}
        self._inputs: dict[str, None] = {}
        self._stems: set[str] = set()
        self._features: Counter[str] = Counter()
        self._layers: Counter[str] = Counter()

    @property
    def modes(self) -> int:
        """Number of modes m."""
        return self._modes

    def add_entangling_layer(
        self,
        modes: Sequence[int] | None = None,
        *,
        trainable: bool = True,
        model: str = "mzi",
        name: str | None = None,
        trainable_inner: bool | None = None,
        trainable_outer: bool | None = None,
        seed: int | None = None,
    ) -> "CircuitBuilder":
        """Add an interferometer: a rectangle of two-mode blocks with two phases each, k (k - 1) phases on k modes.

        Its weights are ``{name}_li0``, ``{name}_lo0``, ``{name}_li1``, ... in the order in which light meets them.

        Args:
            modes: None for all modes, ``[first]`` for the modes from there on, ``[first, last]`` for a range with
                both ends.
            trainable: Whether the phases are weights. Others are fixed at random in [0, 2 pi).
            model: The block: "mzi" (balanced beam splitter, inner phase on the upper mode, balanced beam splitter,
                outer phase on the upper mode) or "bell" (inner phase on the upper and outer phase on the lower mode,
                between two balanced beam splitters).
            name: What the weights' names start with; ``el_0``, ``el_1``, ... by default. A name used before gets a
                number, so that layers never share weights by accident.
            trainable_inner: Whether the inner phases are weights; as `trainable` by default.
            trainable_outer: Whether the outer phases are weights; as `trainable` by default.
            seed: Seed of the fixed phases. By default the number of the layer in the builder, so that every process
                builds the same program; MerLin takes it from torch's global generator.

        Raises:
            ProgramError: If the modes are not a range of at least two, or the model is unknown.
        """
        span = self._span(modes)
        if model not in ("mzi", "bell"):
            raise ProgramError(f"an entangling layer has model 'mzi' or 'bell', not {model!r}")
        layer = self._count("entangling")
        stem = self._stem(name if name is not None else f"el_{layer}")
        rng = np.random.default_rng(layer if seed is None else whole(seed, "a seed", least=0))
        train_inner = trainable if trainable_inner is None else trainable_inner
        train_outer = trainable if trainable_outer is None else trainable_outer
        for index, (upper, lower) in enumerate(rectangle(span)):
            fixed_inner, fixed_outer = rng.uniform(0.0, 2 * math.pi, 2)
            inner = self._weight(f"{stem}_li{index}") if train_inner else as_angle(fixed_inner)
            outer = self._weight(f"{stem}_lo{index}") if train_outer else as_angle(fixed_outer)
            balanced = BeamSplitter((upper, lower), as_angle(math.pi / 2))
            shifters = PhaseShifter(upper, inner), PhaseShifter(upper if model == "mzi" else lower, outer)
            if model == "mzi":
                self._elements += [balanced, shifters[0], balanced, shifters[1]]
            else:
                self._elements += [balanced, *shifters, balanced]
        return self

    def add_rotations(
        self,
        modes: Modes = None,
        *,
        trainable: bool = False,
        as_input: bool = False,
        angle: float | None = None,
        value: float | None = None,
        name: str | None = None,
    ) -> "CircuitBuilder":
        """Add a phase shifter to each of some modes: fixed, trainable, or taking a feature.

        Args:
            modes: The modes, each once; None for all.
            trainable: Make each phase a weight: ``{name}_{mode}``, or ``{name}`` for a single mode;
                ``theta_{layer}_{mode}`` without a name.
            as_input: Make each phase a feature; the same as `add_angle_encoding` of these modes.
            angle: The phase of fixed rotations, in radians.
            value: Another word for `angle`.
            name: See `trainable`; for features see `add_angle_encoding`.

        Raises:
            ProgramError: If the modes are not valid, or there is not exactly one of `trainable`, `as_input`, `angle`
                and `value`: a trainable phase has no fixed value, and a fixed phase has no default.
        """
        choices = {"trainable": trainable, "as_input": as_input, "angle": angle is not None, "value": value is not None}
        chosen = [choice for choice, given in choices.items() if given]
        if len(chosen) != 1:
            raise ProgramError(
                "rotations take exactly one of trainable=True, as_input=True, angle=... and value=..., got "
                + (", ".join(chosen) or "none")
            )
        if as_input:
            return self.add_angle_encoding(modes, name)
        targets = self._mode_list(modes)
        fixed = angle if angle is not None else value
        layer = self._count("rotation")
        for mode in targets:
            if fixed is not None:
                phase = as_angle(fixed)
            elif name is None:
                phase = self._weight(self._stem(f"theta_{layer}_{mode}"))
            else:
                phase = self._weight(self._stem(f"{name}_{mode}" if len(targets) > 1 else name))
            self._elements.append(PhaseShifter(mode, phase))
        return self

    def add_angle_encoding(
        self,
        modes: Modes = None,
        name: str | None = None,
        *,
        scale: float = 1.0,
        subset_combinations: bool = False,
        max_order: int | None = None,
    ) -> "CircuitBuilder":
        """Encode one new feature for each of some modes, as the phase ``scale * x`` (radians; no factor pi).

        Features are columns of the input in the order in which encodings declare them, named ``{name}1``,
        ``{name}2``, ... A later encoding of the same name goes on counting: it takes further columns, never the same
        ones again. (MerLin sorts columns by name first; that differs only if a name is taken up again after another.)

        To encode more features than there are modes, add an entangling layer and another encoding. One encoding of
        all m modes sees only differences: the mean of its m features is a global phase.

        Args:
            modes: The modes, each once; None for all.
            name: What the features' names start with; ``px`` by default.
            scale: Radians for each unit of a feature, not 0.
            subset_combinations: Also encode ``scale`` times the sum of each subset of this call's features: pairs
                first, then triples, ..., in lexicographic order, on the same modes in turn.
            max_order: The largest subset, at least 1; None for no limit.

        Raises:
            ProgramError: If the modes are not valid or not enough, or a number is out of range.
        """
        targets = self._mode_list(modes, purpose="one feature each")
        if not math.isfinite(scale) or scale == 0.0:
            raise ProgramError(f"an encoding's scale is a finite number other than 0, got {scale}")
        if max_order is not None and (not subset_combinations or max_order < 1):
            raise ProgramError(
                f"max_order={max_order} limits the subsets of subset_combinations=True and is at least 1"
            )
        features = [self._feature(name if name is not None else "px") for _ in targets]
        largest = 1 if not subset_combinations else len(features) if max_order is None else max_order
        subsets = chain.from_iterable(combinations(features, order) for order in range(1, largest + 1))
        phases = dict.fromkeys(targets, Angle())
        for mode, subset in zip(cycle(targets), subsets, strict=False):
            for feature in subset:
                phases[mode] += scale * feature
        self._elements += [PhaseShifter(mode, phase) for mode, phase in phases.items()]
        return self

    def add_superpositions(
        self,
        targets: Targets | None = None,
        *,
        depth: int = 1,
        theta: float | None = None,
        phi: float | None = None,
        trainable: bool = False,
        trainable_theta: bool | None = None,
        trainable_phi: bool | None = None,
        modes: Sequence[int] | None = None,
        name: str | None = None,
    ) -> "CircuitBuilder":
        """Add beam splitters, each followed by a phase on its first mode.

        Weights are ``{name}_theta_{i}`` and ``{name}_phi_{i}``, i counting the beam splitters of this call.

        Args:
            targets: A pair of modes, or several; any two modes of the circuit, in either order.
            depth: How many times to pass all pairs.
            theta: The mixing angle of fixed beam splitters in radians, transmittance ``cos^2(theta / 2)``. The
                defaults are those that MerLin's builder comes to: pi / 4 (transmittance 85 %) on given targets, pi / 2
                (balanced) between neighbours; but there MerLin ignores an angle that is given.
            phi: The phase after fixed beam splitters in radians, 0 by default.
            trainable: Make both angles weights.
            trainable_theta: Whether theta is a weight; as `trainable` by default.
            trainable_phi: Whether phi is a weight; as `trainable` by default.
            modes: Without targets: couple neighbours of this list in turn; None for all modes.
            name: What the weights' names start with; ``eb0``, ``eb1``, ... by default.

        Raises:
            ProgramError: If pairs, modes or depth are not valid, or an angle is both given and trainable.
        """
        if depth < 1:
            raise ProgramError(f"superpositions pass their pairs at least once, got depth={depth}")
        pairs = self._pairs(targets, modes)
        train_theta = trainable if trainable_theta is None else trainable_theta
        train_phi = trainable if trainable_phi is None else trainable_phi
        if (train_theta and theta is not None) or (train_phi and phi is not None):
            raise ProgramError("an angle is either given or trainable: leave theta or phi out, or do not train it")
        if theta is None:
            theta = math.pi / 2 if targets is None else math.pi / 4
        stem = self._stem(name if name is not None else f"eb{self._count('superposition')}")
        for index, pair in enumerate(pairs * depth):
            mixing = self._weight(f"{stem}_theta_{index}") if train_theta else as_angle(theta)
            self._elements.append(BeamSplitter(pair, mixing))
            phase = self._weight(f"{stem}_phi_{index}") if train_phi else as_angle(phi or 0.0)
            if phase != Angle():
                self._elements.append(PhaseShifter(pair[0], phase))
        return self

    def program(self, input_state: Sequence[int], readout: Readout | None = None) -> Program:
        """The program written so far; the builder can go on.

        Args:
            input_state: Photons entering each mode.
            readout: What comes back; by default the probabilities of all Fock states.

        Raises:
            ProgramError: If the input state or the readout does not fit, or a feature would have no effect on any
                output. MerLin drops such features in silence: with phases before the first or after the last
                entangling layer, and with some `subset_combinations` on all modes (x3 of 4 with ``max_order=2``),
                where a feature adds the same phase to every mode.
        """
        program = Program(
            modes=self._modes,
            input_state=tuple(input_state),
            elements=tuple(self._elements),
            weights=tuple(self._weights),
            inputs=tuple(self._inputs),
            readout=readout if readout is not None else Probabilities(),
        )
        unseen = () if program.complex_valued else unseen_inputs(program)
        if unseen:
            raise ProgramError(
                f"the features {', '.join(unseen)} have no effect on any output: no detector sees a phase before the "
                "first or after the last beam splitter, or one that is equal on all modes; put entangling layers "
                "before and after the encoding, and leave a mode of it free (or choose another max_order) if it "
                "covers all of them"
            )
        return program

    def __repr__(self) -> str:
        return (
            f"CircuitBuilder({self._modes} modes, {len(self._elements)} elements, "
            f"{len(self._weights)} weights, {len(self._inputs)} inputs)"
        )

    def _count(self, layer: str) -> int:
        """The number of earlier layers of a kind."""
        self._layers[layer] += 1
        return self._layers[layer] - 1

    def _stem(self, base: str) -> str:
        """A stem for names that no layer has yet: `base`, or `base` with a number."""
        if not base:
            raise ProgramError("a name cannot be empty; leave it out to have one made")
        numbered: Iterator[str] = (f"{base}_{number}" for number in range(1, len(self._stems) + 2))
        stem = next(stem for stem in chain([base], numbered) if stem not in self._stems)
        self._stems.add(stem)
        return stem

    def _weight(self, name: str) -> Angle:
        self._check_new(name)
        self._weights[name] = None
        return parameter(name)

    def _feature(self, name: str) -> Angle:
        if not name:
            raise ProgramError("a name cannot be empty; leave it out to have one made")
        self._features[name] += 1
        feature = f"{name}{self._features[name]}"
        self._check_new(feature)
        self._inputs[feature] = None
        return parameter(feature)

    def _check_new(self, name: str) -> None:
        if name in self._weights or name in self._inputs:
            raise ProgramError(f"the circuit has a parameter {name!r} already; choose another name for this layer")

    def _mode_list(self, modes: Modes, purpose: str = "each once") -> list[int]:
        if modes is None:
            return list(range(self._modes))
        listed = [whole(mode, "a mode") for mode in (modes if isinstance(modes, Iterable) else [modes])]
        if not listed or len(set(listed)) < len(listed) or not all(0 <= mode < self._modes for mode in listed):
            raise ProgramError(
                f"modes={listed} are not modes of this circuit: list some of 0..{self._modes - 1}, {purpose}; "
                "for more, add an entangling layer and then another layer of this kind"
            )
        return listed

    def _span(self, modes: Sequence[int] | None) -> range:
        ends = [0] if modes is None else [whole(mode, "a mode") for mode in listed(modes, "modes")]
        if len(ends) == 1:
            ends.append(self._modes - 1)
        if len(ends) != 2 or not 0 <= ends[0] < ends[1] < self._modes:
            raise ProgramError(
                f"an entangling layer spans at least two of the modes 0..{self._modes - 1}: give None for all, "
                f"[first], or [first, last] with first < last; got {None if modes is None else list(modes)}"
            )
        return range(ends[0], ends[1] + 1)

    def _pairs(self, targets: Targets | None, modes: Sequence[int] | None) -> list[tuple[int, int]]:
        if targets is None:
            chained = self._mode_list(modes)
            if len(chained) < 2:
                raise ProgramError(f"superpositions need at least two modes, got {chained}")
            return list(pairwise(chained))
        if modes is not None:
            raise ProgramError("give superpositions targets or modes, not both")
        pairs = []
        for target in _several(targets):
            pair = self._mode_list(target)
            if len(pair) != 2:
                raise ProgramError(f"a beam splitter couples two modes, got {target}")
            pairs.append((pair[0], pair[1]))
        if not pairs:
            raise ProgramError("superpositions need at least one pair of modes; leave targets out for all neighbours")
        return pairs


def _several(targets: Targets) -> list[Sequence[int]]:
    """Each pair of modes in the targets, which may be one pair alone."""
    if isinstance(targets, Iterable) and all(isinstance(target, Iterable) for target in targets):
        return list(cast(Sequence[Sequence[int]], targets))
    return [cast(Sequence[int], targets)]
