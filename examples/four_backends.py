"""One model, one configuration, four backends: exact, sampling, a platform's twin, and the platform.

The model of circles.toml is trained on the exact backend with a device's noise. Then the key `backend` changes, and
nothing else: the same model is evaluated on its test points by shots, by the twin of a processor, and by the processor
itself. That processor is the cloud emulator's here, an offline stand-in on this machine which Perceval's own client
talks to; with a token and without `url` it is Quandela's.

Every backend's counts are compared with the exact distribution by Pearson's chi-squared test.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from hqdist_quandela.emulator import CloudEmulator
from reporting import options, write_json
from rich.console import Console
from rich.table import Table
from scipy.stats import chi2
from torch import nn

import hqdist as hq
from hqdist.training import load_trained, read_configuration, train

SHOTS = 20_000
ROWS = 40
SEED = 1

#: What the emulated processor says of itself; the exact and the sampling backend are told the same.
NOISE = {"transmittance": 0.6, "indistinguishability": 0.92, "g2": 0.02, "detectors": "threshold"}


def backends(url: str, ledger: Path) -> dict[str, dict[str, Any]]:
    """What the key `backend` is set to, in turn."""
    processor = {"platform": "qpu:emulated", "url": url, "ledger": str(ledger), "poll_seconds": 0.05}
    return {
        "exact": {"name": "exact", "noise": NOISE},
        "sampling": {"name": "sampling", "noise": NOISE, "shots": SHOTS},
        "twin": {"name": "twin", "of": processor, "shots": SHOTS},
        "quandela": {"name": "quandela", "shots": SHOTS, **processor},
    }


@dataclass(frozen=True)
class Outcome:
    """What one backend gave.

    Attributes:
        accuracy: Of the whole model, on the test points.
        result: The quantum layer's values for some of them.
        p_value: Of the chi-squared test against the exact distribution; None for the exact backend itself.
    """

    accuracy: float
    result: hq.Result
    p_value: float | None


def evaluate_everywhere(directory: Path, console: Console) -> dict[str, Outcome]:
    """Train once, then evaluate on every backend."""
    configuration = read_configuration(Path(__file__).parent / "circles.toml")
    with CloudEmulator(seed=SEED) as cloud:
        tables = backends(cloud.url, directory / "ledger.sqlite")
        train(
            configuration.model_copy(update={"backend": tables["exact"]}),
            directory / "run",
            resume=False,
            console=console,
        )
        model, data = load_trained(directory / "run")
        outcomes: dict[str, Outcome] = {}
        for name, table in tables.items():
            hq.use_backend(model, table)
            torch.manual_seed(SEED)
            with torch.no_grad():
                accuracy = (model(data.test.features).argmax(1) == data.test.labels).double().mean().item()
            result = quantum_values(model, data.test.features[:ROWS])
            p_value = agreement(outcomes["exact"].result, result) if outcomes else None
            outcomes[name] = Outcome(accuracy, result, p_value)
    return outcomes


def quantum_values(model: nn.Module, features: torch.Tensor) -> hq.Result:
    """What the model's quantum layer gets from its backend for some samples, before its linear map."""
    layer = next(module for module in model.modules() if isinstance(module, hq.QuantumLayer))
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(features)
    hook.remove()
    assert layer.backend is not None
    request = hq.Request(
        program=layer.program, weights=layer.phases, inputs=seen[0], shots=layer.backend.shots, seed=SEED
    )
    return layer.backend.evaluate(request)


def agreement(exact: hq.Result, sampled: hq.Result) -> float:
    """The p-value of Pearson's chi-squared test: how often fluctuations alone would be as large.

    Outcomes of which fewer than five are expected are counted together.
    """
    assert sampled.acceptance is not None
    accepted = (sampled.acceptance.double() * SHOTS).round().numpy()
    statistic, freedom = 0.0, 0
    shares = exact.values.double().numpy(), sampled.values.double().numpy()
    for share, found, count in zip(*shares, accepted, strict=True):
        expected, observed = share * count, found * count
        rare = expected < 5
        expected = np.append(expected[~rare], expected[rare].sum())
        observed = np.append(observed[~rare], observed[rare].sum())
        possible = expected > 1e-9
        statistic += float(((observed - expected)[possible] ** 2 / expected[possible]).sum())
        freedom += int(possible.sum()) - 1
    return float(chi2.sf(statistic, freedom))


def report(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """The figures."""
    return {
        "setting": {"shots": SHOTS, "rows": ROWS, "noise": NOISE, "seed": SEED},
        "backends": [
            {
                "backend": name,
                "test_accuracy": round(outcome.accuracy, 4),
                "shots": outcome.result.provenance.shots,
                "mean_acceptance": None
                if outcome.result.acceptance is None
                else round(outcome.result.acceptance.mean().item(), 4),
                "chi_squared_p_value": None if outcome.p_value is None else round(outcome.p_value, 4),
            }
            for name, outcome in outcomes.items()
        ],
    }


def table(figures: Mapping[str, Any]) -> Table:
    """The closing table."""
    view = Table("backend", "test accuracy", "shots", "accepted", "p-value", title="One model on four backends")
    for row in figures["backends"]:
        p_value = row["chi_squared_p_value"]
        view.add_row(
            row["backend"],
            f"{row['test_accuracy']:.3f}",
            f"{row['shots']:,}",
            f"{row['mean_acceptance']:.1%}",
            "reference" if p_value is None else f"{p_value:.3f}",
        )
    return view


def draw(outcomes: Mapping[str, Outcome], path: Path) -> None:
    """The distribution of one sample on each backend, with standard errors."""
    figure, axis = plt.subplots(figsize=(10, 3.6), layout="constrained")
    width = 0.8 / len(outcomes)
    for index, (name, outcome) in enumerate(outcomes.items()):
        values, errors = outcome.result.values[0], outcome.result.standard_errors
        places = np.arange(len(values)) + (index - (len(outcomes) - 1) / 2) * width
        axis.bar(places, values, width, yerr=None if errors is None else errors[0], label=name, error_kw={"lw": 0.8})
    axis.set(xlabel="detection pattern (unbunched, descending)", ylabel="probability", xticks=range(len(values)))
    axis.set_title("One test point, one circuit, four backends")
    axis.legend(frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Evaluate, print the table, and write the results and the picture."""
    out: Path = options("Evaluate one model on four backends.", None).out
    os.environ.setdefault("PCVL_CLOUD_TOKEN", "emulator-token")
    os.environ["NO_PROXY"] = "127.0.0.1"
    console = Console()
    with TemporaryDirectory() as directory:
        outcomes = evaluate_everywhere(Path(directory), console)
    figures = report(outcomes)
    console.print(table(figures))
    write_json(out / "four_backends.json", figures)
    draw(outcomes, out / "four_backends.png")
    console.print("results and picture: four_backends.json and four_backends.png in", str(out))


if __name__ == "__main__":
    main()
