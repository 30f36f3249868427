"""The fields of Perceval's ``NoiseModel``, for `hqdist.execution.Noise` to be made from and turned into."""

from collections.abc import Mapping
from typing import Any

from hqdist.errors import ConfigurationError, MissingDependencyError

try:
    from perceval.utils import NoiseModel
except ImportError as error:
    raise MissingDependencyError(
        'Perceval is needed for this and is not installed: pip install "hqdist[perceval]"'
    ) from error

#: What both describe, with the same names and meanings.
_COMMON = (
    "brightness",
    "transmittance",
    "indistinguishability",
    "g2",
    "g2_distinguishable",
    "phase_imprecision",
    "phase_error",
)


def noise_fields(model: object) -> dict[str, Any]:
    """What a noise model says, by the names that it shares with `Noise`.

    Raises:
        ConfigurationError: If it is none.
    """
    if not isinstance(model, NoiseModel):
        raise ConfigurationError(f"a perceval.NoiseModel is needed, got a {type(model).__name__}")
    return {name: getattr(model, name) for name in _COMMON}


def noise_model(fields: Mapping[str, Any]) -> NoiseModel:
    """The noise model that says this; other fields are left out."""
    return NoiseModel(**{name: fields[name] for name in _COMMON})
