"""Torch modules."""

from hqdist.nn.checkpointing import Checkpointed, checkpointed, replay
from hqdist.nn.concurrent import ConcurrentLayers, concurrently
from hqdist.nn.estimate import estimate
from hqdist.nn.fusion import AttentionFusion, GatedFusion
from hqdist.nn.gradient_scaling import GradientScaledQuantumLayer, scale_gradient
from hqdist.nn.hybrid import (
    MemoryEfficientHybrid,
    ParallelHybrid,
    ParallelProcessingHybrid,
    ResidualHybrid,
    SequentialHybrid,
)
from hqdist.nn.multi_scale import MultiScaleQuantum, Scale
from hqdist.nn.normalization import NormalizationLayer
from hqdist.nn.quantum_layer import QuantumLayer, use_backend

__all__ = [
    "AttentionFusion",
    "Checkpointed",
    "ConcurrentLayers",
    "GatedFusion",
    "GradientScaledQuantumLayer",
    "MemoryEfficientHybrid",
    "MultiScaleQuantum",
    "NormalizationLayer",
    "ParallelHybrid",
    "ParallelProcessingHybrid",
    "QuantumLayer",
    "ResidualHybrid",
    "Scale",
    "SequentialHybrid",
    "checkpointed",
    "concurrently",
    "estimate",
    "replay",
    "scale_gradient",
    "use_backend",
]
