import pytest

from hqdist import (
    Ansatz,
    AnsatzFactory,
    CircuitType,
    Experiment,
    LexGrouping,
    ModGrouping,
    OutputMappingStrategy,
    Probabilities,
    ProgramError,
)

EXPERIMENT = Experiment(CircuitType.SERIES, n_modes=4, n_photons=2)


def create(output_size: int | None, strategy: OutputMappingStrategy = OutputMappingStrategy.LINEAR) -> Ansatz:
    return AnsatzFactory.create(EXPERIMENT, 3, output_size, strategy)


def test_the_default_is_a_linear_map_from_all_probabilities() -> None:
    ansatz = AnsatzFactory.create(experiment=EXPERIMENT, input_size=3, output_size=7)
    assert ansatz.output_size == 7
    assert ansatz.program == EXPERIMENT.program(3)


def test_without_output_size_the_probabilities_come_back() -> None:
    assert create(None).output_size is None
    assert create(None).program.outputs == 10


@pytest.mark.parametrize(
    ("strategy", "grouping"),
    [(OutputMappingStrategy.LEXGROUPING, LexGrouping), (OutputMappingStrategy.MODGROUPING, ModGrouping)],
)
def test_groupings_are_readouts_and_need_no_map(
    strategy: OutputMappingStrategy, grouping: type[LexGrouping | ModGrouping]
) -> None:
    ansatz = create(5, strategy)
    assert ansatz.output_size is None
    assert ansatz.program.readout == Probabilities(grouping=grouping(5))
    assert ansatz.program.outputs == 5


def test_no_mapping_gives_as_many_outputs_as_there_are() -> None:
    assert create(10, OutputMappingStrategy.NONE).program.outputs == 10
    assert create(None, OutputMappingStrategy.NONE).output_size is None
    with pytest.raises(ProgramError, match="there are 10 outputs, not output_size=4"):
        create(4, OutputMappingStrategy.NONE)


def test_options_of_the_experiment_travel_with_the_ansatz() -> None:
    experiment = Experiment(n_modes=4, n_photons=2, use_bandwidth_tuning=True, reservoir_mode=True)
    ansatz = AnsatzFactory.create(experiment, 2)
    assert ansatz.bandwidth_tuning
    assert ansatz.reservoir


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ProgramError, match="at least 1"):
        create(0)
    with pytest.raises(ProgramError, match="needs an output_size"):
        create(None, OutputMappingStrategy.LEXGROUPING)
    with pytest.raises(ProgramError, match="at most 10"):
        create(11, OutputMappingStrategy.MODGROUPING)
    with pytest.raises(ProgramError, match="at most 10"):
        create(11, OutputMappingStrategy.LEXGROUPING)
    with pytest.raises(ProgramError, match="choose one of linear, lexgrouping, modgrouping, none"):
        create(3, "linaer")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((EXPERIMENT, "3"), "the number of features is a whole number"),
        ((EXPERIMENT, 3.0), "the number of features is a whole number"),
        ((EXPERIMENT, 3, 2.0), "output_size is a whole number"),
        (("series", 3), "of type Experiment"),
    ],
)
def test_what_makes_no_ansatz_says_why(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        AnsatzFactory.create(*arguments)  # type: ignore[arg-type]


def test_an_ansatz_has_a_program() -> None:
    with pytest.raises(ProgramError, match="of type Program"):
        Ansatz("program")  # type: ignore[arg-type]
