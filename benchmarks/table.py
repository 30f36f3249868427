"""Raw results as tables in markdown."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import layer_speed, sampler_speed
from benchmarks.harness import Spread
from benchmarks.load import QUIET
from benchmarks.results import Record


def write_table(layers: Record, samplers: Record, path: Path) -> None:
    """Write the machine and what every point gave."""
    sections = [["# Speed, side by side"], _machine(layers.machine), _layers(layers), _samplers(samplers)]
    others = max(layers.others(), samplers.others())
    if others > QUIET:
        sections.insert(
            1, [f"**Not to be trusted: others kept up to {others} cores busy. Run it on a quiet machine.**"]
        )
    path.write_text("\n".join(line for section in sections for line in (*section, "")))


def _layers(record: Record) -> list[str]:
    names = (layer_speed.SLOW, layer_speed.FAST)
    header = ["(m,n)", "outputs", "batch", "MerLin, ms", "hqdist, ms", "times faster", "MerLin, MiB", "hqdist, MiB"]
    rows = [
        [
            f"({point['modes']},{point['photons']})",
            point["outputs"],
            point["batch"],
            *(_milliseconds(point["seconds"][name]) for name in names),
            _ratio(point["ratio"]),
            *(_mebibytes(point["peak_bytes"][name]) for name in names),
        ]
        for point in record.points
    ]
    lowest = min(point["ratio"]["median"] for point in record.points)
    return [
        "## A training step against MerLin's `QuantumLayer`",
        "",
        f"Float32, medians (and quartiles) of {record.settings['rounds']} rounds; memory is a step's peak growth.",
        "",
        *_markdown(header, rows),
        "",
        f"Geometric mean: **{record.mean_ratio():.0f}x** (goal {layer_speed.GOAL}x); "
        f"lowest point {lowest:.0f}x (goal {layer_speed.FLOOR}x).",
    ]


def _samplers(record: Record) -> list[str]:
    names = (sampler_speed.SLOW, sampler_speed.BARE, sampler_speed.FAST)
    header = ["(m,n)", "outputs", "Sampler, ms", "SLOS backend, ms", "hqdist, ms", "than Sampler", "than SLOS backend"]
    rows = [
        [
            f"({point['modes']},{point['photons']})",
            point["outputs"],
            *(_milliseconds(point["seconds"][name]) for name in names),
            _ratio(point["ratio"]),
            _ratio(point["ratio_to_backend"]),
        ]
        for point in record.points
    ]
    return [
        f"## A batch of {record.settings['iterations']} against Perceval's `Sampler` with as many iterations",
        "",
        f"Forward, medians (and quartiles) of {record.settings['rounds']} rounds; hqdist in float32, Perceval in "
        "float64. The SLOS backend alone is given the unitaries; the other two compute them.",
        "",
        *_markdown(header, rows),
        "",
        f"Goal: {sampler_speed.GOAL}x Perceval's Sampler.",
    ]


def _machine(machine: dict) -> list[str]:
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    threads = ", ".join(f"{name} {count}" for name, count in machine["threads"].items())
    return [
        f"- {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}",
        f"- {', '.join(machine['instruction_sets'])}",
        f"- threads: {threads}; load average before the first measurement: {machine['load_at_start']}",
        f"- {machine['python']}; {packages}; revision {machine['revision']}",
    ]


def _markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [header, ["--:"] * len(header), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def _milliseconds(seconds: Sequence[float]) -> str:
    median = 1e3 * Spread.of(seconds).median
    return f"{median:.0f}" if median >= 100 else f"{median:.3g}"


def _ratio(ratio: dict[str, float]) -> str:
    numbers = [f"{ratio[name]:.{0 if ratio['median'] >= 20 else 1}f}" for name in ("median", "lower", "upper")]
    return "{}x ({} to {})".format(*numbers)


def _mebibytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 2**20:.{0 if size >= 10 * 2**20 else 1}f}"
