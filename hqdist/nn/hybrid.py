"""The ways to join classical modules and quantum layers: in sequence, side by side, as a residual.

Each class is made from sizes, with the parts that the guide to hybrid models gives it, or `from_parts`. Either way
`hqdist.use_backend` says who evaluates the quantum layers.
"""

from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import nn

from hqdist.nn.checkpointing import checkpointed
from hqdist.nn.concurrent import concurrently
from hqdist.nn.normalization import NormalizationLayer
from hqdist.nn.quantum_layer import QuantumLayer
from hqdist.program import AnsatzFactory, CircuitType, Experiment


class _Hybrid(nn.Module):
    """A module that can be made from parts."""

    @classmethod
    def _of(cls, **parts: nn.Module) -> Self:
        model = cls.__new__(cls)
        nn.Module.__init__(model)
        for name, part in parts.items():
            setattr(model, name, part)
        return model


class SequentialHybrid(_Hybrid):
    """Classical, quantum, classical: ``post(quantum(pre(x)))``.

    Args:
        input_dim: Number of features.
        quantum_dim: Q, how many features enter the circuit (6 modes, 3 photons, SERIES); 2 Q come out.
        output_dim: Number of outputs.
    """

    def __init__(self, input_dim: int, quantum_dim: int, output_dim: int) -> None:
        super().__init__()
        width = 2 * quantum_dim
        self.classical_pre: nn.Module = nn.Sequential(
            nn.Linear(input_dim, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, quantum_dim),
            nn.Sigmoid(),
        )
        experiment = Experiment(CircuitType.SERIES, n_modes=6, n_photons=3, use_bandwidth_tuning=True)
        self.quantum_layer: nn.Module = _quantum(experiment, quantum_dim, width)
        self.classical_post: nn.Module = nn.Sequential(
            nn.Linear(width, 2 * output_dim), nn.ReLU(), nn.Dropout(0.1), nn.Linear(2 * output_dim, output_dim)
        )

    @classmethod
    def from_parts(cls, classical_pre: nn.Module, quantum_layer: nn.Module, classical_post: nn.Module) -> Self:
        """Compose.

        Args:
            classical_pre: From the features to the quantum layer's inputs, which it should bring into [0, 1].
            quantum_layer: The quantum layer.
            classical_post: From the quantum layer's outputs to the model's.
        """
        return cls._of(classical_pre=classical_pre, quantum_layer=quantum_layer, classical_post=classical_post)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        y: torch.Tensor = self.classical_post(self.quantum_layer(self.classical_pre(x)))
        return y


