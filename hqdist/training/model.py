"""The model of a run: one of the three hybrid architectures, built from configuration."""

import math
from itertools import pairwise

import psutil
import torch
from torch import nn

from hqdist.errors import ConfigurationError, HqdistError
from hqdist.execution import Backend, Request, backend
from hqdist.gradient import choose
from hqdist.nn import ParallelHybrid, QuantumLayer, ResidualHybrid, SequentialHybrid
from hqdist.program import Ansatz, AnsatzFactory, CircuitType, Experiment, OutputMappingStrategy
from hqdist.training.configuration import (
    CircuitConfiguration,
    Configuration,
    ParallelConfiguration,
    ResidualConfiguration,
    SequentialConfiguration,
)

#: Most elements of a circuit: more take longer to describe than anyone waits for an error.
_MOST_ELEMENTS = 500_000

#: A trained number in memory: itself, its gradient and the optimiser's two moments.
_COPIES = 4


def build_model(configuration: Configuration, *, features: int, classes: int, batch_size: int) -> nn.Module:
    """Build the model that a configuration describes, its quantum layer connected to its backend.

    Nothing of its size is made before the backend has agreed to the circuit and the memory is known to suffice.

    Args:
        configuration: The whole configuration.
        features: Number of features of a sample.
        classes: Number of classes, the model's outputs (logits).
        batch_size: Samples in the largest batch.

    Raises:
        ProgramError: If the circuit is not valid.
        ConfigurationError: If the parts do not fit together, or not in memory, or the backend's options are not valid.
        UnknownBackendError: If no backend has this name.
        CapabilityError: If the backend cannot evaluate a batch.
        GradientError: If the backend does not offer the gradient.
    """
    chosen = _backend(configuration)
    ansatz = _ansatz(configuration, features)
    _check_backend(configuration, chosen, ansatz, batch_size)

    def build() -> nn.Module:
        quantum = QuantumLayer(
            ansatz=ansatz, backend=chosen, gradient=configuration.gradient, shots=configuration.shots
        )
        match configuration.model:
            case SequentialConfiguration() as model:
                return _sequential(model, quantum, features, classes)
            case ParallelConfiguration() as model:
                return _parallel(model, quantum, features, classes)
            case ResidualConfiguration() as model:
                return _residual(model, quantum, features, classes)

    with torch.device("meta"):
        _check_memory(build())
    return build()


def _backend(configuration: Configuration) -> Backend:
    try:
        return backend(configuration.backend)
    except HqdistError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the backend's options are not valid: {error}") from error


def _ansatz(configuration: Configuration, features: int) -> Ansatz:
    circuit, mapping = configuration.circuit, configuration.circuit.output_mapping
    match configuration.model:
        case SequentialConfiguration() as model:
            inputs, outputs = model.quantum_features, 2 * model.quantum_features
        case ParallelConfiguration() as model:
            inputs, outputs = features, model.outputs
        case ResidualConfiguration() as model:
            inputs, outputs = model.width, model.width
    experiment = _experiment(circuit)
    elements = (_encoding_columns(circuit, inputs) + 1) * circuit.n_modes**2
    if elements > _MOST_ELEMENTS:
        raise ConfigurationError(
            f"{inputs} features in {circuit.n_modes} modes ({circuit.circuit_type}) make a circuit of about "
            f"{elements} elements, and {_MOST_ELEMENTS} are the most; use fewer modes or features"
        )
    return AnsatzFactory.create(
        experiment,
        input_size=inputs,
        output_size=None if mapping is OutputMappingStrategy.NONE else outputs,
        output_mapping_strategy=mapping,
    )


def _encoding_columns(circuit: CircuitConfiguration, features: int) -> int:
    """How many columns of encoding phases `hqdist.CircuitType` makes."""
    match circuit.circuit_type:
        case CircuitType.SERIES:
            return math.ceil(features / (circuit.n_modes - 1))
        case CircuitType.PARALLEL if features == 1:
            return circuit.n_modes - 1
        case _:
            return features


def _check_backend(configuration: Configuration, chosen: Backend, ansatz: Ansatz, batch_size: int) -> None:
    """See that the backend can evaluate and differentiate the circuit; nothing is submitted."""
    program, zero = ansatz.program, torch.zeros(1)
    shots = chosen.shots if configuration.shots is None else configuration.shots
    choose(configuration.gradient, chosen, sampled=shots is not None)
    weights, inputs = zero.expand(len(program.weights)), zero.expand(batch_size, len(program.inputs))
    chosen.check(Request(program=program, weights=weights, inputs=inputs, shots=shots))


def _check_memory(model: nn.Module) -> None:
    """See that a model fits in memory and can be trained there; it need not have values itself."""
    needed = _COPIES * sum(parameter.nbytes for parameter in model.parameters())
    free = psutil.virtual_memory().available
    if needed > free:
        raise ConfigurationError(
            f"training the model needs {needed / 2**30:.1f} GiB of memory for its parameters, {free / 2**30:.1f} GiB "
            "are free; use fewer features, outputs, modes or photons"
        )


def _experiment(circuit: CircuitConfiguration) -> Experiment:
    return Experiment(
        circuit_type=circuit.circuit_type,
        n_modes=circuit.n_modes,
        n_photons=circuit.n_photons,
        state_pattern=circuit.state_pattern,
        use_bandwidth_tuning=circuit.use_bandwidth_tuning,
        reservoir_mode=circuit.reservoir_mode,
        computation_space=circuit.computation_space,
    )


def _sequential(model: SequentialConfiguration, quantum: QuantumLayer, features: int, classes: int) -> nn.Module:
    width = 2 * model.quantum_features
    return SequentialHybrid.from_parts(
        classical_pre=nn.Sequential(
            nn.Linear(features, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, model.quantum_features),
            nn.Sigmoid(),
        ),
        quantum_layer=quantum,
        classical_post=nn.Sequential(
            nn.Linear(quantum.output_size, 2 * classes),
            nn.ReLU(),
            nn.Dropout(model.dropout),
            nn.Linear(2 * classes, classes),
        ),
    )


def _parallel(model: ParallelConfiguration, quantum: QuantumLayer, features: int, classes: int) -> nn.Module:
    return ParallelHybrid.from_parts(
        classical_path=nn.Sequential(*_perceptron(features, *model.hidden, model.outputs)),
        quantum_path=nn.Sequential(nn.Sigmoid(), quantum),
        fusion=nn.Sequential(*_perceptron(model.outputs + quantum.output_size, 2 * classes, classes)),
    )


def _residual(model: ResidualConfiguration, quantum: QuantumLayer, features: int, classes: int) -> nn.Module:
    if quantum.output_size != model.width:
        raise ConfigurationError(
            f"a residual of model.width={model.width} needs as many outputs from the circuit, which gives "
            f'{quantum.output_size}; choose circuit.output_mapping = "linear"'
        )
    return ResidualHybrid.from_parts(
        classical_backbone=nn.Sequential(*_perceptron(features, model.width, model.width), nn.ReLU()),
        quantum_residual=nn.Sequential(nn.Sigmoid(), quantum),
        output_layer=nn.Linear(model.width, classes),
    )


def _perceptron(*widths: int) -> list[nn.Module]:
    """Linear layers of these widths with rectifiers between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]
