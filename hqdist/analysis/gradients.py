"""Gradients of classical and quantum parameters: whether they are of one size, and whether they vanish with size."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from hqdist.errors import ConfigurationError
from hqdist.nn import QuantumLayer
from hqdist.training import classical_parameters, quantum_parameters


class GradientWarning(UserWarning):
    """Gradients are out of balance, or vanish."""


@dataclass(frozen=True)
class GradientReport:
    """The sizes of gradients after a backward pass.

    Attributes:
        classical: Root mean square over the entries of all classical parameters' gradients; None without any.
        quantum: The same for quantum parameters.
        layers: For each parameter by name, its own root mean square, and whether it is a quantum one.
        limit: The ratio, or its inverse, above which the two are out of balance.
    """

    classical: float | None
    quantum: float | None
    layers: dict[str, tuple[float, bool]]
    limit: float

    @property
    def ratio(self) -> float | None:
        """Quantum over classical; None without one of them, infinite if only classical gradients vanish."""
        if self.classical is None or self.quantum is None:
            return None
        if self.classical == 0:
            return math.inf if self.quantum else None
        return self.quantum / self.classical

    @property
    def imbalanced(self) -> bool:
        """Whether one kind's gradients are more than `limit` times as large as the other's."""
        return self.ratio is not None and not 1 / self.limit <= self.ratio <= self.limit

    def __str__(self) -> str:
        said = {kind: "none" if rms is None else f"{rms:.3g}" for kind, rms in vars(self).items() if kind in _KINDS}
        ratio = "" if self.ratio is None else f", ratio {self.ratio:.3g}"
        return f"gradients: classical {said['classical']}, quantum {said['quantum']}{ratio}"


_KINDS = ("classical", "quantum")


def monitor_gradients(model: nn.Module, *, limit: float = 10.0) -> GradientReport:
    """Compare the gradients that the last backward pass left, and warn if they are out of balance.

    The guide averages norms of whole tensors, so that the figure grows with their size, and takes parameters with
    "quantum" in their name for quantum ones. Here sizes are per entry, and the type of the module decides.

    Args:
        model: A model after ``backward``.
        limit: How many times as large one kind may be.

    Raises:
        ConfigurationError: If no parameter has a gradient, or the limit is not above 1.
    """
    if not limit > 1:
        raise ConfigurationError(f"the limit of a ratio is above 1, got {limit}")
    quantum = set(quantum_parameters(model))
    layers = {
        name: (_rms([parameter.grad]) or 0.0, parameter in quantum)
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    if not layers:
        raise ConfigurationError("no parameter has a gradient; call this after backward, before zero_grad")
    kinds = (classical_parameters(model), quantum_parameters(model))
    classical_rms, quantum_rms = (_rms([parameter.grad for parameter in parameters]) for parameters in kinds)
    report = GradientReport(classical_rms, quantum_rms, layers, limit)
    if report.imbalanced:
        warnings.warn(f"{report}: out of balance; scale gradients or learning rates", GradientWarning, stacklevel=2)
    return report


@dataclass(frozen=True)
class PlateauScan:
    """The variance of derivatives over random phases, for circuits of several sizes.

    A barren plateau is a variance that falls exponentially with the size of the circuit: random initialisations then
    have no gradient to speak of, and on hardware none that shots could resolve.

    Attributes:
        sizes: Modes and photons of each circuit.
        variances: For each, the variance over random phases of the derivative by a phase, averaged over phases.
        samples: Random initialisations for each.
    """

    sizes: tuple[tuple[int, int], ...]
    variances: tuple[float, ...]
    samples: int

    @property
    def decay(self) -> float:
        """By what factor the variance falls for each mode more, by least squares on its logarithm."""
        modes = [modes for modes, _ in self.sizes]
        slope = np.polyfit(modes, np.log(np.maximum(self.variances, 1e-300)), 1)[0]
        return float(np.exp(-slope))

    def shots_to_resolve(self) -> tuple[float, ...]:
        """Shots for which a typical derivative is as large as its standard error, about: one over the variance."""
        return tuple(1 / max(variance, 1e-300) for variance in self.variances)

    def __str__(self) -> str:
        lines = [
            f"({modes},{photons})  variance {variance:.3g}, about {shots:.2g} shots to see a gradient"
            for (modes, photons), variance, shots in zip(
                self.sizes, self.variances, self.shots_to_resolve(), strict=True
            )
        ]
        return "\n".join([*lines, f"the variance falls by {self.decay:.2f} for each mode"])


def scan_for_plateaus(
    make: Callable[[int, int], QuantumLayer],
    sizes: Iterable[tuple[int, int]],
    *,
    samples: int = 32,
    seed: int = 0,
    limit: float = 2.0,
) -> PlateauScan:
    """Measure how derivatives at random phases depend on a circuit's size, and warn if they fall off exponentially.

    What is differentiated is the first output of the layer for a random sample of features.

    Args:
        make: A quantum layer for a number of modes and of photons.
        sizes: Numbers of modes, not all the same, each with a number of photons.
        samples: Random initialisations for each size.
        seed: Of the phases and features.
        limit: The factor for each mode above which it warns.

    Raises:
        ConfigurationError: If there are fewer than two numbers of modes, or than two samples.
    """
    sizes = tuple(sizes)
    if len({modes for modes, _ in sizes}) < 2 or samples < 2:
        raise ConfigurationError("a scan takes two numbers of modes or more, and two samples or more")
    generator = torch.Generator().manual_seed(seed)
    variances = [_variance(make(*size), samples, generator) for size in sizes]
    scan = PlateauScan(sizes, tuple(variances), samples)
    if scan.decay > limit:
        warnings.warn(
            f"the variance of derivatives falls by {scan.decay:.1f} for each mode: a barren plateau; start from small "
            "circuits, fewer layers, or phases that are not random",
            GradientWarning,
            stacklevel=2,
        )
    return scan


def _variance(layer: QuantumLayer, samples: int, generator: torch.Generator) -> float:
    found = []
    for _ in range(samples):
        phases = 2 * torch.pi * torch.rand(layer.phases.shape, generator=generator, dtype=torch.float64)
        features = torch.rand(1, layer.input_size, generator=generator, dtype=torch.float64).to(layer.phases)
        with torch.no_grad():
            layer.phases.copy_(phases)
        (derivative,) = torch.autograd.grad(layer(features)[0, 0], layer.phases)
        found.append(derivative.double())
    return float(torch.stack(found).var(dim=0).mean())


def _rms(gradients: Sequence[torch.Tensor | None]) -> float | None:
    """Root mean square over all entries; None without any."""
    there = [gradient.detach().flatten().abs().double() for gradient in gradients if gradient is not None]
    return float(torch.cat(there).square().mean().sqrt()) if any(len(entries) for entries in there) else None
