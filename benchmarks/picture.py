"""Raw results as a picture: ratios with their quartiles, the goals as lines."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes

from benchmarks import layer_speed, sampler_speed
from benchmarks.results import Record

INK, GRID, ACCENT = "#222222", "#dddddd", "#b3261e"
COLOURS = {32: "#1f77b4", 256: "#c95f02"}
MARKERS = {32: "o", 256: "s"}
TICKS = [base * 10**power for power in range(5) for base in (1, 2, 5)] + [15, 30]


def draw(layers: Record, samplers: Record, path: Path) -> None:
    """Draw both comparisons side by side."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    style = {"font.size": 10, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GRID}
    with plt.rc_context(style):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(10, 5), dpi=160, width_ratios=(3, 1.35), layout="constrained"
        )
        _ratios(left, layers)
        _line(left, layer_speed.GOAL, f"goal {layer_speed.GOAL}x", ACCENT, "--")
        _line(left, layers.mean_ratio(), f"mean {layers.mean_ratio():.0f}x", INK, ":")
        left.set_title(
            f"Training step, against\nMerLin {layers.machine['packages']['merlinquantum']}'s QuantumLayer", loc="left"
        )
        left.set_ylabel("times faster (log scale)")
        left.legend(frameon=False, loc="upper left", ncols=2, handletextpad=0.2)
        _ratios(right, samplers)
        _line(right, sampler_speed.GOAL, f"goal {sampler_speed.GOAL}x", ACCENT, "--")
        version = samplers.machine["packages"]["perceval-quandela"]
        right.set_title(
            f"Batch of {samplers.settings['iterations']}, against\nPerceval {version}'s Sampler", loc="left"
        )
        figure.savefig(path)
        plt.close(figure)


def _ratios(axes: Axes, record: Record) -> None:
    """One place on the x axis for each size, batches beside each other, all on a log scale."""
    sizes = list(dict.fromkeys((point["modes"], point["photons"]) for point in record.points))
    batches = list(dict.fromkeys(point["batch"] for point in record.points))
    for index, batch in enumerate(batches):
        points = [point for point in record.points if point["batch"] == batch]
        offset = 0.26 * (index - (len(batches) - 1) / 2)
        places = [sizes.index((point["modes"], point["photons"])) + offset for point in points]
        ratios = [point["ratio"] for point in points]
        colour = COLOURS.get(batch, INK)
        axes.errorbar(
            places,
            [ratio["median"] for ratio in ratios],
            yerr=[[r["median"] - r["lower"] for r in ratios], [r["upper"] - r["median"] for r in ratios]],
            fmt=MARKERS.get(batch, "D"),
            markersize=6.5,
            color=colour,
            capsize=3,
            label=f"batch {batch}",
            zorder=3,
        )
        for place, ratio in zip(places, ratios, strict=True):
            label = f"{ratio['median']:.{0 if ratio['median'] >= 10 else 1}f}"
            _text(axes, label, (place, ratio["upper"]), (0, 6), axes.transData, colour, "center")
    ends = [point["ratio"][end] for point in record.points for end in ("lower", "upper")]
    goal = {layer_speed.COMPARISON: layer_speed.GOAL, sampler_speed.COMPARISON: sampler_speed.GOAL}[record.comparison]
    axes.set_yscale("log")
    axes.set_ylim(min(*ends, goal) / 1.6, max(*ends, goal) * 1.9)
    axes.set_yticks([tick for tick in TICKS if axes.get_ylim()[0] <= tick <= axes.get_ylim()[1]])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}x")
    axes.minorticks_off()
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_xticks(range(len(sizes)), [f"({m},{n})" for m, n in sizes])
    axes.set_xlabel("(modes, photons)")
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _line(axes: Axes, height: float, label: str, colour: str, style: str) -> None:
    axes.axhline(height, color=colour, linewidth=1.3, linestyle=style, zorder=2)
    _text(axes, label, (1, height), (4, 0), axes.get_yaxis_transform(), colour, "left")


def _text(
    axes: Axes, text: str, at: tuple[float, float], by: tuple[float, float], frame, colour: str, side: str
) -> None:
    axes.annotate(
        text,
        at,
        xycoords=frame,
        xytext=by,
        textcoords="offset points",
        ha=side,
        va="bottom" if side == "center" else "center",
        fontsize=8.5,
        color=colour,
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )
