"""Where the time of a hybrid model goes: classical parts, photons, queues and the network."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from hqdist.analysis.evaluate import Batches, evaluating
from hqdist.analysis.statistics import Mean
from hqdist.errors import ConfigurationError
from hqdist.execution import record_provenance
from hqdist.nn import ConcurrentLayers, QuantumLayer


@dataclass(frozen=True)
class Timing:
    """Seconds of each batch's forward pass, and what they were spent on.

    Attributes:
        total: Of the whole pass.
        quantum: In quantum layers: `compute`, `queue` and `network` together.
        compute: Spent evaluating, as whoever evaluated says.
        queue: Spent waiting there.
        network: The rest of the time in quantum layers: the way there and back, and what is done to send and receive.
            Several layers or parts that are evaluated at once may compute longer than they take; then it is 0.
        components: Of the model's own modules, by name.
    """

    total: tuple[float, ...]
    quantum: tuple[float, ...]
    compute: tuple[float, ...]
    queue: tuple[float, ...]
    network: tuple[float, ...]
    components: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def classical(self) -> tuple[float, ...]:
        """What was spent outside of quantum layers."""
        return tuple(max(0.0, all_ - own) for all_, own in zip(self.total, self.quantum, strict=True))

    @property
    def classical_avg_time(self) -> float:
        """The guide's name for the mean of `classical`."""
        return Mean.of(self.classical).value

    @property
    def quantum_avg_time(self) -> float:
        """The guide's name for the mean of `quantum`."""
        return Mean.of(self.quantum).value

    @property
    def total_avg_time(self) -> float:
        """The guide's name for the mean of `total`."""
        return Mean.of(self.total).value

    @property
    def quantum_overhead(self) -> float:
        """The guide's name for the share of quantum layers in the whole."""
        return self.quantum_avg_time / self.total_avg_time

    def __str__(self) -> str:
        rows = [("total", self.total), ("classical", self.classical), ("quantum", self.quantum)]
        rows += [("  compute", self.compute), ("  queue", self.queue), ("  network", self.network)]
        lines = [f"{name:<12}{1e3 * Mean.of(values).value:10.3f} ms" for name, values in rows]
        return "\n".join([f"mean of {len(self.total)} batches", *lines])


def analyze_hybrid_performance(model: nn.Module, test_loader: Batches) -> Timing:
    """Time the forward passes of a model in evaluation mode, and take them apart.

    The guide times components of certain names, each on the input of the whole model, and reads the clock while a GPU
    is still at work. Here a single pass is taken apart: quantum layers are found by type, wherever they are, the clock
    is read when the device is done, and provenance tells what happened inside of remote layers. The first batch is
    passed through once before, unrecorded, as it compiles and connects.

    Args:
        model: The model. Its quantum layers are paid for as in any evaluation, the first batch twice.
        test_loader: Batches of features and targets; targets are not used.

    Raises:
        ConfigurationError: If there are no batches.
    """
    batches = list(test_loader)
    if not batches:
        raise ConfigurationError("there are no batches to time")
    found: list[dict[str, float]] = []
    components = {name: [0.0] * len(batches) for name, _ in model.named_children()}
    with evaluating(model), torch.no_grad():
        model(batches[0][0])
        for number, (features, _) in enumerate(batches):
            own = _Clock(features.device)
            with ExitStack() as stack:
                quantum = [stack.enter_context(own.around(module)) for module in _outermost_quantum(model)]
                parts = {name: stack.enter_context(own.around(part)) for name, part in model.named_children()}
                record = stack.enter_context(record_provenance())
                start = own.now()
                model(features)
                total = own.now() - start
            for name, seconds in parts.items():
                components[name][number] = sum(seconds)
            compute = sum(provenance.compute_seconds for provenance in record.evaluations)
            queue = sum(provenance.queue_seconds for provenance in record.evaluations)
            spent = sum(sum(seconds) for seconds in quantum) or min(total, compute + queue)
            network = max(0.0, spent - compute - queue)
            found.append({"total": total, "quantum": spent, "compute": compute, "queue": queue, "network": network})
    columns = {name: tuple(row[name] for row in found) for name in found[0]}
    return Timing(**columns, components={name: tuple(seconds) for name, seconds in components.items()})


class _Clock:
    """Reads the time when a device has done what it was told."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    @contextmanager
    def around(self, module: nn.Module) -> Iterator[list[float]]:
        """Time each call of a module."""
        seconds: list[float] = []
        began: list[float] = []
        before = module.register_forward_pre_hook(lambda *_: began.append(self.now()))
        after = module.register_forward_hook(lambda *_: seconds.append(self.now() - began.pop()))
        try:
            yield seconds
        finally:
            before.remove()
            after.remove()


def _outermost_quantum(model: nn.Module) -> list[nn.Module]:
    """Quantum layers, and modules that evaluate several at once, but not the layers within those."""
    found: list[nn.Module] = []
    inner: set[nn.Module] = set()
    for module in model.modules():
        if isinstance(module, QuantumLayer | ConcurrentLayers) and module not in inner:
            found.append(module)
            inner.update(module.modules())
    return found
