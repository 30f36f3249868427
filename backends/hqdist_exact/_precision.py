"""Numbers that rounding or overflow has spoilt are errors, not results."""

import torch

from hqdist.errors import PrecisionError, RequestError
from hqdist.program import ComputationSpace

#: How far the probabilities of all Fock states may sum up to something else than 1.
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}


def check_precision(space: ComputationSpace, total: torch.Tensor) -> None:
    """See that the probabilities of all Fock states sum up to 1 in each sample, (B,); other spaces have no such sum.

    The recursion adds numbers that cancel, the larger the more photons enter the same modes: an error of one rounding
    grows by up to ``2^(n / 2)`` for n photons in two modes.

    Raises:
        PrecisionError: If they do not.
    """
    if space is not ComputationSpace.FOCK or len(total) == 0:
        return
    deviation = float((total - 1).abs().max())
    if not deviation <= TOLERANCE[total.dtype]:
        advice = "compute in float64 (layer.double())" if total.dtype == torch.float32 else "use fewer photons"
        raise PrecisionError(
            f"the probabilities of a sample sum up to 1 only within {deviation:.1e}: rounding in {total.dtype} grows "
            f"with the number of photons that enter the same modes; {advice}"
        )


def check_angles(finite: bool) -> None:
    """See that every gate's angle was finite.

    Raises:
        RequestError: If one was not.
    """
    if not finite:
        raise RequestError(
            "the angle of a gate is too large for a floating-point number, although every weight and input is finite; "
            "use smaller values or coefficients"
        )
