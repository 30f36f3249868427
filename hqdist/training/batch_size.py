"""The largest batch that a training step has memory for."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from hqdist.errors import CapabilityError, ConfigurationError, TrainingError
from hqdist.execution import current_backend
from hqdist.nn import QuantumLayer
from hqdist.program.checks import instance, whole

#: What torch's allocators say besides `torch.OutOfMemoryError`, whose class not all devices and versions use.
_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "failed to allocate")


def find_optimal_batch_size(model: nn.Module, sample_input: torch.Tensor, max_batch_size: int = 256) -> int:
    """The largest batch, up to a limit, with which a forward and backward pass fits in memory, on whatever device.

    Sizes are doubled until one fails, then the largest good one is searched between the last good and the first bad. A
    size fails where memory cannot be allocated, on the CPU as well, and where a quantum layer's backend says that it is
    too large. Batch normalisation needs two samples in training, so a single one is tried only if two are too many.

    The model is as before: parameters, gradients, buffers (the statistics of batch normalisation), modes, and torch's
    random state. What failed is freed before the next size is tried. The guide tries the next size while the exception
    still holds on to the tensors of the last, knows the words of CUDA only, tries powers of two alone but returns
    `max_batch_size` untried if it is none, and leaves gradients, statistics and mode changed.

    The optimiser's own state is not counted: Adam's is twice the size of the parameters.

    Args:
        model: The model, on its device. Its quantum layers are evaluated, so those at a provider that keeps accounts
            are refused; search with a simulator (`hqdist.use_backend`) instead.
        sample_input: Some samples (N, ...), which are repeated as needed, or a single one without batch dimension (F,).
        max_batch_size: The largest size to try.

    Raises:
        TrainingError: If not even one sample fits.
        ConfigurationError: If a quantum layer's backend would have to be paid, or an argument is not valid.
    """
    instance(model, nn.Module, "a model", error=ConfigurationError)
    most = whole(max_batch_size, "max_batch_size", least=1, error=ConfigurationError)
    samples = sample_input.unsqueeze(0) if sample_input.ndim == 1 else sample_input
    if not len(samples):
        raise ConfigurationError("sample_input has at least one sample")
    _refuse_to_pay(model)
    with _left_as_it_is(model, samples.device):
        return _largest(model, samples, most)


def _largest(model: nn.Module, samples: torch.Tensor, most: int) -> int:
    good, size = 0, min(2, most)
    while good < most and _fits(model, samples, size):
        good, size = size, min(2 * size, most)
    if good == most:
        return most
    bad = size
    while bad - good > 1:
        middle = (good + bad) // 2
        if _fits(model, samples, middle):
            good = middle
        else:
            bad = middle
    if not good:
        raise TrainingError("not even a single sample fits in memory; use a smaller model or another device")
    return good


def _fits(model: nn.Module, samples: torch.Tensor, size: int) -> bool:
    fits = True
    try:
        _step(model, samples, size)
    except (MemoryError, RuntimeError, CapabilityError) as error:
        if not _too_large(error):
            raise
        fits = False
    model.zero_grad()
    if not fits:  # here the exception is gone, and with it the frames that held the tensors
        _free(samples.device)
    return fits


def _free(device: torch.device) -> None:
    gc.collect()
    module = torch.get_device_module(device)
    if hasattr(module, "empty_cache"):
        module.empty_cache()


def _step(model: nn.Module, samples: torch.Tensor, size: int) -> None:
    batch = samples[torch.arange(size, device=samples.device) % len(samples)]
    model(batch).sum().backward()


def _too_large(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    if isinstance(error, CapabilityError):
        return "of memory" in text or "samples in a batch" in text
    return any(words in text for words in _WORDS)


def _refuse_to_pay(model: nn.Module) -> None:
    for layer in model.modules():
        if isinstance(layer, QuantumLayer):
            backend = layer.backend or current_backend()
            if backend.capabilities.price is not None or backend.capabilities.ledger is not None:
                raise ConfigurationError(
                    f"trying batch sizes would be paid for at backend {backend.name!r}; search with a simulator in its "
                    'place: hq.use_backend(model, "exact")'
                )


@contextmanager
def _left_as_it_is(model: nn.Module, device: torch.device) -> Iterator[None]:
    """A model in training mode without gradients; afterwards it is what it was, and so is torch's random state."""
    modes = {module: module.training for module in model.modules()}
    gradients = {parameter: parameter.grad for parameter in model.parameters()}
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in modes
        for name, buffer in module.named_buffers(recurse=False)
    ]
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        try:
            for parameter in gradients:
                parameter.grad = None
            model.train()
            yield
        finally:
            for module, training in modes.items():
                module.training = training
            for parameter, gradient in gradients.items():
                parameter.grad = gradient
            with torch.no_grad():
                for module, name, buffer, value in buffers:
                    setattr(module, name, buffer.copy_(value))
