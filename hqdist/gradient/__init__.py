"""How derivatives are obtained: one file for each method, and the choice between them."""

from hqdist.gradient.adjoint import Adjoint
from hqdist.gradient.choice import GRADIENTS, choose
from hqdist.gradient.evaluation import Evaluation
from hqdist.gradient.method import Cost, GradientMethod, Wanted

__all__ = ["GRADIENTS", "Adjoint", "Cost", "Evaluation", "GradientMethod", "Wanted", "choose"]
