"""Contenders must agree before they are timed."""

import torch


def deviation(values: torch.Tensor, reference: torch.Tensor) -> float:
    """The largest difference, relative to the reference's largest entry."""
    if values.shape != reference.shape:
        raise RuntimeError(f"shapes differ: {tuple(values.shape)} and {tuple(reference.shape)}")
    return float((values - reference).abs().max() / reference.abs().max())


def require(deviations: dict[str, float], tolerance: float, where: object) -> None:
    """Refuse to go on with contenders that do not compute the same.

    Raises:
        RuntimeError: If a deviation exceeds the tolerance or is no number.
    """
    wrong = {name: value for name, value in deviations.items() if not value <= tolerance}
    if wrong:
        found = ", ".join(f"{name} {value:.1e}" for name, value in wrong.items())
        raise RuntimeError(f"at {where} the contenders disagree by more than {tolerance:.0e}: {found}; not timed")
