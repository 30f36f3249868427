"""Resource-aware design: the circuit that a backend, a budget and the time allow, and why it is that one."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from hqdist.errors import CapabilityError, ConfigurationError, GradientError, ProgramError
from hqdist.execution import Backend, Budget, Spending, backend
from hqdist.execution.registry import BackendLike
from hqdist.gradient import Estimate
from hqdist.nn import QuantumLayer
from hqdist.program import AnsatzFactory, CircuitType, Experiment, PhaseShifter
from hqdist.program.checks import member, real, whole

#: Photons that are considered, in twice as many modes: one photon in every other mode.
_MOST_PHOTONS = 12

#: Seconds of one training step of a layer with a number of samples.
Clock = Callable[[QuantumLayer, int], float]


@dataclass(frozen=True)
class Rejected:
    """A circuit that was considered.

    Attributes:
        experiment: Which.
        reason: Why it is not proposed.
    """

    experiment: Experiment
    reason: str


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A circuit that fits, what training it takes, and why it is this one; `str` tells all of it.

    Attributes:
        experiment: The circuit.
        input_size: Number of features.
        output_size: Number of outputs.
        backend: Who evaluates.
        degree: In the feature that is served least, probabilities are trigonometric polynomials of this degree in pi x.
        estimate: What the whole training takes of the backend.
        seconds: How long it takes, as far as it could be measured; None for what is paid for.
        reasons: Why it is this one.
        rejected: What else was considered.
    """

    experiment: Experiment
    input_size: int
    output_size: int
    backend: Backend
    degree: int
    estimate: Estimate
    seconds: float | None
    reasons: tuple[str, ...]
    rejected: tuple[Rejected, ...]

    def layer(self) -> QuantumLayer:
        """The quantum layer, untrained."""
        return _layer(self.experiment, self.input_size, self.output_size, self.backend)

    def __str__(self) -> str:
        lines = [f"{_told(self.experiment)} on {self.backend.name}", *(f"  {reason}" for reason in self.reasons)]
        lines.append(f"  training takes {self.estimate}")
        lines += ["considered:", *(f"  {_told(other.experiment)}: {other.reason}" for other in self.rejected)]
        return "\n".join(lines)


def propose_ansatz(
    input_size: int,
    output_size: int,
    backend: BackendLike = "exact",
    *,
    steps: int,
    batch: int,
    seconds: float | None = None,
    budget: Budget | None = None,
    degree: int | None = None,
    circuit_types: Sequence[CircuitType | str] = tuple(CircuitType),
    clock: Clock | None = None,
) -> Proposal:
    """The circuit to begin with, for what there is: a backend, steps of training, time and a budget.

    Considered are n photons in every other of 2n modes, n = 1, 2, ..., with each circuit type. A circuit fits if the
    backend takes it, it has at least as many outcomes as outputs, on a backend with shots no more outcomes than shots
    (most would never be seen), and all steps, forward and backward, are within the budget and the time.

    Without a wanted degree the one with most photons is proposed: the probabilities of n photons are trigonometric
    polynomials of degree n in each phase (Gan, Leykam, Angelakis, EPJ Quantum Technology 9, 16 (2022)), so more photons
    express more. With a wanted degree it is the one with fewest photons that reaches it. Of circuits with as many
    photons it is the one whose training takes the fewest evaluations, and then the one with the fewest phases to train.

    What a proposal cannot know is whether a richer circuit learns your data better; `architecture_search` tries that,
    and `scan_for_plateaus` says whether random phases of a larger one can be trained at all.

    Args:
        input_size: Number of features.
        output_size: Number of outputs, of a trainable linear map from the probabilities.
        backend: Who evaluates, with its shots; as for `hqdist.backend`.
        steps: Steps of training.
        batch: Samples of a step; their derivatives are taken to be wanted, as of a layer after a trained one.
        seconds: For all steps, of the quantum layer alone. What is free is timed, from small circuits to large ones,
            until one takes longer; how long paid jobs take nobody knows before.
        budget: What may be spent; None for what the backend's own budget has left.
        degree: The multiple of pi x, in each feature, that outputs should reach at least; None for as much as is to be
            had.
        circuit_types: Which to consider.
        clock: Times a step instead, for another machine, say.

    Raises:
        ConfigurationError: If nothing fits; the message says what the smallest circuit with enough outcomes would need.
            Also if the numbers make no sense, or nothing limits the choice, as a budget does not where none is spent.
    """
    for value, name in (
        (input_size, "input_size"), (output_size, "output_size"), (steps, "steps"), (batch, "batch")
    ):  # fmt: skip
        whole(value, name, least=1, error=ConfigurationError)
    if degree is not None:
        degree = whole(degree, "degree", least=1, error=ConfigurationError)
    if seconds is not None and not real(seconds, "seconds", error=ConfigurationError) > 0:
        raise ConfigurationError(f"seconds are a number above zero, got {seconds}")
    types = tuple(member(CircuitType, kind, error=ConfigurationError) for kind in circuit_types)
    if not types:
        raise ConfigurationError("name at least one circuit type to consider")
    asked = _Asked(input_size, output_size, _made(backend), steps, batch, seconds, budget, degree, clock)
    if not asked.limited:
        raise ConfigurationError("say how many seconds training may take, give a budget, or name a degree")
    rejected: list[Rejected] = []
    too_large: list[Rejected] = []
    fitting: list[_Fit] = []
    for photons in range(1, _MOST_PHOTONS + 1):
        found = []
        for kind in types:
            experiment = Experiment(kind, n_modes=2 * photons, n_photons=photons)
            try:
                found.append(asked.fit(experiment))
            except _UnfitError as error:
                rejected.append(Rejected(experiment, str(error)))
                if not isinstance(error, _TooSmallError):
                    too_large.append(rejected[-1])
        if found:
            fitting.append(min(found, key=_Fit.cost))
            rejected += [Rejected(fit.experiment, fit.beside(fitting[-1])) for fit in found if fit is not fitting[-1]]
        ended = {other.experiment.circuit_type for other in too_large}
        types = tuple(kind for kind in types if kind not in ended)  # larger ones take more
        if found and degree is not None:
            break
    if not fitting:
        nearest = (too_large or rejected[-1:])[0]
        raise ConfigurationError(f"no circuit fits; of {_told(nearest.experiment)}: {nearest.reason}")
    chosen = fitting[-1]
    rejected += [Rejected(fit.experiment, "it fits as well, with fewer photons") for fit in fitting[:-1]]
    return asked.proposal(chosen, tuple(rejected))


