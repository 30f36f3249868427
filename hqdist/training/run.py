"""A training run, from its configuration to its closing figures."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console

from hqdist.errors import RequestError, TrainingError
from hqdist.execution import record_provenance
from hqdist.training.checkpoint import TrainingState
from hqdist.training.configuration import Configuration
from hqdist.training.cost import epoch_estimate, look_estimate
from hqdist.training.data import DataSet, load_data
from hqdist.training.environment import describe_environment
from hqdist.training.loop import DivergenceError, evaluate, shuffled_batches, train_epoch
from hqdist.training.metrics import EpochRecord, MetricsLog
from hqdist.training.model import build_model
from hqdist.training.optimiser import create_optimiser, set_cosine_rates
from hqdist.training.plot import plot_curves
from hqdist.training.progress import ProgressDisplay, progress_on
from hqdist.training.report import Summary, closing_table, describe_circuit, summarise
from hqdist.training.run_directory import RunDirectory
from hqdist.training.undamaged import undamaged


def train(configuration: Configuration, path: Path, *, resume: bool, console: Console) -> Summary:
    """Train a hybrid model, measure the best epoch's on the test samples, and leave everything in a run directory.

    A run that was interrupted at any moment and resumed gives the same numbers as one that was not, bit for bit, given
    the same number of threads and a backend with exact values. Torch's random state and number of threads are left as
    they were.

    Args:
        configuration: What to train.
        path: The run directory.
        resume: Go on with the run that is there; if there is none yet, start it.
        console: Where to tell how it goes.

    Raises:
        HqdistError: If anything is not as it should be. Before the run directory is made, unless training diverges or
            the backend fails later; what was reached until then can be resumed.
    """
    directory = RunDirectory(path)
    resuming = directory.taken and resume
    if resuming:
        directory.check_resumable(configuration)
    else:
        directory.check_free()
    with torch.random.fork_rng(devices=[]), _threads(configuration.threads):
        torch.manual_seed(configuration.seed)
        data = load_data(configuration.data, configuration.seed)
        state = first_state(configuration, data)
        environment = describe_environment()
        if not resuming:
            directory.create(configuration, environment)
        with directory.locked():
            if directory.checkpoint.exists():
                state.load(directory.checkpoint)
            _announce(console, configuration, data, directory, state.epoch if resuming else None)
            _warn_of_changes(console, directory, environment)
            _announce_cost(console, configuration, data, state)
            records = _train_epochs(configuration, data, state, directory, progress_on(console))
            return _conclude(configuration, data, state, directory, records, console)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use this many threads for a while; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def first_state(configuration: Configuration, data: DataSet) -> TrainingState:
    """The model and its optimiser before the first epoch, drawn from torch's random state."""
    training = configuration.training
    largest = max(len(batch) for batch in _batches(configuration, data, epoch=1))
    model = build_model(configuration, features=data.features, classes=data.classes, batch_size=largest)
    optimiser = create_optimiser(
        model,
        classical_learning_rate=training.classical_learning_rate,
        quantum_learning_rate=training.quantum_learning_rate,
        weight_decay=training.weight_decay,
    )
    return TrainingState(model, optimiser)


def _batches(configuration: Configuration, data: DataSet, epoch: int) -> list[torch.Tensor]:
    return shuffled_batches(len(data.train), configuration.training.batch_size, seed=configuration.seed, epoch=epoch)


def _announce(
    console: Console, configuration: Configuration, data: DataSet, directory: RunDirectory, resumed: int | None
) -> None:
    console.print(
        f"{data.name}: {data.features} features, {data.classes} classes; {len(data.train)} samples to train on, "
        f"{len(data.validation)} to validate, {len(data.test)} to test",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    where = "training" if resumed is None else f"resuming after epoch {resumed}"
    console.print(
        f"{configuration.model.architecture} hybrid, {describe_circuit(configuration)}; {where} in {directory.path}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def _announce_cost(console: Console, configuration: Configuration, data: DataSet, state: TrainingState) -> None:
    epoch = epoch_estimate(state.model, data, configuration)
    if not epoch.total.shots:
        return
    left = configuration.training.epochs - state.epoch
    run = epoch * left + look_estimate(state.model, data.test, configuration.training.batch_size)
    for line in (f"an epoch takes {epoch}", f"what is left of the run ({left} epochs and the test) takes {run}"):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _warn_of_changes(console: Console, directory: RunDirectory, environment: dict[str, object]) -> None:
    try:
        before = dict(json.loads(directory.environment.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        before = {}
    changed = [key for key, value in environment.items() if before.get(key) != value]
    if changed:
        console.print(
            f"note: other {', '.join(changed)} than when the run started ({directory.environment}); "
            "figures may differ from an undisturbed run's in the last digits",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )


def _train_epochs(
    configuration: Configuration,
    data: DataSet,
    state: TrainingState,
    directory: RunDirectory,
    progress: ProgressDisplay,
) -> list[EpochRecord]:
    """Train the epochs that are left; the records of all."""
    training = configuration.training
    log = MetricsLog(directory.metrics)
    records = log.keep(state.epoch)
    if state.best is not None:
        with undamaged(directory.checkpoint):
            if state.best not in records:
                raise ValueError(f"its best epoch is not as in {directory.metrics}")
    progress.start(training.epochs, state.epoch, len(_batches(configuration, data, epoch=1)))
    try:
        for epoch in range(state.epoch + 1, training.epochs + 1):
            record = _train_one(configuration, data, state, epoch, progress)
            # The line first: a checkpoint then never knows of an epoch that the metrics lack.
            log.append(record)
            state.finish(record)
            state.save(directory.checkpoint)
            records.append(record)
            progress.epoch(record)
    finally:
        progress.stop()
    return records


def _train_one(
    configuration: Configuration, data: DataSet, state: TrainingState, epoch: int, progress: ProgressDisplay
) -> EpochRecord:
    size = configuration.training.batch_size
    if configuration.training.schedule == "cosine":
        set_cosine_rates(state.optimiser, epoch, configuration.training.epochs)
    start = time.perf_counter()
    batches = _batches(configuration, data, epoch)
    try:
        with record_provenance() as spent:
            trained = train_epoch(
                state.model, data.train, state.optimiser, batches, lambda score: progress.batch(epoch, score)
            )
            validated = evaluate(state.model, data.validation, size)
    except (DivergenceError, RequestError) as error:
        # The samples are finite and the request was checked: only what the model made of them can be refused.
        raise TrainingError(f"training diverged in epoch {epoch}: {error}; lower the learning rate") from error
    return EpochRecord(
        epoch=epoch,
        train_loss=trained.loss,
        train_accuracy=trained.accuracy,
        validation_loss=validated.loss,
        validation_accuracy=validated.accuracy,
        seconds=time.perf_counter() - start,
        shots=spent.shots,
        credits=spent.credits,
        replayed_shots=spent.replayed_shots,
        replayed_credits=spent.replayed_credits,
    )


def _conclude(
    configuration: Configuration,
    data: DataSet,
    state: TrainingState,
    directory: RunDirectory,
    records: list[EpochRecord],
    console: Console,
) -> Summary:
    assert state.best is not None
    assert state.best_weights is not None
    state.model.load_state_dict(state.best_weights)
    with record_provenance() as spent:
        tested = evaluate(state.model, data.test, configuration.training.batch_size)
    summary = summarise(configuration, state.model, records, state.best, tested, len(data.test), spent)
    directory.write_summary(asdict(summary))
    plot_curves(records, state.best, f"{data.name}: {summary.architecture} hybrid, {summary.circuit}", directory.curves)
    console.print(closing_table(summary, directory.path))
    return summary
