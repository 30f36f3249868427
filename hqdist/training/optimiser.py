"""Which parameters are quantum, and the optimisers that give them a learning rate of their own."""

import torch
from torch import nn

from hqdist.errors import ConfigurationError
from hqdist.nn import QuantumLayer
from hqdist.training.schedule import Cosine


def quantum_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The phases and input scales of a model's quantum layers, found by type, whatever they are called.

    The linear map after a quantum layer's readout is classical: it is evaluated here, not by the photons.
    """
    found: dict[nn.Parameter, None] = {}
    for layer in model.modules():
        if isinstance(layer, QuantumLayer):
            mapped = set() if layer.output_map is None else set(layer.output_map.parameters())
            found.update((parameter, None) for parameter in layer.parameters() if parameter not in mapped)
    return list(found)


def classical_parameters(model: nn.Module) -> list[nn.Parameter]:
    """All other parameters of a model."""
    quantum = set(quantum_parameters(model))
    return [parameter for parameter in model.parameters() if parameter not in quantum]


def create_hybrid_optimizer(
    model: nn.Module, classical_lr: float = 1e-3, quantum_lr: float = 1e-4
) -> tuple[torch.optim.Adam, torch.optim.Adam]:
    """Separate optimisers for classical and for quantum parameters, both Adam.

    The guide takes what has "quantum" in its name for quantum. That misses a layer called otherwise, takes the linear
    map after the readout (``quantum_layer.output_map``) along, and anything classical within a module of such a name.
    Here the type of the module decides: see `quantum_parameters`.

    Args:
        model: A model with both kinds of parameters.
        classical_lr: Learning rate of the classical ones.
        quantum_lr: Learning rate of the quantum ones.

    Returns:
        The classical and the quantum optimiser; `create_hybrid_schedulers` takes both, as `train_hybrid_alternating`
        does. For one optimiser with two groups, see `create_optimiser`.

    Raises:
        ConfigurationError: If there are no parameters of one kind.
    """
    groups = {"classical": classical_parameters(model), "quantum": quantum_parameters(model)}
    for kind, parameters in groups.items():
        if not parameters:
            raise ConfigurationError(
                f"{type(model).__name__} has no {kind} parameters to train (the phases of a reservoir are none); use "
                "one optimiser for all of them"
            )
    return torch.optim.Adam(groups["classical"], lr=classical_lr), torch.optim.Adam(groups["quantum"], lr=quantum_lr)


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
    """Set the learning rates for an epoch (from 1) along a `Cosine`.

    A function of the epoch alone, so a resumed run needs no memory of it.
    """
    factor = Cosine(epochs)(epoch - 1)
    for group in optimiser.param_groups:
        group["lr"] = factor * group["initial_lr"]
