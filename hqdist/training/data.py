"""The samples of a run: loaded, split and standardised."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn import datasets
from sklearn.model_selection import train_test_split

from hqdist.errors import ConfigurationError
from hqdist.training.configuration import GeneratedDataConfiguration, MeasuredDataConfiguration

_MEASURED = {
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "iris": datasets.load_iris,
}


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the samples.

    Attributes:
        features: (N, F), float32.
        labels: (N,), class numbers.
    """

    features: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class DataSet:
    """Samples in three parts, every class in each of them in the same proportion.

    Attributes:
        name: What they are called.
        classes: How many classes there are.
        train: What the model learns from; its features have mean 0 and deviation 1.
        validation: What the best epoch is chosen by.
        test: What the final figure is measured on.
    """

    name: str
    classes: int
    train: Part
    validation: Part
    test: Part

    @property
    def features(self) -> int:
        """Number of features F of a sample."""
        return self.train.features.shape[1]


def load_data(configuration: MeasuredDataConfiguration | GeneratedDataConfiguration, seed: int) -> DataSet:
    """Load a data set and split it: the same way for the same seed.

    The features are standardised by the mean and deviation of the training part alone.

    Raises:
        ConfigurationError: If a part would get too few samples.
    """
    x, y = _samples(configuration, seed)
    validation, test = round(configuration.validation * len(y)), round(configuration.test * len(y))
    try:
        x, x_test, y, y_test = train_test_split(x, y, test_size=test, stratify=y, random_state=seed)
        x, x_validation, y, y_validation = train_test_split(x, y, test_size=validation, stratify=y, random_state=seed)
    except ValueError as error:
        raise ConfigurationError(f"data: {configuration.name} cannot be split like this: {error}") from error
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0] = 1  # a pixel that is always white

    def part(features: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> Part:
        standardised = torch.from_numpy((features - mean) / deviation).float()
        return Part(standardised, torch.from_numpy(labels.astype(np.int64)))

    return DataSet(
        name=configuration.name,
        classes=int(y.max()) + 1,
        train=part(x, y),
        validation=part(x_validation, y_validation),
        test=part(x_test, y_test),
    )


def _samples(
    configuration: MeasuredDataConfiguration | GeneratedDataConfiguration, seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    x: npt.NDArray[np.float64]
    y: npt.NDArray[Any]
    match configuration:
        case MeasuredDataConfiguration():
            x, y = _MEASURED[configuration.name](return_X_y=True)
        case GeneratedDataConfiguration(name="moons"):
            x, y = datasets.make_moons(configuration.samples, noise=configuration.noise, random_state=seed)
        case GeneratedDataConfiguration():
            x, y = datasets.make_circles(
                configuration.samples, noise=configuration.noise, factor=0.5, random_state=seed
            )
    return x, y
