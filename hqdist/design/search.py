"""Architecture search: circuits, encodings and who evaluates them, tried out by training, with Optuna."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, Any

import torch

from hqdist.design.space import Candidate, SearchSpace
from hqdist.errors import CapabilityError, ConfigurationError, MissingDependencyError, ProgramError
from hqdist.execution import Backend, record_provenance
from hqdist.nn import QuantumLayer
from hqdist.program.checks import whole

if TYPE_CHECKING:
    import optuna

#: Trains a model around a quantum layer and yields a score now and then: after each epoch, say.
Fit = Callable[[QuantumLayer], Iterable[float]]

#: Draws for each candidate that is wanted: a draw may be of one that was tried before.
_DRAWS = 20


class Outcome(StrEnum):
    """How a trial ended.

    FINISHED: with a score. PRUNED: it was behind the others after as many epochs, or its score was no number any more.
    REFUSED: there is no such circuit, or its backend does not take it.
    """

    FINISHED = "finished"
    PRUNED = "pruned"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A candidate that was tried; `str` gives a line.

    Attributes:
        number: Its own, growing in the order of their beginning.
        candidate: What was tried.
        outcome: How it ended.
        scores: What its training yielded.
        reason: Why it was refused; None if it was not.
        parameters: Trainable parameters of the layer.
        shots: Shots that it took.
        credits: What it cost, in the providers' credits.
        seconds: How long it took.
    """

    number: int
    candidate: Candidate
    outcome: Outcome
    scores: tuple[float, ...] = ()
    reason: str | None = None
    parameters: int = 0
    shots: int = 0
    credits: float = 0.0
    seconds: float = 0.0

    @property
    def score(self) -> float:
        """The last that its training yielded; no number if it yielded none."""
        return self.scores[-1] if self.scores else math.nan

    def __str__(self) -> str:
        candidate = self.candidate
        encoding = "reservoir" if candidate.reservoir else "scaled" if candidate.bandwidth_tuning else "plain"
        score = f"{self.score:.4g}" if self.outcome is Outcome.FINISHED else self.outcome.value
        return (
            f"{self.number:>5}  {candidate.circuit_type:<16} {f'{candidate.modes},{candidate.photons}':>6}  "
            f"{encoding:<10}{candidate.backend.name:<10}{self.parameters:>7}{self.shots:>11,}  {score}"
        )


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search has found; `str` lists the trials, the best first.

    Attributes:
        trials: All of them, in the order of their beginning.
        minimise: Whether a smaller score is better.
        input_size: Number of features.
        output_size: Number of outputs.
    """

    trials: tuple[Trial, ...]
    minimise: bool
    input_size: int
    output_size: int

    @property
    def best(self) -> Trial:
        """The finished trial with the best score; the first of equals.

        Raises:
            ConfigurationError: If none was finished.
        """
        return self.ranked[0]

    @property
    def ranked(self) -> tuple[Trial, ...]:
        """The finished trials, the best first.

        Raises:
            ConfigurationError: If none was finished.
        """
        finished = [trial for trial in self.trials if trial.outcome is Outcome.FINISHED]
        if not finished:
            reasons = {trial.reason for trial in self.trials if trial.reason}
            raise ConfigurationError(f"no trial was finished: {'; '.join(sorted(reasons)) or 'none was made'}")
        return tuple(sorted(finished, key=lambda trial: trial.score if self.minimise else -trial.score))

    def layer(self) -> QuantumLayer:
        """A quantum layer as the best candidate has it, untrained."""
        return self.best.candidate.layer(self.input_size, self.output_size)

    def __str__(self) -> str:
        head = f"{'trial':>5}  {'circuit':<16} {'m,n':>6}  {'encoding':<10}{'backend':<10}{'weights':>7}{'shots':>11}"
        others = [trial for trial in self.trials if trial.outcome is not Outcome.FINISHED]
        ended = len(others) < len(self.trials)
        return "\n".join([f"{head}  score", *map(str, self.ranked if ended else ()), *map(str, others)])


def architecture_search(
    space: SearchSpace,
    fit: Fit,
    *,
    input_size: int,
    output_size: int,
    trials: int = 30,
    minimise: bool = True,
    seed: int = 0,
    at_once: int = 1,
    storage: str | Path | None = None,
    on_trial: Callable[[Trial], object] | None = None,
) -> Search:
    """Try candidates out, those that promise most first, and give up early on those that are behind.

    Candidates are drawn by Optuna's tree-structured Parzen estimator; a trial whose score is worse than the median of
    the others after as many epochs is pruned. What was tried before is not tried again, what cannot be is refused and
    listed with the reason, and the search ends early when nothing is left to try. What a backend refuses
    only in training, such as too many samples for its memory, is refused then.

    Each training starts from the same random state. One at a time, the same seed gives the same trials and, with exact
    backends, the same scores. Several at once, in threads, share the random state and give up that: worth it where
    backends are elsewhere, as the trials of a pool then run on its workers.

    Args:
        space: What may be chosen.
        fit: Trains a model around the layer that it is given, and yields the model's score on samples that it was not
            trained with, at least once, and once an epoch to be pruned: a generator.
        input_size: Number of features.
        output_size: Number of outputs.
        trials: How many candidates, refused ones included.
        minimise: Whether a smaller score is better, as a loss.
        seed: Of everything.
        at_once: Trials at the same time.
        storage: A file, from which a search that was interrupted goes on, and to which it writes.
        on_trial: Called with each trial when it has ended; ``print`` shows a line.

    Raises:
        MissingDependencyError: If Optuna is not installed.
        ConfigurationError: If the numbers make no sense, `fit` yields nothing, or the file is of another search.
        HqdistError: What `fit` raises: a budget that is used up ends the search.
    """
    for value, name in ((input_size, "input_size"), (output_size, "output_size"), (trials, "trials")):
        whole(value, name, least=1, error=ConfigurationError)
    whole(at_once, "at_once", least=1, error=ConfigurationError)
    whole(seed, "seed", least=0, most=2**32 - 1, error=ConfigurationError)
    if storage is not None and not Path(storage).expanduser().parent.is_dir():
        raise ConfigurationError(f"there is no folder for {storage}")
    with _quiet():
        study = _study(space, storage, seed, minimise, (input_size, output_size))
    wanted = min(trials, math.prod(len(choices) for choices in space.choices().values()))
    attempt = _Attempt(space, fit, input_size, output_size, seed, wanted)

    def tell(study: "optuna.Study", trial: "optuna.trial.FrozenTrial") -> None:
        tried = _tried(study)
        if on_trial is not None and trial.number in {one.number for one in tried}:
            on_trial(attempt.told(trial))
        if len(tried) >= wanted:
            study.stop()

    if len(_tried(study)) < wanted:
        with _quiet(), torch.random.fork_rng(devices=[]):
            study.optimize(attempt, n_trials=_DRAWS * trials, n_jobs=at_once, callbacks=[tell])
    tried = tuple(map(attempt.told, _tried(study)))
    return Search(trials=tried, minimise=minimise, input_size=input_size, output_size=output_size)


def _tried(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    """Trials that were seen to their end, each candidate once; not those that were killed or failed on the way."""
    return [trial for trial in study.get_trials(deepcopy=False) if "outcome" in trial.user_attrs]


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna tells of every trial otherwise, in a line of its own of several hundred characters."""
    try:
        from optuna.logging import WARNING, get_verbosity, set_verbosity
    except ImportError as error:
        raise MissingDependencyError(
            'a search takes Optuna, which is not installed: pip install "hqdist[search]"'
        ) from error
    before = get_verbosity()
    set_verbosity(max(before, WARNING))
    try:
        yield
    finally:
        set_verbosity(before)


