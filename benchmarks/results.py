"""Where results are kept, and how they are written: raw numbers, the machine, and how they were taken."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Race, geometric_mean
from benchmarks.load import QUIET
from benchmarks.machine import description

#: The committed results.
FOLDER = Path(__file__).parent / "results"


@dataclass
class Record:
    """The raw output of one comparison.

    Attributes:
        comparison: Its name; the file is called after it.
        settings: How it was run.
        machine: What it ran on.
        points: For each size, what was measured.
    """

    comparison: str
    settings: dict[str, Any]
    machine: dict[str, Any] = field(default_factory=description)
    points: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write ``{comparison}.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.comparison}.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    def others(self) -> float:
        """The most cores that other processes kept busy at any point."""
        return max(point["others"] or 0.0 for point in self.points)

    def mean_ratio(self) -> float:
        """The geometric mean of the ratios, over the points."""
        return geometric_mean([point["ratio"]["median"] for point in self.points])

    @staticmethod
    def read(comparison: str, folder: Path) -> "Record":
        """Read what `write` wrote.

        Raises:
            FileNotFoundError: If this comparison has not been run.
        """
        return Record(**json.loads((folder / f"{comparison}.json").read_text()))


def summary(point: object, times: Race, slow: str, fast: str) -> str:
    """One line about one point: the ratio with its quartiles, and everybody's median."""
    ratio = times.ratio(slow, fast)
    medians = ", ".join(f"{name} {1e3 * times.spread(name).median:.2f} ms" for name in times.seconds)
    busy = f"  (others kept {times.others} cores busy)" if (times.others or 0.0) > QUIET else ""
    return f"{point!s:>15}: {ratio.median:7.1f}x [{ratio.lower:.1f}, {ratio.upper:.1f}]  {medians}{busy}"
