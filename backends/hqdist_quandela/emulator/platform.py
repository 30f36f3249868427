"""What an emulated platform is, what it says of itself, and the ready-made ones."""

from dataclasses import dataclass
from typing import Any, Literal

import perceval as pcvl
from perceval.runtime.platform_specs import PlatformSpecs
from perceval.serialization import serialize
from perceval.utils.noise_model import noise_to_perf_dict

from hqdist.errors import ConfigurationError

COMMANDS = ("probs", "sample_count", "samples")

#: How a platform describes its chip: Perceval's current form, its older one, or not at all (a pure simulator).
Hardware = Literal["architecture", "specific_circuit"]


@dataclass(frozen=True)
class Platform:
    """A platform of the emulator.

    Attributes:
        name: "sim:..." or "qpu:..."; the prefix decides what it is. A QPU ignores the noise that users send.
        commands: What it runs, out of probs, sample_count and samples.
        max_modes: Most modes of a circuit.
        min_modes: Fewest modes of a circuit.
        max_photons: Most photons of an input state, heralds included.
        min_photons: Fewest.
        support_multi_photon: Whether a mode may hold more than one input photon.
        threshold_detectors: Whether its detectors click once for any number of photons.
        connected_input_modes: Modes that a photon can enter; empty: all.
        hardware: How it describes its chip of `max_modes` modes; None for a simulator without one.
        max_shots_per_call: Most shots of one iteration.
        max_sample_count: Most samples of one iteration.
        max_iterations: Most iterations of one job; None: any number.
        noise: Its own noise, announced as its performances. Users of a simulator can replace it.
        status: The word it announces, such as "available" or "maintenance".
        accepting: Whether it accepts jobs; platforms in maintenance often do.
        latency: Seconds that every job takes besides being simulated.
        parallel_jobs: How many jobs run at once. A QPU is one.
        max_jobs_in_queue: Most jobs, waiting or running, that one token may have on it.
        credits_per_job: Price of a job.
        credits_per_shot: Price of a shot.
    """

    name: str
    commands: tuple[str, ...] = COMMANDS
    max_modes: int = 20
    min_modes: int = 1
    max_photons: int = 10
    min_photons: int = 0
    support_multi_photon: bool = True
    threshold_detectors: bool = False
    connected_input_modes: tuple[int, ...] = ()
    hardware: Hardware | None = None
    max_shots_per_call: int = 1_000_000
    max_sample_count: int = 1_000_000
    max_iterations: int | None = None
    noise: pcvl.NoiseModel | None = None
    status: str = "available"
    accepting: bool = True
    latency: float = 0.0
    parallel_jobs: int = 1
    max_jobs_in_queue: int = 100
    credits_per_job: float = 0.0
    credits_per_shot: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no platform can be."""
        if not self.name.startswith(("sim:", "qpu:")):
            raise ConfigurationError(f"a platform is called 'sim:...' or 'qpu:...', not {self.name!r}")
        if unknown := set(self.commands) - set(COMMANDS) or (not self.commands and {"none"}):
            raise ConfigurationError(
                f"platform {self.name!r} runs some of {', '.join(COMMANDS)}, not {', '.join(sorted(unknown))}"
            )
        if any(not 0 <= mode < self.max_modes for mode in self.connected_input_modes):
            raise ConfigurationError(
                f"platform {self.name!r} has modes 0 to {self.max_modes - 1}; "
                f"its connected input modes are {self.connected_input_modes}"
            )

    @property
    def is_qpu(self) -> bool:
        """Whether it passes for a quantum processor rather than for a simulator."""
        return self.name.startswith("qpu:")

    def details(self) -> dict[str, Any]:
        """What the service answers when asked about it, ready for JSON."""
        details = {
            "name": self.name,
            "type": "qpu" if self.is_qpu else "simulator",
            "status": self.status,
            "specs": serialize(self._specs()),
        }
        if self.noise is not None:
            details["perfs"] = noise_to_perf_dict(self.noise)
        return details

    def _specs(self) -> PlatformSpecs:
        specs = PlatformSpecs()
        specs.available_commands = list(self.commands)
        specs.constraints = {
            "max_mode_count": self.max_modes,
            "min_mode_count": self.min_modes,
            "max_photon_count": self.max_photons,
            "min_photon_count": self.min_photons,
            "support_multi_photon": self.support_multi_photon,
            "max_sample_count": self.max_sample_count,
            "max_shots_per_call": self.max_shots_per_call,
        }
        specs.description = "hqdist cloud emulator: not Quandela's service; simulates on this machine"
        specs.pcvl_version = pcvl.PMetadata.short_version()
        if self.hardware == "architecture":
            specs.architecture = self._architecture()
        elif self.hardware == "specific_circuit":
            specs["specific_circuit"] = self._chip()
            specs["connected_input_modes"] = list(self._inputs())
            if self.threshold_detectors:
                specs["detector"] = "threshold"
        return specs

    def _architecture(self) -> pcvl.Experiment:
        architecture = pcvl.Experiment(self._chip())
        if self.threshold_detectors:
            for mode in range(self.max_modes):
                architecture.add(mode, pcvl.Detector.threshold())
        inputs = self._inputs()
        architecture.with_input(pcvl.FockState([int(mode in inputs) for mode in range(self.max_modes)]))
        return architecture

    def _chip(self) -> pcvl.Circuit:
        return pcvl.GenericInterferometer(
            self.max_modes,
            lambda i: pcvl.BS() // pcvl.PS(pcvl.P(f"phi_{2 * i}")) // pcvl.BS() // pcvl.PS(pcvl.P(f"phi_{2 * i + 1}")),
        )

    def _inputs(self) -> tuple[int, ...]:
        return self.connected_input_modes or tuple(range(self.max_modes))


_CHIP_NOISE = {"transmittance": 0.6, "indistinguishability": 0.92, "g2": 0.02}

#: An exact simulator, a noisy sampling simulator of a chip, and a chip.
DEFAULT_PLATFORMS = (
    Platform("sim:emulated", commands=("probs", "sample_count")),
    Platform(
        "sim:emulated-belenos",
        commands=("sample_count", "samples"),
        support_multi_photon=False,
        threshold_detectors=True,
        connected_input_modes=tuple(range(0, 20, 2)),
        hardware="specific_circuit",
        noise=pcvl.NoiseModel(**_CHIP_NOISE),
    ),
    Platform(
        "qpu:emulated",
        commands=("sample_count", "samples"),
        max_modes=12,
        max_photons=6,
        support_multi_photon=False,
        threshold_detectors=True,
        connected_input_modes=tuple(range(0, 12, 2)),
        hardware="architecture",
        noise=pcvl.NoiseModel(**_CHIP_NOISE),
        credits_per_job=1.0,
        credits_per_shot=0.001,
    ),
)