def _study(
    space: SearchSpace, storage: str | Path | None, seed: int, minimise: bool, sizes: tuple[int, int]
) -> "optuna.Study":
    import optuna
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend

    kept = InMemoryStorage() if storage is None else JournalStorage(JournalFileBackend(str(Path(storage).expanduser())))
    study = optuna.create_study(
        study_name="hqdist",
        storage=kept,
        direction="minimize" if minimise else "maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
        load_if_exists=True,
    )
    asked: dict[str, Any] = {
        "seed": seed,
        "minimise": minimise,
        "sizes": list(sizes),
    } | {
        name: [repr(choice) if isinstance(choice, Backend) else str(choice) for choice in choices]
        for name, choices in space.choices().items()
    }
    found = study.user_attrs.get("search", asked)
    if found != asked:
        other = "; ".join(
            f"{name} {found.get(name)}, not {asked[name]}" for name in asked if found.get(name) != asked[name]
        )
        raise ConfigurationError(f"{storage} is of another search, with {other}; name another file")
    study.set_user_attr("search", asked)
    # One that goes on has drawn its first candidates already.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.get_trials(deepcopy=False)))
    return study


class _Attempt:
    """Tries a candidate out, as Optuna asks for it."""

    def __init__(self, space: SearchSpace, fit: Fit, input_size: int, output_size: int, seed: int, wanted: int) -> None:
        self._choices = space.choices()
        self._labels = {name: _labels(choices) for name, choices in self._choices.items()}
        self._fit, self._sizes, self._seed, self._wanted = fit, (input_size, output_size), seed, wanted
        self._running: list[dict[str, Any]] = []
        self._ended = Condition()

    def __call__(self, trial: "optuna.Trial") -> float:
        import optuna

        for name, labels in self._labels.items():
            trial.suggest_categorical(name, labels)
        with self._ended:
            while (tried := len(_tried(trial.study))) < self._wanted <= tried + len(self._running):
                self._ended.wait()
            if tried >= self._wanted or trial.params in self._running:
                raise optuna.TrialPruned
            for other in _tried(trial.study):
                if other.params == trial.params:  # Optuna learns no more from it
                    if other.value is None:
                        raise optuna.TrialPruned
                    return other.value
            self._running.append(trial.params)
        try:
            return self._try(trial)
        finally:
            with self._ended:
                self._running.remove(trial.params)
                self._ended.notify_all()

    def _try(self, trial: "optuna.Trial") -> float:
        import optuna

        candidate = self._candidate(trial.params)
        torch.manual_seed(self._seed)
        try:
            layer = candidate.layer(*self._sizes)
            layer_backend: Backend = candidate.backend
            layer_backend.check(layer.request(torch.zeros(1, self._sizes[0])))
        except (ProgramError, ConfigurationError, CapabilityError) as error:
            refusal: Exception = error
        else:
            try:
                return self._train(trial, layer)
            except CapabilityError as error:  # of more samples, or of derivatives
                refusal = error
        trial.set_user_attr("outcome", Outcome.REFUSED)
        trial.set_user_attr("reason", str(refusal))
        raise optuna.TrialPruned from refusal

    def _train(self, trial: "optuna.Trial", layer: QuantumLayer) -> float:
        import optuna

        score, start = None, time.perf_counter()
        with record_provenance() as record:
            try:
                with closing(score for score in self._fit(layer) or ()) as training:
                    for epoch, found in enumerate(training):
                        score = float(found)
                        trial.report(score, epoch)
                        if not math.isfinite(score) or trial.should_prune():
                            trial.set_user_attr("outcome", Outcome.PRUNED)
                            raise optuna.TrialPruned
            finally:
                trained = [parameter.numel() for parameter in layer.parameters() if parameter.requires_grad]
                for name, value in (
                    ("parameters", sum(trained)),
                    ("shots", record.shots),
                    ("credits", record.credits),
                    ("seconds", time.perf_counter() - start),
                ):
                    trial.set_user_attr(name, value)
        if score is None:
            raise ConfigurationError("fit yields a score at least once, and it yielded none")
        trial.set_user_attr("outcome", Outcome.FINISHED)
        return score

    def told(self, trial: "optuna.trial.FrozenTrial") -> Trial:
        """What is recorded of a trial."""
        scores = tuple(value for _, value in sorted(trial.intermediate_values.items()))
        known = trial.user_attrs | {"outcome": Outcome(trial.user_attrs["outcome"])}
        return Trial(number=trial.number, candidate=self._candidate(trial.params), scores=scores, **known)

    def _candidate(self, params: dict[str, Any]) -> Candidate:
        return Candidate(
            **{name: self._choices[name][labels.index(params[name])] for name, labels in self._labels.items()}
        )


def _labels(choices: tuple[Any, ...]) -> list[str]:
    """A word for each choice, all different."""
    words = [choice.name if isinstance(choice, Backend) else str(choice) for choice in choices]
    return [word if words.count(word) == 1 else f"{word} {words[:i].count(word) + 1}" for i, word in enumerate(words)]
