"""Where time goes, on every backend."""

import pytest
import torch
from torch import nn

import hqdist as hq
from hqdist.analysis import analyze_hybrid_performance


def model(backend=None):
    made = hq.SequentialHybrid(input_dim=4, quantum_dim=2, output_dim=2)
    return made if backend is None else hq.use_backend(made, backend)


def batches(number=3):
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(4, 4, generator=generator), torch.zeros(4)) for _ in range(number)]


def test_parts_add_up(any_backend):
    timing = analyze_hybrid_performance(model(any_backend), batches())
    assert len(timing.total) == 3
    for total, classical, quantum in zip(timing.total, timing.classical, timing.quantum, strict=True):
        assert 0 < quantum < total
        assert classical + quantum == pytest.approx(total)
    for quantum, *parts in zip(timing.quantum, timing.compute, timing.queue, timing.network, strict=True):
        assert sum(parts) >= quantum - 1e-9
        assert min(parts) >= 0
    assert 0 < timing.quantum_overhead < 1
    assert timing.total_avg_time == pytest.approx(timing.classical_avg_time + timing.quantum_avg_time)
    assert set(timing.components) == {"classical_pre", "quantum_layer", "classical_post"}
    assert "network" in str(timing)


class Waits(hq.Backend):
    """Exact, and says that it took longer than it did."""

    name = "waits"
    capabilities = hq.backend("exact").capabilities

    def evaluate(self, request):
        result = hq.backend("exact").evaluate(request)
        told = hq.Provenance(backend=self.name, queue_seconds=1000.0, compute_seconds=500.0)
        return hq.Result(values=result.values, provenance=told)


def test_queue_and_compute_are_what_provenance_says():
    timing = analyze_hybrid_performance(model(Waits()), batches(1))
    assert (timing.queue, timing.compute, timing.network) == ((1000.0,), (500.0,), (0.0,))


def test_layers_at_once_are_timed_once():
    layers = [hq.QuantumLayer(program=hq.Experiment(n_modes=3, n_photons=1).program(4)) for _ in range(2)]
    timing = analyze_hybrid_performance(nn.Sequential(hq.ConcurrentLayers(layers)), batches(1))
    assert timing.quantum[0] < timing.total[0]


def test_the_model_is_left_as_it_was():
    made = model().train()
    analyze_hybrid_performance(made, batches(1))
    assert all(module.training for module in made.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in made.modules())


def test_without_batches_there_is_nothing_to_time():
    with pytest.raises(hq.ConfigurationError, match="no batches"):
        analyze_hybrid_performance(model(), [])
