"""The three ways to join classical modules and a quantum layer: in sequence, side by side, as a residual."""

import torch
from torch import nn


class SequentialHybrid(nn.Module):
    """Classical, quantum, classical: ``post(quantum(pre(x)))``.

    Args:
        classical_pre: From the features to the quantum layer's inputs, which it should bring into [0, 1].
        quantum_layer: The quantum layer.
        classical_post: From the quantum layer's outputs to the model's.
    """

    def __init__(self, classical_pre: nn.Module, quantum_layer: nn.Module, classical_post: nn.Module) -> None:
        super().__init__()
        self.classical_pre = classical_pre
        self.quantum_layer = quantum_layer
        self.classical_post = classical_post

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        y: torch.Tensor = self.classical_post(self.quantum_layer(self.classical_pre(x)))
        return y


class ParallelHybrid(nn.Module):
    """A classical and a quantum path side by side: ``fusion([classical(x), quantum(x)])``.

    Args:
        classical_path: From the features to C outputs.
        quantum_path: From the features to Q outputs, normalisation of the features included.
        fusion: From the C + Q joined outputs, classical first, to the model's.
    """

    def __init__(self, classical_path: nn.Module, quantum_path: nn.Module, fusion: nn.Module) -> None:
        super().__init__()
        self.classical_path = classical_path
        self.quantum_path = quantum_path
        self.fusion = fusion

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        y: torch.Tensor = self.fusion(torch.cat([self.classical_path(x), self.quantum_path(x)], dim=-1))
        return y


class ResidualHybrid(nn.Module):
    """A quantum correction to a classical network: with ``h = backbone(x)``, ``output(h + quantum(h))``.

    Args:
        classical_backbone: From the features to a width W.
        quantum_residual: From W to W, normalisation included.
        output_layer: From W to the model's outputs.
    """

    def __init__(self, classical_backbone: nn.Module, quantum_residual: nn.Module, output_layer: nn.Module) -> None:
        super().__init__()
        self.classical_backbone = classical_backbone
        self.quantum_residual = quantum_residual
        self.output_layer = output_layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        hidden = self.classical_backbone(x)
        y: torch.Tensor = self.output_layer(hidden + self.quantum_residual(hidden))
        return y
