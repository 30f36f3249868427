"""Torch modules."""

from hqdist.nn.quantum_layer import QuantumLayer, use_backend

__all__ = ["QuantumLayer", "use_backend"]
