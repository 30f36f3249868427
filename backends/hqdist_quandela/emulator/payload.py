"""What a client sends to have run: read and held to the platform's limits, without running any of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import perceval as pcvl
from perceval.serialization import deserialize

from hqdist_quandela.emulator.platform import Platform
from hqdist_quandela.emulator.refusal import CallRefusedError

_ITERATION_KEYS = frozenset(
    {
        "circuit_params",
        "input_state",
        "min_detected_photons",
        "max_samples",
        "max_shots",
        "noise",
        "postselect",
        "compilation_seed",
    }
)


@dataclass(frozen=True)
class Task:
    """A payload in Perceval's own objects.

    Attributes:
        command: probs, sample_count or samples.
        experiment: The experiment, whose parameters may be left for the iterations to set.
        iterations: What each iteration changes; empty where the job has no iterator.
        max_shots: Shots allowed where an iteration does not say.
        max_samples: Samples wanted where an iteration does not say; None: as many as the shots give.
        context: What the client wants echoed with the results; None: nothing.
    """

    command: str
    experiment: pcvl.Experiment
    iterations: tuple[Mapping[str, Any], ...]
    max_shots: int
    max_samples: int | None
    context: Any

    @classmethod
    def read(cls, payload: object, platform: Platform) -> "Task":
        """Read the payload of a job.

        Raises:
            CallRefusedError: With status 400, if it cannot be read or is beyond what the platform announces.
        """
        if not isinstance(payload, dict):
            raise CallRefusedError(400, "The payload is not an object")
        try:
            read: dict[str, Any] = deserialize(payload, strict=False)
        except Exception as error:  # Perceval raises whatever its parsers raise
            raise CallRefusedError(400, f"The payload cannot be read: {error}") from None
        experiment = read.get("experiment")
        if not isinstance(experiment, pcvl.Experiment):
            raise CallRefusedError(400, "The payload has no experiment")
        max_shots, max_samples = read.get("max_shots"), read.get("max_samples")
        if not isinstance(max_shots, int):
            raise CallRefusedError(400, "The payload has no max_shots")
        if not isinstance(max_samples, int | None):
            raise CallRefusedError(400, "The payload's max_samples is no integer")
        iterations = read.get("iterator") or []
        if not isinstance(iterations, list) or not all(isinstance(iteration, dict) for iteration in iterations):
            raise CallRefusedError(400, "The payload's iterator is no list of objects")
        task = cls(
            command=str(read.get("command")),
            experiment=experiment,
            iterations=tuple(iterations),
            max_shots=max_shots,
            max_samples=max_samples,
            context=read.get("job_context"),
        )
        if excesses := list(task._excesses(platform)):
            raise CallRefusedError(400, f"{platform.name}: {'; '.join(excesses)}")
        return task

    def limits(self, iteration: Mapping[str, Any]) -> tuple[int, int | None]:
        """The most shots and the most samples of an iteration."""
        return iteration.get("max_shots") or self.max_shots, iteration.get("max_samples") or self.max_samples

    def _excesses(self, platform: Platform) -> Iterator[str]:
        """What is beyond the platform. Inputs, detectors and unset parameters are not looked at; they fail when run."""
        m = self.experiment.circuit_size
        if self.command not in platform.commands:
            yield f"Command {self.command!r} is not available, only {', '.join(platform.commands)}"
        if not platform.min_modes <= m <= platform.max_modes:
            yield f"{m} modes are not within {platform.min_modes} to {platform.max_modes}"
        if platform.max_iterations is not None and len(self.iterations) > platform.max_iterations:
            yield f"{len(self.iterations)} iterations are more than {platform.max_iterations}"
        yield from _photon_excesses(self.experiment.input_state, 0, platform)
        heralds = sum(self.experiment.in_heralds.values())
        for iteration in self.iterations or ({},):
            if unknown := iteration.keys() - _ITERATION_KEYS:
                yield f"An iteration has unknown keys: {', '.join(sorted(unknown))}"
            yield from _photon_excesses(iteration.get("input_state"), heralds, platform)
            shots, samples = self.limits(iteration)
            if not 0 < shots <= platform.max_shots_per_call:
                yield f"{shots} shots are not within 1 to {platform.max_shots_per_call}"
            if samples is not None and not 0 < samples <= platform.max_sample_count:
                yield f"{samples} samples are not within 1 to {platform.max_sample_count}"


def _photon_excesses(state: object, added: int, platform: Platform) -> Iterator[str]:
    if not isinstance(state, pcvl.FockState):
        return
    photons = state.n + added
    if not platform.min_photons <= photons <= platform.max_photons:
        yield f"{photons} photons are not within {platform.min_photons} to {platform.max_photons}"
    if not platform.support_multi_photon and any(count > 1 for count in state):
        yield f"Input state {state} has several photons in one mode"
