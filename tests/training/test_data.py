import pytest
import torch

import hqdist as hq
from hqdist.training.configuration import GeneratedDataConfiguration, MeasuredDataConfiguration
from hqdist.training.data import load_data


@pytest.mark.parametrize(
    ("name", "samples", "features", "classes"),
    [("digits", 1797, 64, 10), ("wine", 178, 13, 3), ("breast_cancer", 569, 30, 2), ("iris", 150, 4, 3)],
)
def test_measured_data_come_whole_and_in_three_parts(name, samples, features, classes):
    data = load_data(MeasuredDataConfiguration(name=name), seed=0)
    assert len(data.train) + len(data.validation) + len(data.test) == samples
    assert (data.features, data.classes) == (features, classes)
    assert len(data.test) == len(data.validation) == round(0.2 * samples)


@pytest.mark.parametrize("name", ["moons", "circles"])
def test_generated_data_have_the_size_asked_for(name):
    data = load_data(GeneratedDataConfiguration(name=name, samples=50, noise=0.0), seed=0)
    assert len(data.train) + len(data.validation) + len(data.test) == 50
    assert (data.features, data.classes) == (2, 2)


def test_the_same_seed_gives_the_same_samples_and_another_seed_others():
    first, again, other = (load_data(MeasuredDataConfiguration(name="iris"), seed) for seed in (1, 1, 2))
    assert torch.equal(first.train.features, again.train.features)
    assert torch.equal(first.test.labels, again.test.labels)
    assert not torch.equal(first.train.features, other.train.features)


def test_every_part_has_the_classes_in_the_same_proportion():
    data = load_data(MeasuredDataConfiguration(name="iris"), seed=0)
    for part in (data.train, data.validation, data.test):
        assert torch.bincount(part.labels).tolist() == [len(part) // 3] * 3


def test_only_the_training_part_decides_the_standardisation():
    data = load_data(MeasuredDataConfiguration(name="wine"), seed=0)
    torch.testing.assert_close(data.train.features.mean(0), torch.zeros(13), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.features.std(0, correction=0), torch.ones(13), atol=1e-5, rtol=0)
    assert data.test.features.mean(0).abs().max() > 1e-3


def test_a_feature_that_never_varies_stays_finite():
    data = load_data(MeasuredDataConfiguration(name="digits"), seed=0)
    assert torch.isfinite(data.test.features).all()


def test_a_part_that_would_be_too_small_is_refused():
    with pytest.raises(hq.ConfigurationError, match="iris cannot be split"):
        load_data(MeasuredDataConfiguration(name="iris", test=0.01), seed=0)
