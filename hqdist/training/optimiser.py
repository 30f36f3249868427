"""Which parameters are quantum, and the optimiser that gives them a learning rate of their own."""

import math

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
    model: nn.Module, *, classical_learning_rate: float, quantum_learning_rate: float, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """AdamW with a group for classical and a group for quantum parameters; only the former decay."""
    groups = [
        {
            "params": classical_parameters(model),
            "initial_lr": classical_learning_rate,
            "lr": classical_learning_rate,
            "weight_decay": weight_decay,
        },
        {
            "params": quantum_parameters(model),
            "initial_lr": quantum_learning_rate,
            "lr": quantum_learning_rate,
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]])


def set_cosine_rates(optimiser: torch.optim.Optimizer, epoch: int, epochs: int) -> None:
    """Set the learning rates for an epoch (from 1): ``lr (1 + cos(pi (epoch - 1) / epochs)) / 2``.

    A function of the epoch alone, so a resumed run needs no memory of it.
    """
    factor = (1 + math.cos(math.pi * (epoch - 1) / epochs)) / 2
    for group in optimiser.param_groups:
        group["lr"] = factor * group["initial_lr"]
