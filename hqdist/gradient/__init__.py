"""How derivatives are obtained: one file for each method, and the choice between them."""

from hqdist.gradient.adjoint import Adjoint
from hqdist.gradient.choice import GRADIENTS, GradientLike, choose, named
from hqdist.gradient.estimate import Estimate
from hqdist.gradient.evaluation import Evaluation
from hqdist.gradient.method import Cost, GradientMethod, Wanted
from hqdist.gradient.parameter_shift import ParameterShift
from hqdist.gradient.spsa import SPSA
from hqdist.gradient.surrogate import Surrogate

__all__ = [
    "GRADIENTS",
    "SPSA",
    "Adjoint",
    "Cost",
    "Estimate",
    "Evaluation",
    "GradientLike",
    "GradientMethod",
    "ParameterShift",
    "Surrogate",
    "Wanted",
    "choose",
    "named",
]