class _UnfitError(Exception):
    """A circuit does not fit, and why."""


class _TooSmallError(_UnfitError):
    """A larger one may."""


@dataclass(frozen=True)
class _Fit:
    """A circuit that fits, and what its training takes."""

    experiment: Experiment
    degree: int
    phases: int
    estimate: Estimate
    seconds: float | None

    def cost(self) -> tuple[int, int]:
        return self.estimate.total.evaluations, self.phases

    def beside(self, chosen: "_Fit") -> str:
        mine, its = self.cost(), chosen.cost()
        if mine[0] != its[0]:
            return f"{mine[0]:,} evaluations instead of {its[0]:,}, for as many photons"
        if mine[1] != its[1]:
            return f"{mine[1]:,} phases to train instead of {its[1]:,}, for as many photons"
        return "as good; the other one is simpler"


@dataclass(frozen=True)
class _Asked:
    """What a circuit has to fit."""

    input_size: int
    output_size: int
    backend: Backend
    steps: int
    batch: int
    seconds: float | None
    budget: Budget | None
    degree: int | None
    clock: Clock | None

    @property
    def limited(self) -> bool:
        spends = not self.free or self.backend.shots is not None
        return bool(self.degree or self.seconds or (self.left and spends))

    @property
    def left(self) -> Mapping[str, float]:
        """What may be spent, by unit."""
        return self.backend.budget_left() if self.budget is None else self.budget.left(Spending())

    @property
    def free(self) -> bool:
        can = self.backend.capabilities
        return can.price is None and can.ledger is None

    def fit(self, experiment: Experiment) -> _Fit:
        """See whether a circuit fits.

        Raises:
            _UnfitError: If it does not.
        """
        reached = _degree(experiment, self.input_size)
        if self.degree is not None and reached < self.degree:
            raise _TooSmallError(f"it reaches the degree {reached} of {self.degree}")
        outcomes = experiment.computation_space.dimension(experiment.n_modes, experiment.n_photons)
        if outcomes < self.output_size:
            raise _TooSmallError(f"{outcomes} outcomes are fewer than {self.output_size} outputs")
        try:
            layer = _layer(experiment, self.input_size, self.output_size, self.backend)
            request = layer.request(torch.zeros(self.batch, self.input_size))
            self.backend.check(request)
            estimate = layer.estimate(self.batch, training=True) * self.steps
        except (CapabilityError, ConfigurationError, GradientError, ProgramError) as error:
            raise _UnfitError(str(error)) from error
        if request.shots is not None and outcomes > int(request.row_shots.min()):
            raise _UnfitError(
                f"most of its {outcomes:,} outcomes would not be seen in {request.row_shots.min():,} shots"
            )
        needed = {
            "shots": estimate.total.shots,
            "credits": estimate.credits,
            "jobs": 0 if self.free else estimate.total.calls,
        }
        for unit, limit in self.left.items():
            if needed.get(unit, 0) > limit:
                raise _UnfitError(f"training takes {needed[unit]:,.10g} {unit}, and {limit:,.10g} may be spent")
        seconds = self._seconds(layer)
        if self.seconds is not None and seconds is not None and seconds > self.seconds:
            raise _UnfitError(f"training takes {_duration(seconds)} of {_duration(self.seconds)}")
        return _Fit(experiment, reached, len(layer.program.weights), estimate, seconds)

    def _seconds(self, layer: QuantumLayer) -> float | None:
        if self.clock is None and not self.free:
            return None
        return self.steps * (self.clock or step_seconds)(layer, self.batch)

    def proposal(self, chosen: _Fit, rejected: tuple[Rejected, ...]) -> Proposal:
        return Proposal(
            experiment=chosen.experiment,
            input_size=self.input_size,
            output_size=self.output_size,
            backend=self.backend,
            degree=chosen.degree,
            estimate=chosen.estimate,
            seconds=chosen.seconds,
            reasons=tuple(self._reasons(chosen)),
            rejected=rejected,
        )

    def _reasons(self, chosen: _Fit) -> Iterator[str]:
        experiment = chosen.experiment
        outcomes = experiment.computation_space.dimension(experiment.n_modes, experiment.n_photons)
        yield (
            f"{experiment.n_photons} photons in {experiment.n_modes} modes have {outcomes:,} outcomes, "
            f"for {self.output_size} outputs"
        )
        multiple = "pi x" if chosen.degree == 1 else f"{chosen.degree} pi x"
        yield f"in each feature its outputs oscillate up to {multiple} or faster" + (
            "" if self.degree is None else f"; {self.degree} is wanted"
        )
        yield f"{chosen.phases:,} phases are trained"
        for unit, limit in self.left.items():
            yield f"{limit:,.10g} {unit} may be spent"
        if chosen.seconds is not None:
            yield f"{self.steps:,} steps take {_duration(chosen.seconds)}" + (
                "" if self.seconds is None else f" of {_duration(self.seconds)}"
            )
        elif self.seconds is not None:
            yield "how long paid jobs take is not known before; watch it, or put seconds into the budget"


