"""Means of few measurements, with intervals that admit how few they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hqdist.errors import ConfigurationError


@dataclass(frozen=True)
class Mean:
    """A mean and its confidence interval, by Student's t distribution.

    Attributes:
        value: The mean.
        half_width: Half of the interval's width; NaN for a single measurement, which tells nothing of its spread.
        number: Of measurements.
        confidence: Of the interval.
    """

    value: float
    half_width: float
    number: int
    confidence: float

    @classmethod
    def of(cls, values: Sequence[float], confidence: float = 0.95) -> "Mean":
        """Of independent measurements, such as one for each seed.

        Raises:
            ConfigurationError: If there are none, or the confidence is not between 0 and 1.
        """
        if not values or not 0 < confidence < 1:
            raise ConfigurationError(f"a mean is of one value or more, at a confidence in (0, 1), got {confidence}")
        number = len(values)
        half = math.nan
        if number > 1:
            half = _student(number - 1, confidence) * float(np.std(values, ddof=1)) / math.sqrt(number)
        return cls(float(np.mean(values)), half, number, confidence)

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside of the interval."""
        return abs(self.value) > self.half_width

    def __str__(self) -> str:
        return f"{self.value:.4g}" if math.isnan(self.half_width) else f"{self.value:.4g} ± {self.half_width:.2g}"


@lru_cache(maxsize=64)
def _student(degrees: int, confidence: float) -> float:
    """The two-sided quantile of Student's t distribution."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, degrees))
