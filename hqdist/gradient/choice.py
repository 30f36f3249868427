"""Gradient methods by name, and the choice between them."""

from hqdist.errors import ConfigurationError, GradientError
from hqdist.execution import Backend
from hqdist.gradient.adjoint import Adjoint
from hqdist.gradient.method import GradientMethod

_METHODS: dict[str, type[GradientMethod]] = {kind.name: kind for kind in (Adjoint,)}

#: The names that `choose` knows.
GRADIENTS = ("auto", *_METHODS)


def choose(gradient: GradientMethod | str, backend: Backend) -> GradientMethod:
    """The gradient method that a name stands for, on a given backend.

    Args:
        gradient: A method, a method's name, or "auto" for the best that the backend allows.
        backend: Who evaluates.

    Raises:
        ConfigurationError: If no method has this name.
        GradientError: If the backend does not offer what the method needs.
    """
    if isinstance(gradient, GradientMethod):
        return gradient
    if gradient not in GRADIENTS:
        raise ConfigurationError(f"no gradient method is called {gradient!r}; choose one of {', '.join(GRADIENTS)}")
    if not backend.capabilities.adjoint:
        raise GradientError(
            f"backend {backend.name!r} offers no adjoint gradient, so gradient={gradient!r} cannot be used with it; "
            "evaluate under torch.no_grad(), or use a backend with adjoint gradients"
        )
    return Adjoint() if gradient == "auto" else _METHODS[gradient]()
