"""Looking at hybrid models: where time goes, what the quantum part contributes, how gradients and gaps behave."""

from hqdist.analysis.ablation import AblationStudy, Variant, ablation_study, trained_ablation_study
from hqdist.analysis.gradients import (
    GradientReport,
    GradientWarning,
    PlateauScan,
    monitor_gradients,
    scan_for_plateaus,
)
from hqdist.analysis.overfitting import OverfittingReport, detect_component_overfitting
from hqdist.analysis.timing import Timing, analyze_hybrid_performance

__all__ = [
    "AblationStudy",
    "GradientReport",
    "GradientWarning",
    "OverfittingReport",
    "PlateauScan",
    "Timing",
    "Variant",
    "ablation_study",
    "analyze_hybrid_performance",
    "detect_component_overfitting",
    "monitor_gradients",
    "scan_for_plateaus",
    "trained_ablation_study",
]
