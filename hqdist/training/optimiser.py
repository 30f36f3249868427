"""Which parameters are quantum, and the optimiser that gives them a learning rate of their own."""

import torch
from torch import nn

from hqdist.nn import QuantumLayer


def quantum_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The phases and input scales of a model's quantum layers, found by type, whatever they are called.

    The linear map after a quantum layer's readout is classical: it is evaluated here, not by the photons.
    """
    layers = [module for module in model.modules() if isinstance(module, QuantumLayer)]
    candidates = [tensor for layer in layers for tensor in (layer.phases, layer.input_scale)]
    return [tensor for tensor in candidates if isinstance(tensor, nn.Parameter)]


def classical_parameters(model: nn.Module) -> list[nn.Parameter]:
    """All other parameters of a model."""
    quantum = {id(parameter) for parameter in quantum_parameters(model)}
    return [parameter for parameter in model.parameters() if id(parameter) not in quantum]


def create_optimiser(
    model: nn.Module, *, classical_learning_rate: float, quantum_learning_rate: float
) -> torch.optim.Optimizer:
    """Adam with a group for classical and a group for quantum parameters."""
    groups = [
        {"params": classical_parameters(model), "lr": classical_learning_rate},
        {"params": quantum_parameters(model), "lr": quantum_learning_rate},
    ]
    return torch.optim.Adam([group for group in groups if group["params"]])
