"""What a platform says of itself, and what follows for the requests that it takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hqdist.errors import PlatformUnavailableError
from hqdist.execution import Detectors, Noise, Request
from hqdist.program import ModeExpectations, NumberCorrelators, Probabilities, Readout

#: What can be computed from detections.
READOUTS: tuple[type[Readout], ...] = (Probabilities, ModeExpectations, NumberCorrelators)

#: Words for a platform that takes jobs; others are passed on to the user.
AVAILABLE = ("available", "online", "ready", "")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The specifications of a platform.

    Attributes:
        name: Such as ``qpu:belenos``.
        hardware: Whether it is a QPU; then it has its own noise and takes none from the user.
        status: What the provider says of it now.
        commands: ``probs``, ``sample_count`` and ``samples``, as far as it offers them.
        min_modes, max_modes, min_photons, max_photons: Its limits; None where it names none.
        max_shots: Most shots of a row; None where it names none.
        inputs: Most photons that can enter each mode; None where any number can.
        noise: Its source, loss and detectors.
    """

    name: str
    hardware: bool = False
    status: str = ""
    commands: tuple[str, ...] = ()
    min_modes: int | None = None
    max_modes: int | None = None
    min_photons: int | None = None
    max_photons: int | None = None
    max_shots: int | None = None
    inputs: tuple[int, ...] | None = None
    noise: Noise = field(default_factory=Noise)

    @property
    def exact(self) -> bool:
        """Whether it gives probabilities."""
        return "probs" in self.commands

    @property
    def sampled(self) -> bool:
        """Whether it gives detections."""
        return "sample_count" in self.commands or "samples" in self.commands

    def command(self, request: Request) -> str:
        """The command for a request."""
        if request.shots is None:
            return "probs"
        return "sample_count" if "sample_count" in self.commands else "samples"

    def violations(self, request: Request) -> list[str]:
        """What the platform does not take, beyond the limits in its capabilities."""
        program, found = request.program, []
        for what, number, least in (
            ("modes", program.modes, self.min_modes),
            ("photons", program.photons, self.min_photons),
        ):
            if least is not None and number < least:
                found.append(f"{number} {what}, at least {least}")
        if self.inputs is not None:
            connected = [mode for mode, most in enumerate(self.inputs) if most]
            state = program.input_state
            outside = [
                mode for mode, n in enumerate(state) if n and (mode >= len(self.inputs) or not self.inputs[mode])
            ]
            if outside:
                found.append(f"photons enter modes {_list(outside)}, only modes {_list(connected)} are connected")
            crowded = [mode for mode in connected if mode < len(state) and state[mode] > self.inputs[mode]]
            if crowded:
                found.append(f"several photons enter modes {_list(crowded)}, one at most")
        if program.photons == 0:
            found.append("no photon enters; a shot is a run in which one is detected")
        return found


def read_platform(name: str, details: Mapping[str, Any]) -> Platform:
    """Read what a provider says of a platform.

    Args:
        name: The platform's name.
        details: The provider's answer: `specs` in Perceval's serialisation, `status`, `type`, `perfs`.

    Raises:
        PlatformUnavailableError: If it cannot be understood.
    """
    from perceval.components import DetectionType
    from perceval.runtime import PlatformSpecs
    from perceval.serialization import deserialize
    from perceval.utils import ProcessorType

    try:
        specs = PlatformSpecs()
        specs.update(deserialize(details["specs"], strict=False))
        specs["type"] = details.get("type", "simulator")
        architecture, limits = specs.architecture, specs.constraints
        commands = tuple(
            command for command in ("probs", "sample_count", "samples") if command in specs.available_commands
        )
        hardware = specs.type is ProcessorType.PHYSICAL
        detectors = Detectors.PNR
        inputs: tuple[int, ...] | None = None
        if architecture is not None:
            if architecture.detection_type is not DetectionType.PNR:
                detectors = Detectors.THRESHOLD
            if architecture.input_state is not None:
                inputs = tuple(int(n) for n in architecture.input_state)
        if limits.get("support_multi_photon") is False:
            inputs = tuple(min(n, 1) for n in inputs) if inputs else None
        max_modes = _limit(limits, "max_mode_count")
        if inputs is not None:
            max_modes = len(inputs) if max_modes is None else min(max_modes, len(inputs))
        return Platform(
            name=name,
            hardware=hardware,
            status=str(details.get("status") or ""),
            commands=commands,
            min_modes=_limit(limits, "min_mode_count"),
            max_modes=max_modes,
            min_photons=_limit(limits, "min_photon_count"),
            max_photons=_limit(limits, "max_photon_count"),
            max_shots=_limit(limits, "max_shots_per_call", "max_shots", "max_sample_count"),
            inputs=inputs,
            noise=_noise(details.get("perfs") or {}, detectors),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise PlatformUnavailableError(
            f"the specifications of {name} cannot be read ({type(error).__name__}: {error}); "
            "a newer Perceval may be needed"
        ) from error


def _limit(limits: Mapping[str, Any], *names: str) -> int | None:
    given = [int(limits[name]) for name in names if limits.get(name) is not None]
    return min(given) if given else None


def _noise(figures: Mapping[str, Any], detectors: Detectors) -> Noise:
    """Noise from a platform's `perfs`: percentages."""

    def fraction(name: str, default: float) -> float:
        return min(max(float(figures.get(name, 100 * default)) / 100, 0.0), 1.0)

    return Noise(
        transmittance=fraction("Transmittance (%)", 1.0),
        indistinguishability=fraction("HOM (%)", 1.0),
        g2=fraction("g2 (%)", 0.0),
        detectors=detectors,
    )


def _list(modes: Iterable[int]) -> str:
    return ", ".join(map(str, modes))
