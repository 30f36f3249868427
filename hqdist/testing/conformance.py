"""Which checks a backend is held to, by what it declares."""

from collections.abc import Callable

from hqdist.execution import Backend
from hqdist.testing import batches, copies, gradients, limits, repetitions, sampling, threads, values
from hqdist.testing.check import Check, ConformanceError

_Checks = tuple[Callable[[Backend], None], ...]

#: For every backend.
ALWAYS: _Checks = (
    copies.it_pickles_and_copies,
    copies.requests_are_left_as_they_are,
    copies.results_do_not_share_memory,
    limits.every_violation_is_named,
    limits.limits_come_before_computing,
    threads.threads_do_not_disturb_each_other,
)

#: For those that declare `exact`.
EXACT: _Checks = (
    values.probabilities_are_normalised,
    values.values_agree_with_permanents,
    values.results_have_the_promised_form,
    values.nothing_left_is_an_error,
    batches.rows_do_not_depend_on_their_batch,
    batches.empty_and_bare_programs_are_evaluated,
)

#: For those that declare `exact` and `adjoint`.
ADJOINT: _Checks = (
    gradients.gradients_agree_with_differences,
    gradients.gradients_have_the_promised_form,
    gradients.kept_gradients_equal_fresh_ones,
    gradients.a_zero_cotangent_pulls_back_to_zero,
    batches.input_gradients_do_not_depend_on_their_batch,
)

#: For those that declare `sampled`.
SAMPLED: _Checks = (
    sampling.estimates_agree_with_permanents,
    sampling.estimated_probabilities_are_normalised,
    sampling.estimates_come_with_their_errors,
    sampling.seeds_decide,
    repetitions.estimates_are_unbiased,
    repetitions.standard_errors_tell_the_spread,
    repetitions.estimates_do_not_depend_on_the_split,
)


def checks(backend: Backend) -> list[Check]:
    """The checks that a backend is held to, chosen by its capabilities; each is a callable with a name.

    Args:
        backend: Any backend; it is used with small circuits, up to 8 modes and 4 photons, within what it declares.
    """
    can = backend.capabilities
    chosen = ALWAYS
    chosen += EXACT if can.exact else ()
    chosen += ADJOINT if can.exact and can.adjoint else ()
    chosen += SAMPLED if can.sampled else ()
    return [Check(function, backend) for function in chosen]


def conformance(backend: Backend) -> None:
    """Hold a backend to every check.

    Raises:
        ExceptionGroup: Of one `ConformanceError` for each check that it does not pass.
    """
    failures, held_to = [], checks(backend)
    for check in held_to:
        try:
            check()
        except ConformanceError as error:
            failures.append(error)
    if failures:
        summary = f"backend {backend.name!r} fails {len(failures)} of {len(held_to)} conformance checks"
        raise ExceptionGroup(summary, failures)
