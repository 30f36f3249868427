"""The photonic parameter-shift rule: exact derivatives from evaluations at shifted angles, with shots or without."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from hqdist.errors import BackendError, GradientError
from hqdist.execution import Backend, Cotangents, Noise, Provenance, Request, Result
from hqdist.gradient.light_cones import Variation, variations
from hqdist.gradient.method import Cost, GradientMethod, Wanted
from hqdist.gradient.rows import Rows, overlap
from hqdist.gradient.shift_rule import Rule, rule, weighted_shots
from hqdist.program import Angle, BeamSplitter, Element, PhaseShifter, Program, parameter


@dataclass(frozen=True)
class ParameterShift(GradientMethod):
    r"""Derivatives from evaluations at shifted angles: exact without shots, unbiased with them but for quotients.

    Values are trigonometric polynomials in the angle of each phase shifter and beam splitter, of a degree d that
    light cones tell (`hqdist.gradient.light_cones`), so that at 2d equidistant shifts (Wierichs et al. 2021,
    arXiv:2107.12390)

        f'(t) = sum_{u=1}^{2d} c_u f(t + s_u),  s_u = (2u - 1) pi / (2d),  c_u = (-1)^(u-1) / (4d sin^2(s_u / 2)).

    In half angles, t / 2 takes the place of t. Angles that share a parameter are shifted one by one, but for phases
    that follow each other on a mode, which act as one; the chain rule sums them with their coefficients.

    Each evaluation gets shots in proportion to ``|c_u|``, which is best for equal variances (arXiv:2508.08802): for an
    angle, 2d times the shots of a sample in all, at least 1 each. For post-selected readouts the numerators p Z and the
    acceptances Z are shifted apart, ``p' = ((p Z)' - p Z') / Z``; p and Z are the forward pass's, whose shots are
    independent of these. Such quotients have a bias of order 1 / shots, as post-selected values have.

    The cost of a sample is ``sum_k 2 d_k`` evaluations over the angles k that depend on a weight, or on an input if
    somebody needs derivatives by inputs; all of a batch are sent in one request, more only where it would be larger
    than memory or the backend allow. A device that rounds its phases is differentiated as it is, at rounded angles. One
    with random phase errors draws them anew for each evaluation: derivatives are those of the mean over phases, and
    renormalised values, where quotients of different phases would mean nothing, are refused.
    """

    name: ClassVar[str] = "parameter_shift"

    def pull_back(self, backend: Backend, request: Request, cotangent: torch.Tensor, wanted: Wanted) -> Cotangents:
        """Evaluate at shifted angles; if the readout turns out to be renormalised, at the given ones again."""
        return self._pull_back(backend, request, cotangent, wanted, lambda: backend.evaluate(request))

    def evaluate(
        self, backend: Backend, request: Request, wanted: Wanted
    ) -> tuple[Result, Callable[[torch.Tensor], Cotangents]]:
        """Evaluate, once it is known that the backend takes the shifted evaluations; keep values to be renormalised."""
        _shifted(backend, request, wanted).rows(request, backend.capabilities.max_shots).check(backend)
        result = backend.evaluate(request)
        # A copy: the values are the caller's, who may write to them.
        values = result.values.new_empty(0) if result.acceptance is None else result.values.clone()
        # What the forward pass took is not taken again.
        kept = replace(result, values=values, provenance=Provenance(backend=backend.name, seed=request.seed))
        return result, lambda cotangent: self._pull_back(backend, request, cotangent, wanted, lambda: kept)

    def cost(self, backend: Backend, request: Request, wanted: Wanted) -> Cost:
        """See the class."""
        return _shifted(backend, request, wanted).rows(request, backend.capabilities.max_shots).cost(backend)

    def _pull_back(
        self,
        backend: Backend,
        request: Request,
        cotangent: torch.Tensor,
        wanted: Wanted,
        forward: Callable[[], Result],
    ) -> Cotangents:
        shifted = _shifted(backend, request, wanted)
        rows = shifted.rows(request, backend.capabilities.max_shots)
        overlaps, acceptances, provenance = rows.overlaps(backend, cotangent)
        if acceptances is None and request.program.readout.space.post_selects and rows.each:
            raise GradientError(
                f"backend {backend.name!r} gives no acceptance with renormalised values, without which they cannot be "
                "differentiated by the parameter-shift rule; choose another gradient method or ComputationSpace.FOCK"
            )
        if acceptances is not None:
            result = forward()
            if result.acceptance is None:
                raise BackendError(f"backend {backend.name!r} gave an acceptance for some samples of a program only")
            provenance = Provenance.joined([provenance, result.provenance])
            # the overlap of the cotangent with ((p Z)_u - p Z_u) / Z, which is linear in what is shifted
            unshifted = overlap(cotangent, result.values)[:, None]
            overlaps = acceptances * (overlaps - unshifted) / result.acceptance.double()[:, None]
        by_angle = shifted.combine(overlaps.cpu().numpy())
        by_weights, by_inputs = shifted.chain(by_angle, request.program, wanted)
        like = request.inputs
        return Cotangents(
            weights=torch.from_numpy(by_weights).to(like),
            inputs=torch.from_numpy(by_inputs).to(like),
            provenance=provenance,
        )


@dataclass(frozen=True)
class _Shifted:
    """A program in which some elements' angles are shifted by inputs of their own.

    Attributes:
        program: It, with an input for each shifted angle after its own.
        angles: What is shifted, (K,).
        terms: For each, the parameters that it depends on, and how fast; a parameter may come more than once.
    """

    program: Program
    angles: tuple[Variation, ...]
    terms: tuple[tuple[tuple[str, float], ...], ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule(angle.degree, angle.frequency) for angle in self.angles)

    def rows(self, request: Request, most: int | None) -> Rows:
        rules = self.rules
        each = sum(len(r.shifts) for r in rules)
        own = len(request.program.inputs)
        shifts = np.zeros((each, len(rules)))
        row = 0
        for column, r in enumerate(rules):
            shifts[row : row + len(r.shifts), column] = r.shifts
            row += len(r.shifts)
        added = torch.from_numpy(shifts).to(request.inputs)

        def inputs(first: int, last: int) -> torch.Tensor:
            number = torch.arange(first, last, device=request.inputs.device)
            rows = request.inputs.new_empty(last - first, own + len(rules))
            rows[:, :own] = request.inputs[number // each]
            rows[:, own:] = added[number % each]
            return rows

        shots = None
        if request.shots is not None:
            per_sample = [
                [n for r in rules for n in weighted_shots(r.coefficients, int(s), most)] for s in request.row_shots
            ]
            shots = np.array(per_sample, dtype=np.int64).reshape(-1)
        return Rows(
            request=request,
            program=self.program,
            weights=request.weights,
            each=each,
            inputs=inputs,
            shots=shots,
            purpose=ParameterShift.name,
        )

    def combine(self, overlaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """From (B, E) evaluations to derivatives by the K angles, (B, K)."""
        derivatives, row = np.zeros((len(overlaps), len(self.angles))), 0
        for column, r in enumerate(self.rules):
            for coefficient in r.coefficients:  # one after another, whatever the batch
                derivatives[:, column] += coefficient * overlaps[:, row]
                row += 1
        return derivatives

    def chain(
        self, by_angle: npt.NDArray[np.float64], program: Program, wanted: Wanted
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """From derivatives by angles to those by weights (T,), summed over the batch, and by inputs (B, F)."""
        weights = {name: index for index, name in enumerate(program.weights)} if wanted.weights else {}
        inputs = {name: index for index, name in enumerate(program.inputs)} if wanted.inputs else {}
        by_weights = np.zeros(len(program.weights))
        by_inputs = np.zeros((len(by_angle), len(program.inputs)))
        summed = by_angle.sum(axis=0)  # row after row
        for column, terms in enumerate(self.terms):
            for name, coefficient in terms:
                if name in weights:
                    by_weights[weights[name]] += coefficient * summed[column]
                elif name in inputs:
                    by_inputs[:, inputs[name]] += coefficient * by_angle[:, column]
        return by_weights, by_inputs


def _shifted(backend: Backend, request: Request, wanted: Wanted) -> _Shifted:
    noise = backend.capabilities.noise
    _check_readout(request.program)
    if noise is not None and noise.random_phases:
        _check_not_renormalised(request.program, noise)
    return _derived(request.program, None if noise == Noise() else noise, wanted)


@lru_cache(maxsize=64)
def _derived(program: Program, noise: Noise | None, wanted: Wanted) -> _Shifted:
    needed = {*(program.weights if wanted.weights else ()), *(program.inputs if wanted.inputs else ())}
    angles, terms, names = [], [], []
    elements, taken = list(program.elements), {*program.weights, *program.inputs}
    for variation in variations(program, noise):
        of_angle = [term for place in variation.elements for term in _angle(elements[place]).terms]
        if needed.isdisjoint(name for name, _ in of_angle):
            continue
        place = variation.elements[0]
        name = f"shift{place}"
        while name in taken:
            name += "_"
        elements[place] = _with_angle(elements[place], _angle(elements[place]) + parameter(name))
        angles.append(variation)
        terms.append(tuple(of_angle))
        names.append(name)
    derived = replace(program, elements=tuple(elements), inputs=(*program.inputs, *names))
    return _Shifted(derived, tuple(angles), tuple(terms))


def _angle(element: Element) -> Angle:
    assert isinstance(element, PhaseShifter | BeamSplitter)
    return element.angle


def _with_angle(element: Element, angle: Angle) -> Element:
    assert isinstance(element, PhaseShifter | BeamSplitter)
    return replace(element, angle=angle) if isinstance(element, PhaseShifter) else replace(element, theta=angle)


def _check_readout(program: Program) -> None:
    if program.complex_valued:
        raise GradientError(
            "the parameter-shift rule differentiates probabilities and expectations, not amplitudes, which no shots "
            "can estimate; choose another readout, or a backend with adjoint gradients"
        )


def _check_not_renormalised(program: Program, noise: Noise) -> None:
    if program.readout.space.post_selects or not noise.keeps_photons:
        raise GradientError(
            "the parameter-shift rule does not differentiate renormalised values of a device with random phases "
            f"(phase_error = {noise.phase_error:g}): numerators and acceptances would have phases of their own, and "
            "derivatives a bias; use gradient='surrogate', 'spsa' or, on simulators that offer it, 'adjoint'"
        )
