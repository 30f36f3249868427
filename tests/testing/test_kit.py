"""The kit itself: a backend that keeps its promises passes, and each defect is caught by the check that names it."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from hqdist_exact import ExactBackend

from hqdist import (
    Backend,
    Capabilities,
    ComputationSpace,
    ModeExpectations,
    PostSelectionError,
    Probabilities,
    Program,
    Provenance,
    Request,
    Result,
)
from hqdist.program import observable
from hqdist.testing import ConformanceError, checks, conformance, reference_probabilities, reference_values
from hqdist.testing.reference import acceptance
from hqdist.testing.threads import THREADS


@dataclass(frozen=True)
class BruteForce(Backend):
    """Exact values by permanents, and shots; no derivatives, and narrow limits."""

    name: ClassVar[str] = "brute-force"
    max_photons: int = 3

    @property
    def capabilities(self):
        return Capabilities(
            exact=True,
            sampled=True,
            adjoint=False,
            readouts=(Probabilities, ModeExpectations),
            spaces=(ComputationSpace.FOCK, ComputationSpace.UNBUNCHED),
            max_modes=4,
            max_photons=self.max_photons,
            max_batch=10,
        )

    def evaluate(self, request):
        self.check(request)
        return self.exact(request) if request.shots is None else self.sample(request)

    def exact(self, request):
        program = request.program
        for row in request.inputs.numpy():
            names = program.weights + program.inputs
            values = dict(zip(names, [*request.weights.numpy(), *row], strict=True))
            if reference_probabilities(program, values).sum() < 1e-12:
                raise PostSelectionError("nothing is left")
        values = torch.from_numpy(reference_values(program, request.weights, request.inputs))
        return Result(values=values.to(request.inputs.dtype), provenance=Provenance(backend=self.name))

    def sample(self, request):
        program, shots = request.program, request.row_shots
        seed = request.seed if request.seed is not None else int(np.random.default_rng().integers(2**63))
        states = replace(program, readout=Probabilities(program.readout.space))
        probabilities = reference_values(states, request.weights, request.inputs)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        shares = np.minimum(acceptance(program, request.weights, request.inputs), 1.0)
        matrix = observable(program.readout, program.states)
        counts = np.zeros_like(probabilities)
        for row, p in enumerate(probabilities):
            rng = np.random.default_rng([seed, request.first_row + row])
            counts[row] = rng.multinomial(rng.binomial(shots[row], shares[row]), p)
        accepted = counts.sum(axis=1, keepdims=True)
        means, squares = counts @ matrix.T / accepted, counts @ (matrix**2).T / accepted
        errors = np.sqrt(np.clip(squares - means**2, 0, None) / accepted)
        return Result(
            values=torch.from_numpy(means).to(request.inputs.dtype),
            standard_errors=torch.from_numpy(errors).to(request.inputs.dtype),
            acceptance=torch.from_numpy(accepted[:, 0] / shots).to(request.inputs.dtype),
            provenance=Provenance(backend=self.name, shots=request.total_shots, seed=seed),
        )


@dataclass(frozen=True)
class OnlyShots(BruteForce):
    """Shots only, as a QPU."""

    @property
    def capabilities(self):
        return replace(super().capabilities, exact=False)


class Defective(ExactBackend):
    """The exact backend with something wrong about its values or its derivatives."""

    def values(self, request, values):
        return values

    def derivatives(self, request, derivatives):
        return derivatives

    def evaluate(self, request):
        result = super().evaluate(request)
        return replace(result, values=self.values(request, result.values))

    def evaluate_with_vjp(self, request):
        result, pull_back = super().evaluate_with_vjp(request)
        result = replace(result, values=self.values(request, result.values))
        return result, lambda cotangent: self.derivatives(request, pull_back(cotangent))


class ForgetsToRenormalise(Defective):
    def evaluate(self, request):
        result = super().evaluate(request)
        if not request.program.readout.space.post_selects:
            return result
        return replace(result, values=result.values * 0.4)


class DropsGroupings(Defective):
    """As MerLin's remote processor: the groups come back as the first states."""

    def evaluate(self, request):
        program = request.program
        if getattr(program.readout, "grouping", None) is None:
            return super().evaluate(request)
        plain = replace(program, readout=Probabilities(program.readout.space))
        result = super().evaluate(Request(program=plain, weights=request.weights, inputs=request.inputs))
        return replace(result, values=result.values[:, : program.outputs].contiguous())


class IgnoresWeightsAfterTheFirstCall(Defective):
    frozen: ClassVar[dict[Program, torch.Tensor]] = {}

    def evaluate(self, request):
        weights = self.frozen.setdefault(request.program, request.weights.clone())
        kept = Request(program=request.program, weights=weights.to(request.weights.dtype), inputs=request.inputs)
        return super().evaluate(kept)


class ComputesInSinglePrecision(Defective):
    def values(self, request, values):
        return values.to(torch.complex64 if values.is_complex() else torch.float32).to(values.dtype)


