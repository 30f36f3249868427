"""The model of a run: one of the three hybrid architectures, built from configuration."""

from itertools import pairwise

from torch import nn

from hqdist.errors import ConfigurationError
from hqdist.execution import Request, current_backend
from hqdist.gradient import choose
from hqdist.nn import ParallelHybrid, QuantumLayer, ResidualHybrid, SequentialHybrid, use_backend
from hqdist.program import AnsatzFactory, Experiment, OutputMappingStrategy
from hqdist.training.configuration import (
    CircuitConfiguration,
    Configuration,
    ParallelConfiguration,
    ResidualConfiguration,
    SequentialConfiguration,
)


def build_model(configuration: Configuration, features: int, classes: int) -> nn.Module:
    """Build the model that a configuration describes, its quantum layers connected to its backend.

    Args:
        configuration: The whole configuration.
        features: Number of features of a sample.
        classes: Number of classes, the model's outputs (logits).

    Raises:
        ProgramError: If the circuit is not valid.
        ConfigurationError: If the parts do not fit together.
        UnknownBackendError: If no backend has this name.
    """

    def quantum(inputs: int, outputs: int) -> QuantumLayer:
        return _quantum_layer(configuration, inputs, outputs)

    match configuration.model:
        case SequentialConfiguration() as model:
            built: nn.Module = _sequential(
                model, quantum(model.quantum_features, 2 * model.quantum_features), features, classes
            )
        case ParallelConfiguration() as model:
            built = _parallel(model, quantum(features, model.outputs), features, classes)
        case ResidualConfiguration() as model:
            built = _residual(model, quantum(model.width, model.width), features, classes)
    return use_backend(built, configuration.backend)


def quantum_layers(model: nn.Module) -> list[QuantumLayer]:
    """The quantum layers of a model."""
    return [module for module in model.modules() if isinstance(module, QuantumLayer)]


def check_backend(model: nn.Module, batch_size: int) -> None:
    """See that the backend of every quantum layer can evaluate and differentiate it; nothing is submitted.

    Raises:
        CapabilityError: If it cannot evaluate a batch.
        GradientError: If it does not offer the gradient.
    """
    for layer in quantum_layers(model):
        backend = layer.backend or current_backend()
        choose(layer.gradient, backend)
        inputs = layer.phases.new_zeros(batch_size, layer.input_size)
        backend.check(Request(program=layer.program, weights=layer.phases, inputs=inputs, shots=layer.shots))


def _quantum_layer(configuration: Configuration, inputs: int, outputs: int) -> QuantumLayer:
    circuit = configuration.circuit
    mapping = circuit.output_mapping
    ansatz = AnsatzFactory.create(
        _experiment(circuit),
        input_size=inputs,
        output_size=None if mapping is OutputMappingStrategy.NONE else outputs,
        output_mapping_strategy=mapping,
    )
    return QuantumLayer(inputs, ansatz, gradient=configuration.gradient, shots=configuration.shots)


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
    return SequentialHybrid(
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
    return ParallelHybrid(
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
    return ResidualHybrid(
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
