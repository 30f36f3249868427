"""An ansatz: a program together with how its values become a layer's output."""

from dataclasses import dataclass
from enum import StrEnum

from hqdist.errors import ProgramError
from hqdist.program.checks import instance, member, whole
from hqdist.program.experiment import Experiment
from hqdist.program.program import Program
from hqdist.program.readout import Grouping, LexGrouping, ModGrouping, Probabilities


class OutputMappingStrategy(StrEnum):
    """How probabilities become `output_size` numbers.

    LINEAR: a trainable linear map (weights and bias) after the readout.
    LEXGROUPING: sums of consecutive states. MODGROUPING: sums of every `output_size`-th state.
    NONE: the probabilities as they are.
    """

    LINEAR = "linear"
    LEXGROUPING = "lexgrouping"
    MODGROUPING = "modgrouping"
    NONE = "none"


@dataclass(frozen=True)
class Ansatz:
    """What a `QuantumLayer` is made from.

    Attributes:
        program: What is evaluated.
        output_size: Width of a trainable linear map after the readout; None for no map.
        bandwidth_tuning: Whether each input has a trainable scale.
        reservoir: Whether the weights stay at their random values.
    """

    program: Program
    output_size: int | None = None
    bandwidth_tuning: bool = False
    reservoir: bool = False

    def __post_init__(self) -> None:
        instance(self.program, Program, "the program of an ansatz")
        if self.output_size is not None:
            object.__setattr__(self, "output_size", whole(self.output_size, "output_size", least=1))


class AnsatzFactory:
    """Makes an `Ansatz` from an `Experiment`."""

    @staticmethod
    def create(
        experiment: Experiment,
        input_size: int,
        output_size: int | None = None,
        output_mapping_strategy: OutputMappingStrategy = OutputMappingStrategy.LINEAR,
    ) -> Ansatz:
        """Fit an experiment to a number of inputs and outputs.

        Args:
            experiment: The photonic side.
            input_size: Number of features F.
            output_size: Number of outputs; None gives the probabilities as they are (R of them).
            output_mapping_strategy: How the probabilities become `output_size` numbers.

        Raises:
            ProgramError: If the sizes are out of range or do not fit the mapping.
        """
        strategy = member(OutputMappingStrategy, output_mapping_strategy)
        instance(experiment, Experiment, "the experiment of an ansatz")
        if output_size is not None:
            output_size = whole(output_size, "output_size", least=1)
        grouping: Grouping | None = None
        if strategy in (OutputMappingStrategy.LEXGROUPING, OutputMappingStrategy.MODGROUPING):
            if output_size is None:
                raise ProgramError(f"{strategy} needs an output_size")
            kind = LexGrouping if strategy is OutputMappingStrategy.LEXGROUPING else ModGrouping
            grouping = kind(output_size)
        program = experiment.program(input_size, Probabilities(experiment.computation_space, grouping))
        if strategy is OutputMappingStrategy.NONE and output_size not in (None, program.outputs):
            raise ProgramError(
                f"without an output mapping there are {program.outputs} outputs, not output_size={output_size}; "
                "leave output_size out, or choose LINEAR, LEXGROUPING or MODGROUPING"
            )
        return Ansatz(
            program=program,
            output_size=output_size if strategy is OutputMappingStrategy.LINEAR else None,
            bandwidth_tuning=experiment.use_bandwidth_tuning,
            reservoir=experiment.reservoir_mode,
        )
