"""The exact backend passes the conformance kit with noise, by its kernels and by the operations it uses on a GPU."""

import pytest
from hqdist_exact import ExactBackend
from hqdist_exact._device import DeviceLight

import hqdist as hq
from hqdist.testing import checks

NOISES = {
    "partly distinguishable, lossy": hq.Noise(indistinguishability=0.8, transmittance=0.7),
    "every imperfection": hq.Noise(
        brightness=0.9,
        transmittance=0.7,
        indistinguishability=0.85,
        g2=0.05,
        phase_error=0.1,
        detectors="threshold",
        dark_counts=0.02,
    ),
}

#: What noise could break; the others are held to without it.
HELD_TO = {
    "it_pickles_and_copies",
    "every_violation_is_named",
    "limits_come_before_computing",
    "probabilities_are_normalised",
    "values_agree_with_permanents",
    "results_have_the_promised_form",
    "rows_do_not_depend_on_their_batch",
    "empty_and_bare_programs_are_evaluated",
    "gradients_agree_with_differences",
    "kept_gradients_equal_fresh_ones",
    "input_gradients_do_not_depend_on_their_batch",
}
CASES = [
    pytest.param(check, id=f"{name}-{check}")
    for name, noise in NOISES.items()
    for check in checks(ExactBackend(noise=noise))
    if check.name in HELD_TO
]
ON_DEVICES = [
    case
    for case in CASES
    if case.values[0].name in ("values_agree_with_permanents", "gradients_agree_with_differences")
]


@pytest.mark.parametrize("check", CASES)
def test_kernels(check):
    check()


@pytest.mark.parametrize("check", ON_DEVICES)
def test_torch_operations(check, monkeypatch):
    monkeypatch.setattr("hqdist_exact.backend.CpuLight", DeviceLight)
    check()