class ParallelHybrid(_Hybrid):
    """A classical and a quantum path side by side: ``fusion([classical(x), quantum(normalization(x))])``.

    Args:
        input_dim: Number of features, all of which enter the circuit (5 modes, 2 photons, PARALLEL_COLUMNS) as well.
        output_dim: Number of outputs.
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.classical_path: nn.Module = nn.Sequential(
            nn.Linear(input_dim, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16)
        )
        experiment = Experiment(CircuitType.PARALLEL_COLUMNS, n_modes=5, n_photons=2, use_bandwidth_tuning=True)
        self.normalization: nn.Module = NormalizationLayer()
        self.quantum_path: nn.Module = _quantum(experiment, input_dim, 16)
        self.fusion: nn.Module = nn.Sequential(
            nn.Linear(32, 2 * output_dim), nn.ReLU(), nn.Linear(2 * output_dim, output_dim)
        )

    @classmethod
    def from_parts(
        cls,
        classical_path: nn.Module,
        quantum_path: nn.Module,
        fusion: nn.Module,
        normalization: nn.Module | None = None,
    ) -> Self:
        """Compose.

        Args:
            classical_path: From the features to C outputs.
            quantum_path: From the normalised features to Q outputs.
            fusion: From the C + Q joined outputs, classical first, to the model's.
            normalization: Of the features, for the quantum path; None leaves them as they are.
        """
        normalization = nn.Identity() if normalization is None else normalization
        return cls._of(
            classical_path=classical_path, normalization=normalization, quantum_path=quantum_path, fusion=fusion
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        paths = [self.classical_path(x), self.quantum_path(self.normalization(x))]
        y: torch.Tensor = self.fusion(torch.cat(paths, dim=-1))
        return y


class ResidualHybrid(_Hybrid):
    """A quantum correction to a classical network: with ``h = backbone(x)``, ``output(h + quantum(normalization(h)))``.

    Args:
        input_dim: Number of features.
        output_dim: Number of outputs. The hidden width, which the circuit (4 modes, 2 photons, SERIES) takes, is 64.
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.classical_backbone: nn.Module = nn.Sequential(
            nn.Linear(input_dim, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()
        )
        self.normalization: nn.Module = NormalizationLayer()
        self.quantum_residual: nn.Module = _quantum(Experiment(CircuitType.SERIES, n_modes=4, n_photons=2), 64, 64)
        self.output_layer: nn.Module = nn.Linear(64, output_dim)

    @classmethod
    def from_parts(
        cls,
        classical_backbone: nn.Module,
        quantum_residual: nn.Module,
        output_layer: nn.Module,
        normalization: nn.Module | None = None,
    ) -> Self:
        """Compose.

        Args:
            classical_backbone: From the features to a width W.
            quantum_residual: From W normalised values to W.
            output_layer: From W to the model's outputs.
            normalization: Of the backbone's outputs, for the quantum layer; None leaves them as they are.
        """
        normalization = nn.Identity() if normalization is None else normalization
        return cls._of(
            classical_backbone=classical_backbone,
            normalization=normalization,
            quantum_residual=quantum_residual,
            output_layer=output_layer,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        hidden = self.classical_backbone(x)
        y: torch.Tensor = self.output_layer(hidden + self.quantum_residual(self.normalization(hidden)))
        return y


class MemoryEfficientHybrid(_Hybrid):
    """Classical, quantum, classical, with the quantum layer under gradient checkpointing: see `checkpointed`.

    The guide calls `torch.utils.checkpoint.checkpoint` as it is, which evaluates the layer a second time for the
    backward pass: twice the shots, and other values than those the loss was computed from. It does so in training mode
    only; memory is needed wherever gradients are, whatever the mode.

    Args:
        input_dim: Number of features.
        output_dim: Number of outputs. 64 values enter the circuit (5 modes, 2 photons, SERIES) and come out.
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.classical_pre: nn.Module = nn.Sequential(nn.Linear(input_dim, 128), nn.ReLU(), nn.Linear(128, 64))
        self.normalization: nn.Module = NormalizationLayer()
        self.quantum_layer: nn.Module = _quantum(Experiment(CircuitType.SERIES, n_modes=5, n_photons=2), 64, 64)
        self.classical_post: nn.Module = nn.Linear(64, output_dim)

    @classmethod
    def from_parts(
        cls,
        classical_pre: nn.Module,
        quantum_layer: nn.Module,
        classical_post: nn.Module,
        normalization: nn.Module | None = None,
    ) -> Self:
        """Compose.

        Args:
            classical_pre: From the features to the quantum layer's inputs.
            quantum_layer: What is computed again for the backward pass: a quantum layer, or a block with some in it.
            classical_post: From its outputs to the model's.
            normalization: Of the quantum layer's inputs; None leaves them as they are.
        """
        return cls._of(
            classical_pre=classical_pre,
            normalization=nn.Identity() if normalization is None else normalization,
            quantum_layer=quantum_layer,
            classical_post=classical_post,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        x = self.normalization(self.classical_pre(x))
        y: torch.Tensor = self.classical_post(checkpointed(self.quantum_layer, x))
        return y


class ParallelProcessingHybrid(_Hybrid):
    """Several quantum layers that see the same features at the same time: ``fusion([layer(normalization(x)), ...])``.

    The guide's loop calls one layer after the other; here they are evaluated concurrently, to the same bits: see
    `concurrently`.

    Args:
        input_dim: Number of features, which enter each of four circuits (4 modes, 2 photons, PARALLEL).
        output_dim: Number of outputs; each circuit contributes 32 to what is joined.
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        experiment = Experiment(CircuitType.PARALLEL, n_modes=4, n_photons=2)
        self.normalization: nn.Module = NormalizationLayer()
        self.quantum_layers = nn.ModuleList(_quantum(experiment, input_dim, 32) for _ in range(4))
        self.fusion: nn.Module = nn.Linear(4 * 32, output_dim)

    @classmethod
    def from_parts(
        cls, quantum_layers: Iterable[QuantumLayer], fusion: nn.Module, normalization: nn.Module | None = None
    ) -> Self:
        """Compose.

        Args:
            quantum_layers: From the normalised features to outputs of their own.
            fusion: From all their outputs, joined in order, to the model's.
            normalization: Of the features; None leaves them as they are.
        """
        normalization = nn.Identity() if normalization is None else normalization
        return cls._of(normalization=normalization, quantum_layers=nn.ModuleList(quantum_layers), fusion=fusion)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features) to (B, outputs)."""
        layers: Any = self.quantum_layers
        y: torch.Tensor = self.fusion(torch.cat(concurrently(layers, self.normalization(x)), dim=-1))
        return y


def _quantum(experiment: Experiment, inputs: int, outputs: int) -> QuantumLayer:
    return QuantumLayer(input_size=inputs, ansatz=AnsatzFactory.create(experiment, inputs, outputs))