class AnswersInDoublePrecision(Defective):
    def values(self, request, values):
        return values.to(torch.complex128 if values.is_complex() else torch.float64)


class SwapsASign(Defective):
    def derivatives(self, request, derivatives):
        return replace(derivatives, weights=-derivatives.weights)


class ForgetsInputGradients(Defective):
    def derivatives(self, request, derivatives):
        return replace(derivatives, inputs=torch.zeros_like(derivatives.inputs))


class AveragesWeightGradients(Defective):
    def derivatives(self, request, derivatives):
        return replace(derivatives, weights=derivatives.weights / request.batch)


class MixesRows(Defective):
    """Rounds with the batch, as a matrix product of all rows does."""

    def values(self, request, values):
        return values * (1 + torch.finfo(values.dtype).eps * (values.shape[0] % 3))


class MixesRowsOfDerivatives(Defective):
    def derivatives(self, request, derivatives):
        factor = 1 + torch.finfo(torch.float32).eps * (request.batch % 3)
        return replace(derivatives, inputs=derivatives.inputs * factor)


class FillsMissingRows(Defective):
    """A row too much, of zeros, for an empty batch."""

    def values(self, request, values):
        return values if request.batch else values.new_zeros(1, values.shape[1])


@dataclass(frozen=True)
class DoesNotPickle(Defective):
    lock: object = field(default_factory=threading.Lock, compare=False)


class LosesItsConfiguration(BruteForce):
    def __reduce__(self):
        return LosesItsConfiguration, (2,)


class ChangesTheRequest(Defective):
    def evaluate(self, request):
        request.inputs.remainder_(2 * np.pi)
        return super().evaluate(request)


class AsksForGradientsOfTheRequest(Defective):
    def evaluate_with_vjp(self, request):
        request.weights.requires_grad_()
        return super().evaluate_with_vjp(request)


class HandsOutItsCache(Defective):
    cache: ClassVar[dict[tuple, Result]] = {}

    def evaluate(self, request):
        key = (request.program, request.weights.numpy().tobytes(), request.inputs.numpy().tobytes())
        if key not in self.cache:
            self.cache[key] = super().evaluate(request)
        return self.cache[key]


class SharesABuffer(Defective):
    """Several threads write their requests to the same place."""

    latest: ClassVar[list[Request]] = []
    everybody: ClassVar[threading.Barrier] = threading.Barrier(THREADS)

    def evaluate_with_vjp(self, request):
        self.latest[:] = [request]
        if threading.current_thread() is not threading.main_thread():
            with suppress(threading.BrokenBarrierError):  # once one thread has failed
                self.everybody.wait(timeout=0.5)
        return super().evaluate_with_vjp(self.latest[0])


class NamesOneViolation(BruteForce):
    def violations(self, request):
        return super().violations(request)[:1]


class ChecksNothing(BruteForce):
    def check(self, request):
        pass


class ChecksAfterComputing(BruteForce):
    def evaluate(self, request):
        result = self.exact(request) if request.shots is None else self.sample(request)
        self.check(request)
        return result


class ForgetsItsLimit(BruteForce):
    def violations(self, request):
        return [line for line in super().violations(request) if "photons" not in line]


class AnswersNaN(Defective):
    def evaluate(self, request):
        try:
            return super().evaluate(request)
        except PostSelectionError:
            values = torch.full((request.batch, request.program.outputs), torch.nan)
            return Result(values=values, provenance=Provenance(backend=self.name))


class StaysInTheGraph(Defective):
    def values(self, request, values):
        return values.clone().requires_grad_()


class DropsShots(OnlyShots):
    def sample(self, request):
        result = super().sample(request)
        return replace(result, values=self.exact(request).values, standard_errors=None)


class IgnoresTheSeed(OnlyShots):
    def sample(self, request):
        result = super().sample(replace(request, seed=None))
        return replace(result, provenance=replace(result.provenance, seed=request.seed or 0))


class FixesTheSeed(OnlyShots):
    def sample(self, request):
        return super().sample(replace(request, seed=0))


class SamplesTheWrongState(OnlyShots):
    def sample(self, request):
        result = super().sample(request)
        return replace(result, values=result.values.flip(1))


class IsALittleOff(OnlyShots):
    def sample(self, request):
        result = super().sample(request)
        return replace(result, values=1.02 * result.values)


class CountsWhatItDiscarded(OnlyShots):
    def sample(self, request):
        result = super().sample(request)
        errors = result.standard_errors * result.acceptance.sqrt()[:, None]
        return replace(result, standard_errors=errors)


class AcceptsEverything(OnlyShots):
    def sample(self, request):
        result = super().sample(request)
        return replace(result, acceptance=torch.ones_like(result.acceptance))


class ForgetsWhatItAccepted(OnlyShots):
    def sample(self, request):
        return replace(super().sample(request), acceptance=None)


