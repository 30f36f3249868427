"""What a training run is made from: the tables and keys of a configuration file, checked strictly."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from hqdist.errors import ConfigurationError
from hqdist.program import CircuitType, ComputationSpace, OutputMappingStrategy, StatePattern
from hqdist.training.words import brief, first_few

Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Features = Annotated[int, Field(ge=1, le=1_000)]
Width = Annotated[int, Field(ge=1, le=100_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _SplitConfiguration(_Table):
    validation: Fraction = 0.2
    test: Fraction = 0.2

    @model_validator(mode="after")
    def _leaves_training_samples(self) -> "_SplitConfiguration":
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation} and test {self.test} leave nothing to train on")
        return self


class MeasuredDataConfiguration(_SplitConfiguration):
    """A data set that comes with scikit-learn.

    Attributes:
        name: Which one.
        validation: Fraction of the samples for choosing the best epoch.
        test: Fraction of the samples for the final figure.
    """

    name: Literal["digits", "wine", "breast_cancer", "iris"]


class GeneratedDataConfiguration(_SplitConfiguration):
    """A data set of points in the plane that scikit-learn generates from the run's seed.

    Attributes:
        name: Which one.
        samples: How many points.
        noise: Standard deviation of the points around their curve.
        validation: Fraction of the samples for choosing the best epoch.
        test: Fraction of the samples for the final figure.
    """

    name: Literal["moons", "circles"]
    samples: Annotated[int, Field(ge=10, le=10_000_000)] = 400
    noise: Annotated[float, Field(ge=0, le=1000)] = 0.1


class CircuitConfiguration(_Table):
    """The photonic circuit: the fields of `hqdist.Experiment`, and how its probabilities become outputs."""

    circuit_type: Annotated[CircuitType, Field(strict=False)] = CircuitType.SERIES
    n_modes: Annotated[int, Field(le=1000)] = 6
    n_photons: Annotated[int, Field(le=100)] = 3
    state_pattern: Annotated[StatePattern, Field(strict=False)] = StatePattern.PERIODIC
    use_bandwidth_tuning: bool = False
    reservoir_mode: bool = False
    computation_space: Annotated[ComputationSpace, Field(strict=False)] = ComputationSpace.FOCK
    output_mapping: Annotated[OutputMappingStrategy, Field(strict=False)] = OutputMappingStrategy.LINEAR


class SequentialConfiguration(_Table):
    """Classical, quantum, classical.

    Attributes:
        quantum_features: Q, how many features enter the circuit; 2 Q come out, unless output_mapping is "none".
        dropout: Probability of dropping a hidden value of the last classical part.
    """

    architecture: Literal["sequential"]
    quantum_features: Features = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class ParallelConfiguration(_Table):
    """A classical and a quantum path side by side; the circuit takes every feature of the data.

    Attributes:
        hidden: Widths of the classical path's hidden layers.
        outputs: Width of each path's output; of the quantum path unless output_mapping is "none".
    """

    architecture: Literal["parallel"]
    hidden: Annotated[tuple[Width, ...], Field(strict=False, max_length=100)] = (64, 32)
    outputs: Width = 16


class ResidualConfiguration(_Table):
    """A quantum correction to a classical network.

    Attributes:
        width: Width of the classical network, and number of features and outputs of the quantum layer.
    """

    architecture: Literal["residual"]
    width: Features = 64


class TrainingConfiguration(_Table):
    """How long and how fast: Adam, with a learning rate for either kind of parameter.

    Attributes:
        epochs: Passes over the training samples.
        batch_size: Samples in a step; at least 2, because batch normalisation compares them.
        classical_learning_rate: For the parameters of classical modules.
        quantum_learning_rate: For the phases and input scales of quantum layers.
        schedule: "constant" rates, or "cosine": from these in the first epoch towards zero after the last.
        weight_decay: Decoupled weight decay of the classical parameters; phases are angles and do not decay.
    """

    epochs: Count = 60
    batch_size: Annotated[int, Field(ge=2, le=1_000_000)] = 16
    classical_learning_rate: Rate = 1e-2
    quantum_learning_rate: Rate = 1e-2
    schedule: Literal["constant", "cosine"] = "cosine"
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = 0.0


DataConfiguration = Annotated[MeasuredDataConfiguration | GeneratedDataConfiguration, Field(discriminator="name")]
ModelConfiguration = Annotated[
    SequentialConfiguration | ParallelConfiguration | ResidualConfiguration, Field(discriminator="architecture")
]


class Configuration(_Table):
    """Everything that decides the outcome of a run.

    Attributes:
        seed: Seeds the split, the initial parameters, shuffling and dropout.
        threads: CPU threads for torch and the exact backend; without it, torch's choice. Small models are fastest with
            one, and a run with the number written down resumes to the same bits on another machine.
        backend: Who evaluates the quantum layers, as `hqdist.backend` takes it: a name, a URI or a table.
        gradient: How they are differentiated, as `hqdist.QuantumLayer` takes it: a name, or a table with `name` and
            options.
        shots: Shots for each sample; without it, exact values.
        data: The samples.
        circuit: The photonic circuit.
        model: What is around it.
        training: The optimisation.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    backend: str | dict[str, Any] = "exact"
    gradient: str | dict[str, Any] = "auto"
    shots: Count | None = None
    data: DataConfiguration
    circuit: CircuitConfiguration = CircuitConfiguration()
    model: ModelConfiguration
    training: TrainingConfiguration = TrainingConfiguration()

    @field_validator("backend", mode="before")
    @classmethod
    def _name_uri_or_table(cls, value: object) -> object:
        if not isinstance(value, str | dict):
            raise ValueError("a backend is a name, a URI or a table")
        return value

    @field_validator("gradient", mode="before")
    @classmethod
    def _name_or_table(cls, value: object) -> object:
        if not isinstance(value, str | dict):
            raise ValueError("a gradient method is a name or a table")
        return value

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, as TOML takes them: defaults filled in, keys without a value left out."""
        return self.model_dump(mode="json", exclude_none=True)


_EXTREME = "a value in it is nested too deep, or a number has too many digits"


def read_configuration(path: Path) -> Configuration:
    """Read and check a TOML file.

    Raises:
        ConfigurationError: If it cannot be read, is not TOML, or a key is unknown, missing or has a value that is not
            allowed; the first such keys are named.
    """
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: it is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {_EXTREME}") from error
    try:
        configuration = Configuration.model_validate(table)
        tomli_w.dumps(configuration.resolved())  # as the run directory will hold it
    except ValidationError as error:
        problems = [_in_words(problem) for problem in error.errors(include_url=False)]
        raise ConfigurationError(f"{path}: {first_few(problems)}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {_EXTREME}") from error
    return configuration


def _tags(kind: type[_Table], discriminator: str) -> tuple[str, ...]:
    return get_args(kind.model_fields[discriminator].annotation)


#: The kind of table that a part of pydantic's location stands for: a table's key, or the tag of a union's member.
_TABLES: dict[str | int, type[_Table]] = {
    "circuit": CircuitConfiguration,
    "training": TrainingConfiguration,
    **{tag: kind for kind in get_args(get_args(DataConfiguration)[0]) for tag in _tags(kind, "name")},
    **{tag: kind for kind in get_args(get_args(ModelConfiguration)[0]) for tag in _tags(kind, "architecture")},
}


def _in_words(problem: ErrorDetails) -> str:
    """One of pydantic's problems as ``dotted.key: what is wrong``."""
    location, value, context = problem["loc"], problem["input"], problem.get("ctx", {})
    in_union = location[0] in ("data", "model")
    key = ".".join(str(part) for index, part in enumerate(location) if not (in_union and index == 1))
    discriminator = str(context.get("discriminator")).strip("'")
    match problem["type"]:
        case "extra_forbidden":
            known = _TABLES[location[-2]] if len(location) > 1 else Configuration
            words = f"unknown key {key}; keys known there: {', '.join(known.model_fields)}"
        case "missing":
            words = f"{key} is missing"
        case "union_tag_not_found":
            words = f"{key}.{discriminator} is missing"
        case "union_tag_invalid":
            words = (
                f"{key}.{discriminator}: {brief(context['tag'])} is unknown; choose one of {context['expected_tags']}"
            )
        case "model_type" | "model_attributes_type" | "dict_type":
            words = f"{key}: must be a table, got {brief(value)}"
        case "value_error":
            words = f"{key}: {context['error']}"
        case _:
            words = f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}, got {brief(value)}"
    return words
