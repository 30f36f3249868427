"""Each analysis has a picture."""

import pytest

from hqdist.analysis import plots
from hqdist.analysis.ablation import AblationStudy, Variant
from hqdist.analysis.gradients import GradientReport, PlateauScan
from hqdist.analysis.overfitting import OverfittingReport
from hqdist.analysis.timing import Timing

FIGURES = {
    "timing": lambda: plots.plot_timing(Timing((3.0, 3.2), (2.0, 2.1), (1.0, 1.1), (0.4, 0.4), (0.6, 0.6))),
    "ablation": lambda: plots.plot_ablation(
        AblationStudy({Variant.FULL: (0.3, 0.35), Variant.ZERO: (0.5, 0.6)}, {Variant.FULL: 90, Variant.ZERO: 60}, 0.95)
    ),
    "gradients": lambda: plots.plot_gradients([GradientReport(0.1 / n, 0.01, {}, 10.0) for n in range(1, 9)]),
    "plateaus": lambda: plots.plot_plateaus(PlateauScan(((3, 1), (5, 2)), (0.1, 0.02), 8)),
    "overfitting": lambda: plots.plot_overfitting(
        OverfittingReport(0.1, 0.4, 1.5, {"pre": (0.2, 0.1), "post": (0.1, 0.1)})
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_can_be_saved(name, tmp_path):
    figure = FIGURES[name]()
    figure.savefig(tmp_path / f"{name}.png")
    assert (tmp_path / f"{name}.png").stat().st_size > 5000
    assert figure.axes[0].get_xlabel()
