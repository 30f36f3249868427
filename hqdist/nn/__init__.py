"""Torch modules."""

from hqdist.nn.estimate import estimate
from hqdist.nn.hybrid import ParallelHybrid, ResidualHybrid, SequentialHybrid
from hqdist.nn.quantum_layer import QuantumLayer, use_backend

__all__ = ["ParallelHybrid", "QuantumLayer", "ResidualHybrid", "SequentialHybrid", "estimate", "use_backend"]
