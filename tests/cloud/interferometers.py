"""Small circuits to send to the cloud."""

from typing import Any

import perceval as pcvl


def interferometer(m: int = 4) -> pcvl.Circuit:
    """Mach-Zehnder interferometers with parameters a0, a1, ... and b0, b1, ..., which have no values."""
    return pcvl.GenericInterferometer(
        m, lambda i: pcvl.BS() // pcvl.PS(pcvl.P(f"a{i}")) // pcvl.BS() // pcvl.PS(pcvl.P(f"b{i}"))
    )


def fixed_interferometer(m: int = 4) -> pcvl.Circuit:
    """The same with some values."""
    circuit = interferometer(m)
    for index, parameter in enumerate(circuit.get_parameters()):
        parameter.set_value(0.3 + 0.7 * index)
    return circuit


def prepared(processor: Any, circuit: pcvl.Circuit | None = None, photons: int = 2) -> Any:
    """The processor with circuit, input |1,0,1,0> and filter."""
    processor.set_circuit(circuit or fixed_interferometer())
    processor.with_input(pcvl.BasicState([1, 0, 1, 0]))
    processor.min_detected_photons_filter(photons)
    return processor
