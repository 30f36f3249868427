"""Pictures of analyses: each function draws a figure, which is shown by notebooks and saved by ``savefig``."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hqdist.analysis.ablation import AblationStudy, Variant
from hqdist.analysis.gradients import GradientReport, PlateauScan
from hqdist.analysis.overfitting import OverfittingReport
from hqdist.analysis.timing import Timing

_CLASSICAL, _QUANTUM, _OTHER, _LINE = "#4477aa", "#ee6677", "#ccbb44", "#666666"


def plot_timing(timing: Timing) -> Figure:
    """What the mean batch's time was spent on, as one bar."""
    figure, axes = _figure(7, 2.4)
    left = 0.0
    for name, values, colour in (
        ("classical", timing.classical, _CLASSICAL),
        ("compute", timing.compute, _QUANTUM),
        ("queue", timing.queue, _OTHER),
        ("network", timing.network, "#aaaaaa"),
    ):
        mean = 1e3 * sum(values) / len(values)
        axes.barh(0, mean, left=left, color=colour, label=f"{name}: {mean:,.2f} ms")
        left += mean
    axes.set_yticks([])
    axes.set_xlabel("mean time of a batch (ms)")
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    return figure


def plot_ablation(study: AblationStudy, figure_name: str = "loss") -> Figure:
    """Each variant's figure with its confidence interval, and that of every seed."""
    figure, axes = _figure(7, 0.6 * len(study.scores) + 1.2)
    for row, (variant, scores) in enumerate(study.scores.items()):
        colour = _QUANTUM if variant is Variant.FULL else _CLASSICAL
        mean = study.mean(variant)
        axes.plot(scores, [row] * len(scores), ".", color=colour, alpha=0.4)
        half = 0.0 if mean.number == 1 else mean.half_width
        axes.errorbar(mean.value, row, xerr=half, fmt="o", color=colour, capsize=4)
    axes.axvline(study.full_model, color=_LINE, linewidth=1, linestyle=":")
    axes.set_ylim(-0.6, len(study.scores) - 0.4)
    axes.set_yticks(range(len(study.scores)), [f"{v} ({study.parameters[v]} parameters)" for v in study.scores])
    axes.invert_yaxis()
    axes.set_xlabel(f"{figure_name} (mean and {study.confidence:.0%} interval over {mean.number} seeds)")
    return figure


def plot_gradients(history: Sequence[GradientReport]) -> Figure:
    """The sizes of classical and quantum gradients, step by step."""
    figure, axes = _figure(7, 3.2)
    for kind, colour in (("classical", _CLASSICAL), ("quantum", _QUANTUM)):
        sizes = [getattr(report, kind) for report in history]
        axes.semilogy([size if size else float("nan") for size in sizes], color=colour, label=kind)
    axes.set_xlabel("step")
    axes.set_ylabel("root mean square of gradients")
    axes.legend(frameon=False)
    return figure


def plot_plateaus(scan: PlateauScan) -> Figure:
    """The variance of derivatives against the number of modes."""
    figure, axes = _figure(5, 3.2)
    axes.semilogy([modes for modes, _ in scan.sizes], scan.variances, "o-", color=_QUANTUM)
    for (modes, photons), variance in zip(scan.sizes, scan.variances, strict=True):
        axes.annotate(
            f"{photons} photon{'s' * (photons != 1)}", (modes, variance), xytext=(6, 6), textcoords="offset points"
        )
    axes.margins(x=0.2, y=0.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("modes")
    axes.set_ylabel("variance of a derivative")
    axes.set_title(f"falls by {scan.decay:.2f} for each mode", fontsize="medium")
    return figure


def plot_overfitting(report: OverfittingReport) -> Figure:
    """What each component does for the training and for the validation loss."""
    figure, axes = _figure(7, 0.6 * len(report.components) + 1.4)
    for row, (train, validation) in enumerate(report.components.values()):
        axes.barh(row - 0.18, train, 0.34, color=_CLASSICAL, label="training" if row == 0 else None)
        axes.barh(row + 0.18, validation, 0.34, color=_OTHER, label="validation" if row == 0 else None)
    axes.axvline(0, color=_LINE, linewidth=1)
    axes.set_yticks(range(len(report.components)), list(report.components))
    axes.invert_yaxis()
    axes.set_xlabel("loss added when the component is disturbed")
    axes.legend(frameon=False)
    return figure


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
