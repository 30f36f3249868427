"""What the examples share that ask what the quantum layer contributes: the loop, the table, the files, the picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from reporting import options, progress_bar, write_json
from rich.console import Console
from rich.table import Table
from torch import nn

from hqdist import classical_parameters, quantum_parameters, trained_ablation_study
from hqdist.analysis import AblationStudy, Variant
from hqdist.analysis.plots import plot_ablation
from hqdist.analysis.statistics import Mean

#: What stands in the place of the quantum layer.
WORDS = {
    Variant.FULL: "trained photons",
    Variant.FROZEN: "random photons",
    Variant.CLASSICAL: "classical layer",
    Variant.IDENTITY: "its inputs",
    Variant.ZERO: "nothing",
}


def run_study(
    name: str,
    description: str,
    *,
    figure: str,
    setting: dict[str, Any],
    make_model: Callable[[], nn.Module],
    train: Callable[[nn.Module], None],
    score: Callable[[nn.Module], float],
    draw: Callable[[AblationStudy, Path], None] | None = None,
) -> None:
    """Train the model with and without its photons, print the table, and write results and picture.

    Args:
        name: What the files are called.
        description: What the example does.
        figure: What the score is: the smaller, the better.
        setting: What to record of the set-up.
        make_model: A fresh model.
        train: Trains it.
        score: Its figure.
        draw: Draws the picture; the ablation's own by default.
    """
    arguments = options(description, 5)
    torch.set_num_threads(1)  # the circuits are small: a second thread costs more than it saves
    seeds = range(arguments.seeds)
    with progress_bar() as progress:
        task = progress.add_task(name, total=len(WORDS) * len(seeds))

        def trained(model: nn.Module) -> None:
            train(model)
            progress.advance(task)

        study = trained_ablation_study(make_model, trained, score, variants=WORDS, seeds=seeds)
    console = Console()
    console.print(table(study, figure))
    write_json(arguments.out / f"{name}.json", {"setting": setting} | report(study))
    (draw or _draw(figure))(study, arguments.out / f"{name}.png")
    console.print(f"results and picture: {name}.json and {name}.png in", str(arguments.out))


def descend(
    model: nn.Module, features: torch.Tensor, targets: torch.Tensor, loss: nn.Module, epochs: int, rate: float
) -> None:
    """Train in batches of 32 by Adam, phases, where there are any, at twice the rate of what is classical."""
    groups = [{"params": classical_parameters(model)}, {"params": quantum_parameters(model), "lr": 2 * rate}]
    optimizer = torch.optim.Adam(groups, lr=rate)
    for _ in range(epochs):
        for batch in torch.randperm(len(features)).split(32):
            optimizer.zero_grad()
            loss(model(features[batch]), targets[batch]).backward()
            optimizer.step()


def report(study: AblationStudy) -> dict[str, Any]:
    """The figures, by variant."""
    return {
        "confidence": study.confidence,
        "variants": {
            variant.value: {
                "parameters": study.parameters[variant],
                "by_seed": [round(score, 5) for score in study.scores[variant]],
                "mean": round(study.mean(variant).value, 5),
                "verdict": verdict(study, variant),
            }
            for variant in study.scores
        },
    }


def verdict(study: AblationStudy, variant: Variant) -> str:
    """Whether the photons are better than what replaces them, as far as the seeds show."""
    if variant is Variant.FULL:
        return ""
    more = study.contribution(variant)
    if more.number < 2 or abs(more.value) <= more.half_width:
        return "unclear"
    return "help" if more.value > 0 else "hurt"


def table(study: AblationStudy, figure: str) -> Table:
    """The figures with their intervals."""
    seeds = study.mean(Variant.FULL).number
    drawn = Table(title=f"{figure}: mean and {study.confidence:.0%} interval over {seeds} seeds")
    for column in ("as quantum layer", "weights", "error", "more than full", "photons"):
        drawn.add_column(column, justify="right" if column == "weights" else "left", no_wrap=True)
    for variant in study.scores:
        more = "" if variant is Variant.FULL else _shown(study.contribution(variant))
        drawn.add_row(
            WORDS[variant],
            str(study.parameters[variant]),
            _shown(study.mean(variant)),
            more,
            verdict(study, variant),
        )
    return drawn


def _shown(mean: Mean) -> str:
    return f"{mean.value:.3f}" if mean.number == 1 else f"{mean.value:.3f} ± {mean.half_width:.3f}"


def _draw(figure: str) -> Callable[[AblationStudy, Path], None]:
    return lambda study, path: plot_ablation(study, figure).savefig(path, dpi=110)
