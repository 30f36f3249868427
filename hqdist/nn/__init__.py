"""Torch modules."""

from hqdist.nn.checkpointing import Checkpointed, checkpointed, replay
from hqdist.nn.concurrent import ConcurrentLayers, concurrently
from hqdist.nn.estimate import estimate
from hqdist.nn.gradient_scaling import GradientScaledQuantumLayer, scale_gradient
from hqdist.nn.hybrid import (
    MemoryEfficientHybrid,
    ParallelHybrid,
    ParallelProcessingHybrid,
    ResidualHybrid,
    SequentialHybrid,
)
from hqdist.nn.normalization import NormalizationLayer
from hqdist.nn.quantum_layer import QuantumLayer, use_backend

__all__ = [
    "Checkpointed",
    "ConcurrentLayers",
    "GradientScaledQuantumLayer",
    "MemoryEfficientHybrid",
    "NormalizationLayer",
    "ParallelHybrid",
    "ParallelProcessingHybrid",
    "QuantumLayer",
    "ResidualHybrid",
    "SequentialHybrid",
    "checkpointed",
    "concurrently",
    "estimate",
    "replay",
    "scale_gradient",
    "use_backend",
]