class CountsRowsFromZero(OnlyShots):
    def sample(self, request):
        return super().sample(replace(request, first_row=0))


DEFECTS = {
    ForgetsToRenormalise: {"probabilities_are_normalised", "values_agree_with_permanents"},
    DropsGroupings: {"probabilities_are_normalised", "values_agree_with_permanents"},
    IgnoresWeightsAfterTheFirstCall: {"values_agree_with_permanents"},
    ComputesInSinglePrecision: {"values_agree_with_permanents"},
    AnswersInDoublePrecision: {"results_have_the_promised_form"},
    SwapsASign: {"gradients_agree_with_differences"},
    ForgetsInputGradients: {"gradients_agree_with_differences"},
    AveragesWeightGradients: {"gradients_agree_with_differences"},
    MixesRows: {"rows_do_not_depend_on_their_batch"},
    MixesRowsOfDerivatives: {"input_gradients_do_not_depend_on_their_batch"},
    FillsMissingRows: {"empty_and_bare_programs_are_evaluated"},
    DoesNotPickle: {"it_pickles_and_copies"},
    partial(LosesItsConfiguration, max_photons=3): {"it_pickles_and_copies"},
    ChangesTheRequest: {"requests_are_left_as_they_are"},
    AsksForGradientsOfTheRequest: {"requests_are_left_as_they_are"},
    HandsOutItsCache: {"results_do_not_share_memory"},
    SharesABuffer: {"threads_do_not_disturb_each_other"},
    NamesOneViolation: {"every_violation_is_named"},
    ChecksNothing: {"every_violation_is_named", "limits_come_before_computing"},
    ChecksAfterComputing: {"limits_come_before_computing"},
    ForgetsItsLimit: {"every_violation_is_named"},
    AnswersNaN: {"nothing_left_is_an_error"},
    StaysInTheGraph: {"results_have_the_promised_form"},
    DropsShots: {"estimates_come_with_their_errors", "seeds_decide"},
    IgnoresTheSeed: {"seeds_decide"},
    FixesTheSeed: {"seeds_decide"},
    SamplesTheWrongState: {"estimates_agree_with_permanents", "estimates_are_unbiased"},
    IsALittleOff: {"estimates_are_unbiased"},
    CountsWhatItDiscarded: {"standard_errors_tell_the_spread"},
    AcceptsEverything: {"estimates_are_unbiased"},
    ForgetsWhatItAccepted: {"estimates_are_unbiased"},
    CountsRowsFromZero: {"estimates_do_not_depend_on_the_split"},
}
CAUGHT = [(defect, name) for defect, names in DEFECTS.items() for name in sorted(names)]


def named(backend, name):
    return next(check for check in checks(backend) if check.name == name)


@pytest.mark.parametrize("backend", [BruteForce(), OnlyShots()], ids=lambda backend: type(backend).__name__)
def test_a_backend_that_keeps_its_promises_passes(backend):
    conformance(backend)


@pytest.mark.parametrize(
    ("defect", "name"), CAUGHT, ids=[f"{getattr(defect, '__name__', 'partial')}-{name}" for defect, name in CAUGHT]
)
def test_a_defect_is_caught_by_the_check_that_names_it(defect, name):
    with pytest.raises(ConformanceError, match=name):
        named(defect(), name)()


def test_capabilities_decide_what_is_checked():
    def names(backend):
        return {check.name for check in checks(backend)}

    assert "gradients_agree_with_differences" in names(ExactBackend())
    assert "seeds_decide" not in names(ExactBackend())
    assert "gradients_agree_with_differences" not in names(BruteForce())
    assert "values_agree_with_permanents" not in names(OnlyShots())
    assert "seeds_decide" in names(OnlyShots())


def test_every_check_says_what_it_states():
    for backend in (ExactBackend(), BruteForce(), OnlyShots()):
        for check in checks(backend):
            assert str(check) == check.name
            assert check.statement.endswith(".")


def test_all_failures_come_together():
    with pytest.raises(ExceptionGroup, match="fails 2 of 19 conformance checks") as failure:
        conformance(ChecksNothing())
    assert all(isinstance(error, ConformanceError) for error in failure.value.exceptions)


def test_what_a_backend_raises_is_named_and_kept_as_the_cause():
    class Breaks(BruteForce):
        def exact(self, request):
            raise ZeroDivisionError("by zero")

    with pytest.raises(ConformanceError, match="ZeroDivisionError: by zero") as failure:
        named(Breaks(), "values_agree_with_permanents")()
    assert isinstance(failure.value.__cause__, ZeroDivisionError)


def test_a_backend_that_refuses_everything_does_not_pass():
    class Refuses(BruteForce):
        def violations(self, request):
            return [*super().violations(request), "closed today"]

    with pytest.raises(ConformanceError, match="refuses every program"):
        named(Refuses(), "values_agree_with_permanents")()
