"""The conformance kit: what every backend is held to, ours or a plug-in's.

In a plug-in's own tests::

    import pytest
    from hqdist.testing import checks

    @pytest.mark.parametrize("check", checks(MyBackend()), ids=str)
    def test_conformance(check):
        check()

or, without pytest, ``hqdist.testing.conformance(MyBackend())``.
"""

from hqdist.testing.check import Check, ConformanceError
from hqdist.testing.conformance import checks, conformance
from hqdist.testing.noise_reference import NoisyValues, noisy_values
from hqdist.testing.reference import permanent, reference_probabilities, reference_values

__all__ = [
    "Check",
    "ConformanceError",
    "NoisyValues",
    "checks",
    "conformance",
    "noisy_values",
    "permanent",
    "reference_probabilities",
    "reference_values",
]
