"""A picture of an architecture search."""

from typing import TYPE_CHECKING

from hqdist.design.search import Outcome, Search

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_search(search: Search, score: str = "score") -> "Figure":
    """Scores against the number of trainable parameters, and the learning curves behind them, pruned ones broken off.

    Args:
        search: What was found.
        score: What the score is.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    curves, sizes = figure.subplots(1, 2, sharey=True)
    best = search.best
    for trial in search.trials:
        if trial.outcome is Outcome.PRUNED:
            epochs = range(1, len(trial.scores) + 1)
            curves.plot(epochs, trial.scores, color="#bbbbbb", marker="x", markevery=[-1], linewidth=1)
    for trial in search.ranked:
        colour, width = ("#ee6677", 2.2) if trial is best else ("#4477aa", 1)
        curves.plot(range(1, len(trial.scores) + 1), trial.scores, color=colour, linewidth=width)
        sizes.plot(trial.parameters, trial.score, "o", color=colour)
    curves.plot([], [], color="#bbbbbb", marker="x", label="pruned")
    curves.plot([], [], color="#4477aa", label="finished")
    curves.plot([], [], color="#ee6677", linewidth=2.2, label="best")
    curves.legend(frameon=False)
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    curves.set_xlabel("epoch")
    curves.set_ylabel(score)
    sizes.set_xlabel("trainable parameters of the layer")
    chosen = best.candidate
    circuit = f"{chosen.circuit_type}, {chosen.modes} modes, {chosen.photons} photon{'s' * (chosen.photons != 1)}"
    figure.suptitle(f"best: {circuit}, on {chosen.backend.name}", fontsize="medium")
    return figure
