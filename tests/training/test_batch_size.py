"""The largest batch that fits: what fails is recognised and freed, and the model is left alone."""

import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import hqdist as hq


def cpu_allocator():
    torch.empty(2**55, dtype=torch.uint8)


def numpy_allocator():
    np.empty(2**60, dtype=np.uint8)


def cuda_allocator():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


class Hungry(nn.Module):
    """Needs more memory than there is for more than so many samples."""

    def __init__(self, most, allocate=cpu_allocator):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.most, self.allocate = most, allocate
        self.tried, self.failed = [], []

    def forward(self, x):
        self.tried.append(len(x))
        assert not any(tensor() is not None for tensor in self.failed), "a failed batch is still there"
        y = self.linear(x)
        if len(x) > self.most:
            self.failed += [weakref.ref(x), weakref.ref(y)]
            self.allocate()
        return y


@pytest.mark.parametrize("most", [1, 2, 3, 37, 64, 99, 100, 1000])
def test_the_largest_size_is_found(most):
    model = Hungry(most)
    assert hq.find_optimal_batch_size(model, torch.rand(1, 3), max_batch_size=100) == min(most, 100)
    assert len(model.tried) <= 14
    assert len(set(model.tried)) == len(model.tried)


@pytest.mark.parametrize("allocate", [cpu_allocator, numpy_allocator, cuda_allocator])
def test_whoever_runs_out_of_memory_is_understood(allocate):
    assert hq.find_optimal_batch_size(Hungry(3, allocate), torch.rand(3)) == 3


def test_the_limit_is_tried_before_it_is_promised():
    model = Hungry(1000)
    assert hq.find_optimal_batch_size(model, torch.rand(3), max_batch_size=300) == 300
    assert max(model.tried) == 300
    assert hq.find_optimal_batch_size(Hungry(5), torch.rand(3), max_batch_size=1) == 1


@pytest.mark.parametrize("sample", [torch.rand(3), torch.rand(1, 3), torch.rand(7, 3)])
def test_samples_are_repeated_as_needed(sample):
    model = Hungry(1000)
    hq.find_optimal_batch_size(model, sample, max_batch_size=16)
    assert model.tried == [2, 4, 8, 16]


def test_nothing_fits():
    with pytest.raises(hq.TrainingError, match="not even a single sample"):
        hq.find_optimal_batch_size(Hungry(0), torch.rand(3))


def test_other_errors_are_not_taken_for_memory():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        hq.find_optimal_batch_size(Hungry(10), torch.rand(4))


def test_the_model_and_the_random_state_are_left_as_they_were():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), Hungry4())
    model[0].weight.grad = torch.ones(4, 3)
    model[2].eval()
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    sample, state = torch.rand(3), torch.get_rng_state()
    assert hq.find_optimal_batch_size(model, sample, max_batch_size=16) == 5
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, saved[name]) for name, value in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones(4, 3))
    assert model[0].bias.grad is None


class Hungry4(Hungry):
    def __init__(self):
        super().__init__(5)
        self.linear = nn.Linear(4, 4)


def test_a_simulator_that_says_that_memory_does_not_suffice_is_understood():
    program = hq.Experiment(n_modes=8, n_photons=4).program(3)
    layer = hq.QuantumLayer(program=program, backend=hq.backend("exact", memory_limit=2_000_000))
    found = hq.find_optimal_batch_size(layer, torch.rand(3), max_batch_size=4096)
    assert 1 < found < 4096
    layer(torch.rand(found, 3))
    with pytest.raises(hq.CapabilityError, match="of memory"):
        layer(torch.rand(found + 1, 3)).sum()


def test_on_every_backend_that_is_not_paid(any_backend):
    layer = hq.QuantumLayer(program=hq.Experiment(n_modes=3, n_photons=2).program(2), backend=any_backend)
    if any_backend.capabilities.ledger is None:
        assert hq.find_optimal_batch_size(layer, torch.rand(2), max_batch_size=3) == 3
    else:
        with hq.record_provenance() as record, pytest.raises(hq.ConfigurationError, match="would be paid for"):
            hq.find_optimal_batch_size(layer, torch.rand(2), max_batch_size=3)
        assert record.shots == 0


def test_a_process_with_little_memory():
    script = """
import resource
import torch
import hqdist as hq

torch.set_num_threads(1)
model = torch.nn.Sequential(torch.nn.Linear(8, 2**20, bias=False), torch.nn.ReLU())
model(torch.rand(2, 8)).sum().backward()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))
print(hq.find_optimal_batch_size(model, torch.rand(8), max_batch_size=1024))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 10 < int(done.stdout) < 128  # 512 MiB are left, and a sample takes 4 MiB for each tensor
