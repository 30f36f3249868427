"""Gradient methods by name, and the choice between them."""

import inspect
from collections.abc import Mapping

from hqdist.errors import ConfigurationError, GradientError
from hqdist.execution import Backend
from hqdist.gradient.adjoint import Adjoint
from hqdist.gradient.method import GradientMethod
from hqdist.gradient.parameter_shift import ParameterShift
from hqdist.gradient.spsa import SPSA
from hqdist.gradient.surrogate import Surrogate
from hqdist.program.checks import shown

_METHODS: dict[str, type[GradientMethod]] = {kind.name: kind for kind in (Adjoint, ParameterShift, SPSA, Surrogate)}

#: The names that `choose` knows.
GRADIENTS = ("auto", *_METHODS)

GradientLike = GradientMethod | str | Mapping[str, object]


def named(gradient: GradientLike) -> GradientMethod | None:
    """The gradient method that a name or a table stands for; None for "auto".

    Args:
        gradient: A method, a method's name, "auto", or a table with the key ``name`` and the method's options, such as
            ``{"name": "spsa", "step": 0.2}``.

    Raises:
        ConfigurationError: If no method has this name, or it has no such option.
    """
    if isinstance(gradient, GradientMethod):
        return gradient
    options = {}
    name: object = gradient
    if isinstance(gradient, Mapping):
        options = {str(key): value for key, value in gradient.items()}
        if "name" not in options:
            raise ConfigurationError(
                "a table that describes a gradient method has the key 'name', such as name = \"spsa\""
            )
        name = options.pop("name")
    if not isinstance(name, str) or name not in GRADIENTS:
        raise ConfigurationError(f"no gradient method is called {shown(name)}; choose one of {', '.join(GRADIENTS)}")
    if name == "auto" and not options:
        return None
    known = inspect.signature(_METHODS[name]).parameters if name in _METHODS else {}
    unknown = [key for key in options if key not in known]
    if unknown:
        raise ConfigurationError(
            f"gradient method {name!r} has no option {', '.join(unknown)}; its options: {', '.join(known) or 'none'}"
        )
    return _METHODS[name](**options)


def choose(gradient: GradientLike, backend: Backend, *, sampled: bool = False) -> GradientMethod:
    """The gradient method that a name stands for, on a given backend.

    Args:
        gradient: What `named` takes. "auto" is the backend's own adjoint if it has one and values are exact, else the
            parameter-shift rule, which works on every backend.
        backend: Who evaluates.
        sampled: Whether values are estimated from shots.

    Raises:
        ConfigurationError: If no method has this name, or it has no such option.
        GradientError: If the backend does not offer what the method needs.
    """
    method = named(gradient)
    if method is None:
        method = Adjoint() if backend.capabilities.adjoint and not sampled else ParameterShift()
    if isinstance(method, Adjoint) and not backend.capabilities.adjoint:
        raise GradientError(
            f"backend {backend.name!r} offers no adjoint gradient, so gradient='adjoint' cannot be used with it; use "
            "'parameter_shift', 'spsa', 'surrogate', 'auto', a backend with adjoint gradients, or torch.no_grad()"
        )
    return method
