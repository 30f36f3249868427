"""What a finished run has come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table
from torch import nn

from hqdist.execution import ProvenanceRecord
from hqdist.training.configuration import Configuration
from hqdist.training.loop import Score
from hqdist.training.metrics import EpochRecord
from hqdist.training.optimiser import classical_parameters, quantum_parameters


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The figures of a finished run.

    Attributes:
        data: Name of the data set.
        architecture: How the classical and quantum parts are joined.
        circuit: The photonic circuit, in words.
        backend: Who evaluated it.
        classical_parameters: Number of trained classical parameters.
        quantum_parameters: Number of trained phases and input scales.
        epochs: Epochs trained.
        best_epoch: The epoch whose model was kept.
        validation_accuracy: Its accuracy on the validation samples.
        test_loss: Its mean cross entropy on the test samples, in nats.
        test_accuracy: Its accuracy on the test samples.
        test_samples: How many those are.
        seconds: Time spent training, over all sessions of the run.
        shots: Shots spent on epochs and test; 0 where values are exact.
        credits: What they cost, in the providers' credits.
        replayed_shots: Shots that an epoch that was cut short, or another run, had paid for; taken from the ledger.
        replayed_credits: What they had cost.
    """

    data: str
    architecture: str
    circuit: str
    backend: str
    classical_parameters: int
    quantum_parameters: int
    epochs: int
    best_epoch: int
    validation_accuracy: float
    test_loss: float
    test_accuracy: float
    test_samples: int
    seconds: float
    shots: int
    credits: float
    replayed_shots: int
    replayed_credits: float


def describe_circuit(configuration: Configuration) -> str:
    """The photonic circuit of a run in a few words."""
    circuit = configuration.circuit
    return f"{circuit.n_photons} photons in {circuit.n_modes} modes ({circuit.circuit_type})"


def describe_backend(configuration: Configuration) -> str:
    """The backend of a run by name or URI; a table's options stay in the run's configuration."""
    backend = configuration.backend
    return str(backend["name"]) if isinstance(backend, Mapping) else backend


def summarise(
    configuration: Configuration,
    model: nn.Module,
    records: Sequence[EpochRecord],
    best: EpochRecord,
    tested: Score,
    test_samples: int,
    test_spent: ProvenanceRecord,
) -> Summary:
    """Gather the figures of a finished run; `tested` is the best epoch's score on the test samples."""
    return Summary(
        data=configuration.data.name,
        architecture=configuration.model.architecture,
        circuit=describe_circuit(configuration),
        backend=describe_backend(configuration),
        classical_parameters=sum(parameter.numel() for parameter in classical_parameters(model)),
        quantum_parameters=sum(parameter.numel() for parameter in quantum_parameters(model)),
        epochs=len(records),
        best_epoch=best.epoch,
        validation_accuracy=best.validation_accuracy,
        test_loss=tested.loss,
        test_accuracy=tested.accuracy,
        test_samples=test_samples,
        seconds=sum(record.seconds for record in records),
        shots=sum(record.shots for record in records) + test_spent.shots,
        credits=sum(record.credits for record in records) + test_spent.credits,
        replayed_shots=sum(record.replayed_shots for record in records) + test_spent.replayed_shots,
        replayed_credits=sum(record.replayed_credits for record in records) + test_spent.replayed_credits,
    )


def closing_table(summary: Summary, run_directory: Path) -> Table:
    """The summary for a terminal, and where everything is."""
    right = round(summary.test_accuracy * summary.test_samples)
    table = Table(title="Training finished", show_header=False, title_justify="left", title_style="bold")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "data": summary.data,
        "model": f"{summary.architecture} hybrid",
        "circuit": summary.circuit,
        "backend": escape(summary.backend),
        "parameters": f"{summary.classical_parameters} classical, {summary.quantum_parameters} quantum",
        "epochs": str(summary.epochs),
        "best validation accuracy": f"{summary.validation_accuracy:.2%} (epoch {summary.best_epoch})",
        "test accuracy": f"[bold green]{summary.test_accuracy:.2%}[/] ({right} of {summary.test_samples} right)",
        "training time": f"{summary.seconds:.1f} s",
        "shots": _shots(summary.shots, summary.credits),
        "paid for before": _shots(summary.replayed_shots, summary.replayed_credits) + ", taken from the ledger",
        "run directory": escape(str(run_directory)),
    }
    if not summary.shots + summary.replayed_shots:
        del rows["shots"]
    if not summary.replayed_shots:
        del rows["paid for before"]
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _shots(shots: int, credits: float) -> str:  # noqa: A002 - the field's word
    return f"{shots:,}" + (f" ({credits:,.10g} credits)" if credits else "")
