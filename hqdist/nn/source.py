"""The program of a layer, from whichever description the user has."""

from collections.abc import Sequence

from hqdist.errors import ConfigurationError
from hqdist.program import CircuitBuilder, Program, Readout, StatePattern
from hqdist.program.checks import MAX_MODES, instance, listed, whole


def program_from(
    *,
    builder: CircuitBuilder | None,
    circuit: object | None,
    program: Program | None,
    input_state: Sequence[int] | None,
    n_photons: int | None,
    trainable_parameters: Sequence[str] | None,
    input_parameters: Sequence[str] | None,
    readout: Readout | None,
) -> Program:
    """Make a program from a builder, a Perceval circuit or a program: exactly one of them.

    Raises:
        ConfigurationError: If there is not exactly one, or an argument does not go with it.
    """
    if sum(source is not None for source in (builder, circuit, program)) != 1:
        raise ConfigurationError("give a quantum layer exactly one of ansatz, builder, circuit and program")
    if circuit is None and (trainable_parameters is not None or input_parameters is not None):
        raise ConfigurationError("trainable_parameters and input_parameters go with a Perceval circuit only")
    if program is not None:
        if input_state is not None or n_photons is not None or readout is not None:
            raise ConfigurationError(
                "a program has its input state and readout already; leave input_state, n_photons and "
                "measurement_strategy out"
            )
        return instance(program, Program, "program", error=ConfigurationError)
    if builder is not None:
        instance(builder, CircuitBuilder, "builder", error=ConfigurationError)
        return builder.program(_input_state(builder.modes, input_state, n_photons), readout)
    from hqdist.program.perceval import circuit_modes, from_perceval

    return from_perceval(
        circuit,
        input_state=_input_state(circuit_modes(circuit), input_state, n_photons),
        trainable_parameters=trainable_parameters or (),
        input_parameters=input_parameters or (),
        readout=readout,
    )


def _input_state(modes: int, input_state: Sequence[int] | None, n_photons: int | None) -> tuple[int, ...]:
    if n_photons is not None:
        n_photons = whole(n_photons, "n_photons", least=0, error=ConfigurationError)
    if input_state is not None:
        counts = listed(input_state, "input_state", most=MAX_MODES, error=ConfigurationError)
        state = tuple(whole(count, "each number of input_state", error=ConfigurationError) for count in counts)
        if n_photons is not None and sum(state) != n_photons:
            raise ConfigurationError(f"input_state {state} has {sum(state)} photons, not n_photons={n_photons}")
        return state
    if n_photons is None:
        raise ConfigurationError("say where the photons enter: give input_state or n_photons")
    return StatePattern.PERIODIC.state(modes, n_photons)
