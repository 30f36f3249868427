"""Simultaneous perturbation: derivatives in all directions at once from two evaluations."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch

from hqdist.errors import ConfigurationError, GradientError
from hqdist.execution import Backend, Cotangents, Request
from hqdist.gradient.method import Cost, GradientMethod, Wanted
from hqdist.gradient.rows import Rows, derived_seed
from hqdist.program import Program
from hqdist.program.checks import real, whole


@dataclass(frozen=True)
class SPSA(GradientMethod):
    r"""Simultaneous perturbation stochastic approximation (Spall 1992, IEEE Trans. Autom. Control 37, 332).

    For each sample b and repetition, random signs D for all weights and the sample's inputs, and two evaluations:

        g = D (L_b(p + step D) - L_b(p - step D)) / (2 step),   L_b = sum_r cotangent_br f_r(p),

    averaged over the repetitions and, for the weights that samples share, summed over them. Its mean over D is the
    derivative but for a bias of order step^2; its spread grows with the number of parameters. Every sample has signs
    of its own, so that spread averages out over a batch. Post-selected values are differentiated as they are.

    The cost of a sample is ``2 repetitions`` evaluations with its shots each, whatever the number of parameters.

    Attributes:
        step: How far parameters are moved, in their own units (radians for weights).
        repetitions: Directions for each sample.

    Raises:
        ConfigurationError: If the step is not above zero or there is no repetition.
    """

    name: ClassVar[str] = "spsa"
    random: ClassVar[bool] = True

    step: float = 0.1
    repetitions: int = 1

    def __post_init__(self) -> None:
        step = real(self.step, "the step of SPSA", error=ConfigurationError)
        if step <= 0:
            raise ConfigurationError(f"the step of SPSA is a number above zero, got {step:g}")
        object.__setattr__(self, "step", step)
        repetitions = whole(self.repetitions, "the repetitions of SPSA", least=1, error=ConfigurationError)
        object.__setattr__(self, "repetitions", repetitions)

    def pull_back(self, backend: Backend, request: Request, cotangent: torch.Tensor, wanted: Wanted) -> Cotangents:
        """Evaluate at both ends of every direction."""
        signs = self._signs(request, wanted)
        rows = self._rows(request, wanted, signs)
        overlaps, _, provenance = rows.overlaps(backend, cotangent)
        both_ends = overlaps.cpu().numpy().reshape(request.batch, -1, 2)
        slopes = (both_ends[:, :, 0] - both_ends[:, :, 1]) / (2 * self.step)
        by_sample = np.zeros((request.batch, signs.shape[2]))
        for repetition in range(slopes.shape[1]):
            by_sample += slopes[:, repetition, None] * signs[:, repetition] / self.repetitions
        weights = len(request.program.weights)
        by_weights = by_sample[:, :weights].sum(axis=0)  # row after row
        return Cotangents(
            weights=torch.from_numpy(by_weights).to(request.inputs),
            inputs=torch.from_numpy(by_sample[:, weights:]).to(request.inputs),
            provenance=provenance,
        )

    def cost(self, backend: Backend, request: Request, wanted: Wanted) -> Cost:
        """See the class."""
        return self._rows(request, wanted, None).cost(backend)

    def _signs(self, request: Request, wanted: Wanted) -> np.ndarray[tuple[int, int, int], np.dtype[np.float64]]:
        """Directions (B, repetitions, T + F); zero for what nobody wants to know."""
        seed, program = derived_seed(request.seed, "directions"), request.program
        if seed is None:
            raise GradientError("SPSA draws its directions from the request's seed; give the request a seed")
        shape = (self.repetitions, len(program.weights) + len(program.inputs))
        signs = np.zeros((request.batch, *shape))
        for row in range(request.batch):
            drawn = np.random.Generator(np.random.Philox(key=[seed, request.first_row + row]))
            signs[row] = 2.0 * drawn.integers(0, 2, shape) - 1.0
        signs[:, :, : len(program.weights)] *= wanted.weights
        signs[:, :, len(program.weights) :] *= wanted.inputs
        return signs

    def _rows(
        self,
        request: Request,
        wanted: Wanted,
        signs: np.ndarray[tuple[int, int, int], np.dtype[np.float64]] | None,
    ) -> Rows:
        """The evaluations in some directions; without directions they can be counted, not made."""
        program = request.program
        wants = (wanted.weights and program.weights) or (wanted.inputs and program.inputs)
        each = 2 * self.repetitions if wants else 0

        def inputs(first: int, last: int) -> torch.Tensor:
            assert signs is not None
            number = torch.arange(first, last)
            sample, direction, end = number // each, number % each // 2, number % 2
            moves = torch.from_numpy(signs)[sample, direction] * (self.step * (1 - 2 * end))[:, None]
            shared = request.weights.expand(last - first, -1)
            rows = torch.cat([shared, request.inputs[sample.to(request.inputs.device)]], dim=1)
            return rows + moves.to(rows)

        return Rows(
            request=request,
            program=_all_inputs(program),
            weights=request.weights[:0],
            each=each,
            inputs=inputs,
            shots=None if request.shots is None else request.row_shots.repeat(each),
            purpose=self.name,
        )


@lru_cache(maxsize=64)
def _all_inputs(program: Program) -> Program:
    """A program whose weights differ from sample to sample."""
    return replace(program, weights=(), inputs=program.weights + program.inputs)
