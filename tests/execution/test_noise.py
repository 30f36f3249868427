"""Noise is checked, converted from and to Perceval's, and says how bright a shot is."""

import perceval as pcvl
import pytest

import hqdist as hq

MODEL = {
    "brightness": 0.9,
    "transmittance": 0.5,
    "indistinguishability": 0.8,
    "g2": 0.03,
    "g2_distinguishable": False,
    "phase_imprecision": 0.1,
    "phase_error": 0.05,
}


def test_it_comes_from_perceval_and_goes_back():
    model = pcvl.NoiseModel(**MODEL)
    assert hq.Noise.from_perceval(model) == hq.Noise(**MODEL)
    assert hq.Noise(**MODEL).to_perceval() == model
    assert hq.Noise.from_perceval(pcvl.NoiseModel()) == hq.Noise()


def test_detectors_are_added_on_the_way_and_never_dropped_on_the_way_back():
    noise = hq.Noise.from_perceval(pcvl.NoiseModel(), detectors=hq.Detectors.THRESHOLD, dark_counts=1e-4)
    assert noise == hq.Noise(detectors="threshold", dark_counts=1e-4)
    for lost in (hq.Noise(detectors="threshold"), hq.Noise(dark_counts=1e-4)):
        with pytest.raises(hq.ConfigurationError, match="does not describe detectors"):
            lost.to_perceval()


def test_what_is_no_noise_model_is_refused():
    with pytest.raises(hq.ConfigurationError, match="NoiseModel is needed"):
        hq.Noise.from_perceval({"brightness": 1.0})


@pytest.mark.parametrize(
    "wrong",
    [{"brightness": 1.5}, {"g2": -1}, {"transmittance": "all"}, {"g2_distinguishable": 1}, {"detectors": "eye"}],
)
def test_what_no_device_can_be_is_refused(wrong):
    with pytest.raises(hq.ConfigurationError):
        hq.Noise(**wrong)


def test_a_run_is_a_shot_if_any_photon_or_dark_count_is_seen():
    assert hq.Noise().detection_probability(2, 4) == 1
    assert hq.Noise(transmittance=0.5, brightness=0.8).detection_probability(2, 4) == pytest.approx(1 - 0.6**2)
    assert hq.Noise(transmittance=0.0, dark_counts=0.1).detection_probability(2, 3) == pytest.approx(1 - 0.9**3)


@pytest.mark.parametrize("photons", [0, 1, 3])
def test_the_probability_of_a_shot_keeps_its_digits_where_it_is_small(photons):
    noise = hq.Noise(transmittance=1e-20, g2=0.1)
    _, one, two = noise.emission()
    assert noise.detection_probability(photons, 4) == pytest.approx(photons * (one + 2 * two) * 1e-20, rel=1e-12)
    assert hq.Noise(dark_counts=1e-18).detection_probability(0, 4) == pytest.approx(4e-18, rel=1e-12)
    assert hq.Noise().detection_probability(photons, 4) == (photons > 0)
