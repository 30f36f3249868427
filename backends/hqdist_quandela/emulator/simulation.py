"""One job's iterations, run on Perceval's own simulators."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import perceval as pcvl
from perceval.components import Source
from perceval.components.unitary_components import PS
from perceval.runtime.simulated_computer import SimulatedComputer

from hqdist_quandela.emulator.payload import Task
from hqdist_quandela.emulator.platform import Platform
from hqdist_quandela.emulator.refusal import JobFailedError

#: Most output states for which counts are drawn from the exact distribution; beyond, Clifford & Clifford samples.
#: Partly distinguishable photons cost a strong simulation far more than equal ones.
_STRONG_LIMIT = 20_000
_NOISY_STRONG_LIMIT = 2_000


class Simulation:
    """A task on a platform.

    The experiment's parameters are set in place for each iteration and its circuit is reduced to one unitary before
    Perceval sees it: the simulators copy the experiment they are given, which takes seconds for a hundred iterations
    of a circuit with a hundred parameters. Only random or rounded phases need the copies.

    With at most `_STRONG_LIMIT` output states, counts are drawn from the exact distribution by NumPy, so that a seed
    gives the same counts again. Beyond, Perceval's sampler takes over, which is not repeatable: its threads share one
    generator.
    """

    def __init__(self, task: Task, platform: Platform, seed: tuple[int, int] | None) -> None:
        self._task = task
        self._platform = platform
        self._seeded = seed is not None
        self._random = np.random.default_rng(seed)
        self._experiment = task.experiment
        self._parameters = self._experiment.get_circuit_parameters()
        self._defaults = {name: p._value for name, p in self._parameters.items() if not p.fixed}
        self._reducible = self._experiment.is_unitary and not self._experiment.unitary_circuit().requires_polarization
        self._random_phases = any(
            isinstance(part, PS) and (not part.param("max_error").defined or float(part.param("max_error")))
            for _, part in self._experiment.flatten()
        )
        self._prepare_detectors()
        self._shell = self._experiment.copy()
        if self._reducible:
            self._shell.set_circuit(pcvl.Circuit(self._experiment.circuit_size))

    def rows(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Each iteration's result, as Perceval's client expects it, and the shots it took; one for no iterator.

        Raises:
            JobFailedError: If the platform cannot do what an iteration asks for.
        """
        for iteration in self._task.iterations or (None,):
            result, shots = self._row(iteration or {})
            if iteration is not None:
                result["iteration"] = dict(iteration)
            yield result, shots

    def _row(self, iteration: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        noise = self._noise(iteration)
        experiment = self._arranged(iteration, noise)
        max_shots, max_samples = self._task.limits(iteration)
        seed = iteration.get("compilation_seed", int(self._random.integers(2**32)) if self._seeded else None)
        if self._task.command == "probs":
            return _computer("SLOS", noise, experiment).probs(experiment, max_shots=max_shots, compilation_seed=seed), 0
        source = Source.from_noise_model(noise)
        states = math.comb(experiment.circuit_size + _photons(experiment) - 1, _photons(experiment))
        if not experiment.is_unitary or states <= (_STRONG_LIMIT if source.is_perfect() else _NOISY_STRONG_LIMIT):
            result = _computer("SLOS", noise, experiment).probs(experiment, compilation_seed=seed)
            counts, shots = self._draw(result, _light(experiment, source), max_shots, max_samples)
            result["results"] = counts
            return result, shots
        return self._sample(experiment, noise, max_shots, max_samples)

    def _draw(
        self, result: Mapping[str, Any], light: float, max_shots: int, max_samples: int | None
    ) -> tuple[pcvl.BSCount | pcvl.BSSamples, int]:
        """Counts or samples from an exact distribution, and the shots they took.

        A shot is an event with at least one photon (probability `light`); `global_perf` of all events are selected.
        """
        accepted = min(result["global_perf"] / light, 1.0) if light > 0 else 0.0
        selected = int(self._random.binomial(max_shots, accepted))
        kept, shots = selected, max_shots
        if max_samples is not None and selected > max_samples:
            kept, shots = max_samples, math.ceil(max_shots * max_samples / selected)
        states = list(result["results"].keys())
        weights = np.array([result["results"][state] for state in states], dtype=np.float64)
        kept = kept if states else 0
        counts = self._random.multinomial(kept, weights / weights.sum()) if states else np.zeros(0, dtype=np.int64)
        if self._task.command == "sample_count":
            drawn = pcvl.BSCount()
            for state, count in zip(states, counts.tolist(), strict=True):
                if count:
                    drawn.add(state, count)
            return drawn, shots
        samples = pcvl.BSSamples()
        for index in self._random.permutation(np.repeat(np.arange(len(states)), counts)).tolist():
            samples.append(states[index])
        return samples, shots

    def _sample(
        self, experiment: pcvl.Experiment, noise: pcvl.NoiseModel, max_shots: int, max_samples: int | None
    ) -> tuple[dict[str, Any], int]:
        """A result with counts or samples from Perceval's sampler, and the shots it took."""
        wanted = max_samples or max_shots
        sampler = getattr(_computer("CliffordClifford2017", noise, experiment), self._task.command)
        result = sampler(experiment, max_samples=wanted, max_shots=max_shots)
        kept = len(result["results"]) if self._task.command == "samples" else result["results"].total()
        if kept < wanted or not result["global_perf"]:
            return result, max_shots
        light = _light(experiment, Source.from_noise_model(noise))
        return result, min(max_shots, math.ceil(kept * light / result["global_perf"]))

    def _noise(self, iteration: Mapping[str, Any]) -> pcvl.NoiseModel:
        if self._platform.is_qpu:
            return self._platform.noise or pcvl.NoiseModel()
        return iteration.get("noise") or self._experiment.noise or self._platform.noise or pcvl.NoiseModel()

    def _arranged(self, iteration: Mapping[str, Any], noise: pcvl.NoiseModel) -> pcvl.Experiment:
        """The experiment of this iteration."""
        self._set_parameters(iteration.get("circuit_params") or {})
        if self._reducible and not (self._random_phases or noise.phase_error or noise.phase_imprecision):
            experiment = self._shell.copy()
            experiment.set_circuit(pcvl.Unitary(self._experiment.unitary_circuit().compute_unitary()))
        else:
            experiment = self._experiment.copy()
        experiment.noise = None  # the computer has it
        if "input_state" in iteration:
            experiment.with_input(iteration["input_state"])
        if "min_detected_photons" in iteration:
            experiment.min_detected_photons_filter(iteration["min_detected_photons"])
        if "postselect" in iteration:
            experiment.set_postselection(iteration["postselect"])
        if experiment.input_state is None:
            raise JobFailedError("The experiment has no input state")
        if experiment.min_photons_filter is None:
            raise JobFailedError("The value of min_detected_photons is not set")
        self._check_inputs(experiment)
        return experiment

    def _set_parameters(self, values: Mapping[str, float]) -> None:
        if unknown := values.keys() - self._parameters.keys():
            raise JobFailedError(f"The circuit has no parameters {', '.join(sorted(unknown))}")
        for name, default in self._defaults.items():
            if name in values:
                self._parameters[name].set_value(values[name])
            elif default is None:
                raise JobFailedError(f"The circuit's parameter {name} has no value")
            else:
                self._parameters[name].set_value(default)
        if fixed := values.keys() - self._defaults.keys():
            raise JobFailedError(f"The circuit's parameters {', '.join(sorted(fixed))} are fixed")

    def _prepare_detectors(self) -> None:
        """Give every mode the platform's detector; a simulator's users may bring their own."""
        for mode, detector in enumerate(self._experiment.detectors):
            if detector is None:
                if self._platform.threshold_detectors:
                    self._experiment.add(mode, pcvl.Detector.threshold())
            elif self._platform.is_qpu:
                own = pcvl.DetectionType.Threshold if self._platform.threshold_detectors else pcvl.DetectionType.PNR
                if detector.type != own:
                    raise JobFailedError(f"{self._platform.name} has {own.name} detectors only")

    def _check_inputs(self, experiment: pcvl.Experiment) -> None:
        fed = experiment.input_state
        if self._platform.is_qpu and not experiment.is_unitary:
            raise JobFailedError(f"{self._platform.name} can run linear circuits only")
        if self._platform.is_qpu and not isinstance(fed, pcvl.FockState):
            raise JobFailedError(f"{self._platform.name} can be fed Fock states only")
        connected = self._platform.connected_input_modes
        if connected and isinstance(fed, pcvl.FockState):
            closed = [mode for mode, count in enumerate(fed) if count and mode not in connected]
            if closed:
                raise JobFailedError(f"Input modes {closed} of {self._platform.name} are not among {list(connected)}")


def _computer(backend: str, noise: pcvl.NoiseModel, experiment: pcvl.Experiment) -> SimulatedComputer:
    computer = SimulatedComputer(backend)
    computer.noise = noise
    computer.compute_physical_logical_perf(not experiment.has_feedforward)
    return computer


def _photons(experiment: pcvl.Experiment) -> int:
    state = experiment.input_state
    return int(state.n_max if isinstance(state, pcvl.SVDistribution) else state.n)


def _light(experiment: pcvl.Experiment, source: Source) -> float:
    """Probability that at least one photon leaves the source."""
    if not isinstance(experiment.input_state, pcvl.FockState):
        return 1.0
    single = source.generate_distribution(pcvl.FockState([1]))
    dark = sum(probability for state, probability in single.items() if max(state.n) == 0)
    return 1.0 - float(dark) ** int(experiment.input_state.n)
