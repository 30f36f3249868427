"""The circuit that everybody evaluates, in each contender's own terms.

A mesh, one phase per feature, a mesh. A mesh is a rectangle of m (m - 1) / 2 Mach-Zehnder interferometers, each BS, PS,
BS, PS (MerLin's entangling layer; hqdist's interferometer without its last column of phases, of which probabilities
behind the second mesh know nothing). The m - 1 features are phases on all modes but the last, as a phase on
all modes is none. Phases are numbered alike everywhere: left mesh, then right mesh, column by column.
"""

from dataclasses import dataclass

import torch

import hqdist as hq

LEFT, FEATURE, RIGHT = "left", "x", "right"


@dataclass(frozen=True)
class Point:
    """A size at which contenders meet."""

    modes: int
    photons: int
    batch: int

    @property
    def features(self) -> int:
        return self.modes - 1

    @property
    def phases(self) -> int:
        """Trainable phases, half of them in each mesh."""
        return 2 * self.modes * (self.modes - 1)

    @property
    def input_state(self) -> tuple[int, ...]:
        return hq.StatePattern.PERIODIC.state(self.modes, self.photons)

    @property
    def outputs(self) -> int:
        return hq.ComputationSpace.FOCK.dimension(self.modes, self.photons)

    def __str__(self) -> str:
        return f"({self.modes},{self.photons}) B={self.batch}"


@dataclass(frozen=True)
class Numbers:
    """Phases (T,), inputs (B, F) and the coefficients (B, D) of the loss, all random, in radians."""

    phases: torch.Tensor
    inputs: torch.Tensor
    coefficients: torch.Tensor

    @staticmethod
    def of(point: Point, dtype: torch.dtype = torch.float32, seed: int = 0) -> "Numbers":
        generator = torch.Generator().manual_seed(seed)

        def uniform(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64)

        return Numbers(
            phases=(2 * torch.pi * uniform(point.phases)).to(dtype),
            inputs=(torch.pi * uniform(point.batch, point.features)).to(dtype),
            coefficients=(2 * uniform(point.batch, point.outputs) - 1).to(dtype),
        )


def program(point: Point) -> hq.Program:
    """The circuit as an hqdist program."""
    modes = range(point.modes)
    left, right = (hq.interferometer(modes, name)[: -point.modes] for name in (LEFT, RIGHT))
    features = [f"{FEATURE}{index + 1}" for index in range(point.features)]
    encoding = [hq.PhaseShifter(mode, hq.parameter(name)) for mode, name in enumerate(features)]
    return hq.Program(
        modes=point.modes,
        input_state=point.input_state,
        elements=(*left, *encoding, *right),
        weights=tuple(f"{name}{index}" for name in (LEFT, RIGHT) for index in range(point.phases // 2)),
        inputs=tuple(features),
    )
