"""The angles of the gates that differ from sample to sample."""

from typing import Any

import torch

from hqdist_exact._circuit import Circuit
from hqdist_exact._rows import products


def sample_angles(circuit: Circuit, weights: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Angles of the sample gates, (B, P) in float64 on the inputs' device; half angles for beam splitters.

    Args:
        circuit: The circuit.
        weights: (T,), float64.
        inputs: (B, F).
    """
    if inputs.device.type == "cpu":
        angles: torch.Tensor = _Angles.apply(weights, inputs.double(), circuit)  # type: ignore[no-untyped-call]
        return angles
    constants, by_weight, by_input = (
        matrix.to(inputs.device) for matrix in (circuit.constants, circuit.by_weight, circuit.by_input)
    )
    return constants + by_weight @ weights + inputs.double() @ by_input.T


class _Angles(torch.autograd.Function):
    """Sums in a fixed order, so that the bits depend neither on the batch nor on the number of threads."""

    @staticmethod
    def forward(ctx: Any, weights: torch.Tensor, inputs: torch.Tensor, circuit: Circuit) -> torch.Tensor:
        ctx.circuit = circuit
        shared = circuit.constants.numpy() + (circuit.by_weight.numpy() * weights.numpy()).sum(axis=1)
        return torch.from_numpy(shared + products(inputs.numpy(), circuit.by_input.numpy()))

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        cotangent, circuit = cotangents[0].contiguous().numpy(), ctx.circuit
        by_weights = (circuit.by_weight.numpy() * cotangent.sum(axis=0)[:, None]).sum(axis=0)
        by_inputs = products(cotangent, circuit.by_input.numpy().T)
        return torch.from_numpy(by_weights), torch.from_numpy(by_inputs), None
