"""What a training run will take of a backend that takes shots."""

from collections import Counter

from torch import nn

from hqdist.gradient import Estimate
from hqdist.nn import estimate
from hqdist.training.configuration import Configuration
from hqdist.training.data import DataSet, Part
from hqdist.training.loop import shuffled_batches


def epoch_estimate(model: nn.Module, data: DataSet, configuration: Configuration) -> Estimate:
    """What learning from every training sample once takes, and a look at the validation samples."""
    size = configuration.training.batch_size
    batches = Counter(map(len, shuffled_batches(len(data.train), size, seed=configuration.seed, epoch=1)))
    learning = (estimate(model, data.train.features[:n], training=True) * times for n, times in batches.items())
    return sum(learning, start=look_estimate(model, data.validation, size))


def look_estimate(model: nn.Module, part: Part, batch_size: int) -> Estimate:
    """What evaluating some samples once takes."""
    batches = Counter(min(batch_size, len(part) - first) for first in range(0, len(part), batch_size))
    looks = (estimate(model, part.features[:n], training=False) * times for n, times in batches.items())
    return sum(looks, start=Estimate())
