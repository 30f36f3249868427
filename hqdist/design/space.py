"""What an architecture search may choose from, and one choice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from hqdist.errors import ConfigurationError
from hqdist.execution import Backend, backend
from hqdist.execution.registry import BackendLike
from hqdist.nn import QuantumLayer
from hqdist.program import AnsatzFactory, CircuitType, Experiment, OutputMappingStrategy, StatePattern
from hqdist.program.checks import member, whole

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One choice: a circuit, its encoding and readout, and who evaluates it.

    Attributes:
        circuit_type: How features enter.
        modes: Number of modes.
        photons: Number of photons.
        state_pattern: Where the photons enter.
        bandwidth_tuning: Whether each feature has a trainable scale.
        reservoir: Whether the interferometers stay as they are drawn.
        output_mapping: How probabilities become outputs.
        backend: Who evaluates.
    """

    circuit_type: CircuitType
    modes: int
    photons: int
    state_pattern: StatePattern
    bandwidth_tuning: bool
    reservoir: bool
    output_mapping: OutputMappingStrategy
    backend: Backend

    def layer(self, input_size: int, output_size: int) -> QuantumLayer:
        """The quantum layer, with phases drawn from torch's random state.

        Raises:
            ProgramError: If there is no such circuit: with more photons than modes, say.
            ConfigurationError: If its probabilities are too many for the output map.
        """
        experiment = Experiment(
            circuit_type=self.circuit_type,
            n_modes=self.modes,
            n_photons=self.photons,
            state_pattern=self.state_pattern,
            use_bandwidth_tuning=self.bandwidth_tuning,
            reservoir_mode=self.reservoir,
        )
        ansatz = AnsatzFactory.create(experiment, input_size, output_size, self.output_mapping)
        return QuantumLayer(input_size, ansatz, backend=self.backend)


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """What a search may choose from; the fields are those of `Candidate`, with a tuple of choices each.

    Raises:
        ConfigurationError: If there is nothing to choose from, or a choice is none.
    """

    circuit_type: Sequence[CircuitType | str] = tuple(CircuitType)
    modes: Sequence[int] = (4, 6, 8)
    photons: Sequence[int] = (1, 2, 3)
    state_pattern: Sequence[StatePattern | str] = (StatePattern.PERIODIC,)
    bandwidth_tuning: Sequence[bool] = (False, True)
    reservoir: Sequence[bool] = (False,)
    output_mapping: Sequence[OutputMappingStrategy | str] = (OutputMappingStrategy.LINEAR,)
    backend: Sequence[BackendLike] = ("exact",)

    def __post_init__(self) -> None:
        def number(name: str, least: int) -> Callable[[Any], int]:
            return lambda value: whole(value, name, least=least, error=ConfigurationError)

        self._check("circuit_type", lambda value: member(CircuitType, value, error=ConfigurationError))
        self._check("modes", number("modes", 2))
        self._check("photons", number("photons", 1))
        self._check("state_pattern", lambda value: member(StatePattern, value, error=ConfigurationError))
        self._check("bandwidth_tuning", _truth)
        self._check("reservoir", _truth)
        self._check("output_mapping", lambda value: member(OutputMappingStrategy, value, error=ConfigurationError))
        self._check("backend", backend)

    def _check(self, name: str, one: Callable[[Any], T]) -> None:
        given = getattr(self, name)
        if isinstance(given, str) or not isinstance(given, Sequence) or not given:
            raise ConfigurationError(f"{name} is a tuple of choices, at least one, got {given!r}")
        choices = tuple(one(value) for value in given)
        if len({repr(choice) for choice in choices}) < len(choices):
            raise ConfigurationError(f"{name} has a choice twice: {given!r}")
        object.__setattr__(self, name, choices)

    def choices(self) -> dict[str, tuple[Any, ...]]:
        """By name, what may be chosen."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"a choice of yes or no is True or False, got {value!r}")
    return value
