"""A program's circuit, sorted into what all samples share and what differs from sample to sample.

The unitary of sample b is ``U_K G_K(b) U_{K-1} ... G_1(b) U_0``: K + 1 shared unitaries, which depend on the weights
alone and are built once for a batch, around K groups of gates whose angles depend on the inputs. A gate goes into the
earliest stage that the gates before it on its modes allow, so that K is as small as possible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hqdist.program import (
    Angle,
    BeamSplitter,
    BeamSplitterConvention,
    Element,
    PhaseShifter,
    Program,
)
from hqdist_exact._angles import AffineAngles

#: What the integer kinds of gates mean.
PHASE, SPLIT_RX, SPLIT_RY, SPLIT_H, BLOCK = range(5)

_SPLITS = {
    BeamSplitterConvention.RX: SPLIT_RX,
    BeamSplitterConvention.RY: SPLIT_RY,
    BeamSplitterConvention.H: SPLIT_H,
}


class SharedGates(NamedTuple):
    """The gates of the shared unitaries, stage by stage; arrays only, as Numba takes them."""

    stages: NDArray[np.int64]
    """(K + 2,) first gate of each stage, then the number of gates G."""
    kinds: NDArray[np.int64]
    """(G,) kind of each gate."""
    upper: NDArray[np.int64]
    """(G,) its first mode; for a block, the index of the block."""
    lower: NDArray[np.int64]
    """(G,) its second mode; for a phase, the first again."""
    angles: AffineAngles
    """Their angles; zero for a block."""
    block_start: NDArray[np.int64]
    """(blocks + 1,) first of each block's modes, then the number of modes in all."""
    block_modes: NDArray[np.int64]
    """Modes of all blocks, one block after another."""
    matrix_start: NDArray[np.int64]
    """(blocks + 1,) first entry of each block's unitary, then the number of entries in all."""
    block_matrices: NDArray[np.complex128]
    """Entries of all blocks' unitaries, row by row."""


class SampleGates(NamedTuple):
    """The gates that differ from sample to sample."""

    groups: NDArray[np.int64]
    """(K + 1,) first gate of each group, then the number of gates P."""
    kinds: NDArray[np.int64]
    """(P,) kind of each gate."""
    upper: NDArray[np.int64]
    """(P,) its first mode."""
    lower: NDArray[np.int64]
    """(P,) its second mode; for a phase, the first again."""
    angles: AffineAngles
    """Their angles."""


@dataclass(frozen=True, eq=False)
class Circuit:
    """A compiled circuit.

    Attributes:
        modes: Number of modes m.
        occupied: (n,) the mode that each photon enters; a mode with several photons comes several times.
        shared: Gates of the shared unitaries.
        sample: Gates that differ from sample to sample.
    """

    modes: int
    occupied: NDArray[np.int64]
    shared: SharedGates
    sample: SampleGates


@lru_cache(maxsize=256)
def compiled(program: Program) -> Circuit:
    """Compile a program, or return what was compiled before; immutable and shared between threads."""
    per_sample = set(program.inputs)
    shared: list[list[Element]] = [[]]
    sample: list[list[PhaseShifter | BeamSplitter]] = []
    position = [0] * program.modes  # of the last gate on each mode: 2 k in shared stage k, 2 k + 1 in sample group k
    for element in program.elements:
        earliest = max(position[mode] for mode in element.modes)
        if isinstance(element, PhaseShifter | BeamSplitter) and not per_sample.isdisjoint(element.angle.parameters):
            at = earliest | 1
            if at // 2 == len(sample):
                sample.append([])
                shared.append([])
            sample[at // 2].append(element)
        else:
            at = earliest + earliest % 2
            shared[at // 2].append(element)
        for mode in element.modes:
            position[mode] = at
    gates = [gate for group in sample for gate in group]
    parameters = {name: index for index, name in enumerate(program.weights + program.inputs)}
    return Circuit(
        modes=program.modes,
        occupied=np.repeat(np.arange(program.modes), program.input_state),
        shared=_shared_gates(shared, parameters),
        sample=SampleGates(
            groups=_offsets([len(group) for group in sample]),
            kinds=np.array([_kind(gate) for gate in gates], np.int64),
            upper=np.array([gate.modes[0] for gate in gates], np.int64),
            lower=np.array([gate.modes[-1] for gate in gates], np.int64),
            angles=_affine(gates, parameters),
        ),
    )


def _shared_gates(stages: Sequence[Sequence[Element]], parameters: dict[str, int]) -> SharedGates:
    gates = [gate for stage in stages for gate in stage]
    blocks = [gate for gate in gates if not isinstance(gate, PhaseShifter | BeamSplitter)]
    block_index = {id(block): index for index, block in enumerate(blocks)}
    return SharedGates(
        stages=_offsets([len(stage) for stage in stages]),
        kinds=np.array([_kind(gate) for gate in gates], np.int64),
        upper=np.array([block_index.get(id(gate), gate.modes[0]) for gate in gates], np.int64),
        lower=np.array([gate.modes[-1] for gate in gates], np.int64),
        angles=_affine(gates, parameters),
        block_start=_offsets([len(block.modes) for block in blocks]),
        block_modes=np.array([mode for block in blocks for mode in block.modes], np.int64),
        matrix_start=_offsets([len(block.modes) ** 2 for block in blocks]),
        block_matrices=np.concatenate([np.empty(0, np.complex128), *(block.block.ravel() for block in blocks)]),
    )


def _kind(gate: Element) -> int:
    match gate:
        case PhaseShifter():
            return PHASE
        case BeamSplitter():
            return _SPLITS[gate.convention]
        case _:
            return BLOCK


def _angle(gate: Element) -> Angle:
    """The angle as the kernels use it: half of theta for a beam splitter."""
    match gate:
        case PhaseShifter():
            return gate.angle
        case BeamSplitter():
            return gate.theta * 0.5
        case _:
            return Angle()


def _affine(gates: Sequence[Element], parameters: dict[str, int]) -> AffineAngles:
    angles = [_angle(gate) for gate in gates]
    return AffineAngles(
        constants=np.array([angle.constant for angle in angles], np.float64),
        first_term=_offsets([len(angle.terms) for angle in angles]),
        parameters=np.array([parameters[name] for angle in angles for name in angle.parameters], np.int64),
        coefficients=np.array([c for angle in angles for _, c in angle.terms], np.float64),
    )


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
