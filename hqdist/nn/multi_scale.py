"""Quantum processing of features at several scales."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import nn

from hqdist.errors import ConfigurationError, RequestError
from hqdist.nn.concurrent import concurrently
from hqdist.nn.quantum_layer import QuantumLayer
from hqdist.program import Experiment, ModeExpectations
from hqdist.program.checks import whole


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One resolution: a circuit that is moved over the features, as a convolution is.

    Attributes:
        window: Features that the circuit sees at a time.
        n_photons: Its photons; with n photons a feature's effect has up to n harmonics.
        n_modes: Its modes, and outputs for each place; None for one more than the window.
        stride: Features between one place and the next; None for as many as the window.

    Raises:
        ConfigurationError: If a figure is not a whole number from 1.
    """

    window: int
    n_photons: int
    n_modes: int | None = None
    stride: int | None = None

    def __post_init__(self) -> None:
        defaults = {"n_modes": self.window + 1, "stride": self.window}
        for option in ("window", "n_photons", "n_modes", "stride"):
            given = getattr(self, option)
            value = defaults[option] if given is None else given
            object.__setattr__(self, option, whole(value, option, least=1, error=ConfigurationError))


class MultiScaleQuantum(nn.Module):
    """Quantum layers at several scales, evaluated at the same time; their mean photon numbers joined.

    A scale's circuit has the same phases wherever it is: all its places are one batch.

    Args:
        input_size: Number of features, in [0, 1].
        scales: From fine to coarse, say.

    Raises:
        ConfigurationError: If there is no scale, or one does not meet every feature: none is dropped in silence.
    """

    def __init__(self, input_size: int, scales: Iterable[Scale]) -> None:
        super().__init__()
        self.input_size = whole(input_size, "input_size", least=1, error=ConfigurationError)
        self.scales = tuple(scales)
        if not self.scales:
            raise ConfigurationError("several scales are at least one")
        self.layers = nn.ModuleList(_layer(scale) for scale in self.scales)
        self._sizes = [(scale.n_modes or 0) * _places(scale, self.input_size) for scale in self.scales]

    @property
    def output_size(self) -> int:
        """Number of outputs: for each scale, its modes times its places."""
        return sum(self._sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, input_size) to (B, output_size), or (input_size,) to (output_size,): by scales, places, modes.

        Raises:
            RequestError: If the shape does not fit.
        """
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise RequestError(f"features are (B, {self.input_size}) or ({self.input_size},), got {tuple(x.shape)}")
        windows = [
            x.unfold(-1, scale.window, scale.stride or scale.window).reshape(-1, scale.window) for scale in self.scales
        ]
        layers: list[QuantumLayer] = list(self.layers)  # type: ignore[arg-type]
        found = concurrently(layers, *windows)
        return torch.cat(
            [values.reshape(*x.shape[:-1], size) for values, size in zip(found, self._sizes, strict=True)], dim=-1
        )


def _layer(scale: Scale) -> QuantumLayer:
    experiment = Experiment(n_modes=scale.n_modes or 0, n_photons=scale.n_photons)
    return QuantumLayer(program=replace(experiment.program(scale.window), readout=ModeExpectations()))


def _places(scale: Scale, features: int) -> int:
    window, stride = scale.window, scale.stride or scale.window
    left = (features - window) % stride if features >= window else features
    if left or stride > window:
        raise ConfigurationError(
            f"a window of {window} features that moves by {stride} does not meet all of {features} features"
        )
    return (features - window) // stride + 1
