"""The circuit as a layer of MerLin and as a layer of hqdist, with the same phases, and a training step of either."""

from collections.abc import Callable
from dataclasses import dataclass

import merlin
import torch
from torch import nn

import hqdist as hq
from benchmarks.circuits import FEATURE, LEFT, RIGHT, Numbers, Point, program


@dataclass(frozen=True)
class Contender:
    """A layer, with its trainable phases in the order of `Numbers`."""

    layer: nn.Module
    phases: tuple[nn.Parameter, ...]

    def step(self, numbers: Numbers) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Forward and backward of the loss ``sum(coefficients * values)``.

        The loss is linear, so that its derivative is the coefficients; handing these to `backward` leaves the
        arithmetic of the loss itself, which is nobody's, out of the time.

        Returns:
            Values (B, D) and the derivatives with respect to phases (T,) and inputs (B, F).
        """
        for phase in self.phases:
            phase.grad = None
        inputs = numbers.inputs.requires_grad_()
        inputs.grad = None
        values = self.layer(inputs)
        values.backward(numbers.coefficients)
        return values, torch.cat([_gradient(phase) for phase in self.phases]), _gradient(inputs)


def merlin_layer(point: Point, numbers: Numbers) -> Contender:
    """MerLin's layer, as its documentation builds one: `CircuitBuilder`, probabilities over the Fock space.

    Raises:
        RuntimeError: If the layer does anything besides: noise, detectors, another basis or order.
    """
    layer = merlin.QuantumLayer(
        input_size=point.features,
        builder=builder(point),
        input_state=list(point.input_state),
        measurement_strategy=merlin.MeasurementStrategy.probs(merlin.ComputationSpace.FOCK),
        dtype=numbers.phases.dtype,
    )
    states = [tuple(state) for state in program(point).states.tolist()]
    if layer.noise is not None or layer.has_custom_detectors or [tuple(key) for key in layer.output_keys] != states:
        raise RuntimeError("MerLin's layer is not the noiseless one over all Fock states in lexicographic order")
    named = dict(layer.named_parameters())
    halves = numbers.phases.chunk(2)
    with torch.no_grad():
        for name, half in zip((LEFT, RIGHT), halves, strict=True):
            named[name].copy_(half)
    return Contender(layer, (named[LEFT], named[RIGHT]))


def hqdist_layer(point: Point, numbers: Numbers) -> Contender:
    """hqdist's layer on the exact backend."""
    layer = hq.QuantumLayer(program=program(point), backend="exact", dtype=numbers.phases.dtype)
    with torch.no_grad():
        layer.phases.copy_(numbers.phases)
    return Contender(layer, (layer.phases,))


#: How to build each contender, by name.
LAYERS: dict[str, Callable[[Point, Numbers], Contender]] = {"merlin": merlin_layer, "hqdist": hqdist_layer}


def _gradient(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.grad is None:
        raise RuntimeError("a derivative is missing")
    return tensor.grad


def builder(point: Point) -> merlin.CircuitBuilder:
    """The circuit in MerLin's builder."""
    circuit = merlin.CircuitBuilder(n_modes=point.modes)
    circuit.add_entangling_layer(name=LEFT)
    circuit.add_angle_encoding(modes=list(range(point.features)), name=FEATURE)
    circuit.add_entangling_layer(name=RIGHT)
    return circuit