def step_seconds(layer: QuantumLayer, batch: int) -> float:
    """Seconds of one step of training, forward and backward: the shorter of two, after one that compiles."""
    times = []
    for _ in range(3):
        x = torch.rand(batch, layer.input_size, generator=torch.Generator().manual_seed(0)).to(layer.phases.dtype)
        start = time.perf_counter()
        layer(x.requires_grad_()).sum().backward()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _degree(experiment: Experiment, features: int) -> int:
    """Up to which multiple of pi x every feature oscillates, at least.

    A column of phases ``c_j x`` on modes j gives n photons phases between ``n min c`` and ``n max c``, where modes
    without a phase count as c = 0: their difference bounds the frequencies, and columns add up.
    """
    reached = [0.0] * features
    for column in experiment.circuit_type.encoding(experiment.n_modes, features):
        slopes = torch.zeros(experiment.n_modes, features)
        for element in column:
            assert isinstance(element, PhaseShifter)
            for name, slope in element.angle.terms:
                slopes[element.mode, int(name.removeprefix("x"))] += slope / torch.pi
        spread = slopes.max(0).values - slopes.min(0).values
        reached = [before + experiment.n_photons * float(more) for before, more in zip(reached, spread, strict=True)]
    return round(min(reached))


def _layer(experiment: Experiment, inputs: int, outputs: int, evaluated_by: Backend) -> QuantumLayer:
    return QuantumLayer(inputs, AnsatzFactory.create(experiment, inputs, outputs), backend=evaluated_by)


def _made(spec: BackendLike) -> Backend:
    return backend(spec)


def _told(experiment: Experiment) -> str:
    photons = f"{experiment.n_photons} photon{'s' * (experiment.n_photons != 1)}"
    return f"{experiment.circuit_type}, {experiment.n_modes} modes, {photons}"


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"
