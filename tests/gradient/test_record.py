"""What a piece of code takes of backends is recorded, forward and backward."""

import torch
from devices import Device

import hqdist as hq


def _layer(backend: hq.Backend | str, **options: object) -> hq.QuantumLayer:
    program = hq.Experiment(n_modes=3, n_photons=1).program(2)
    return hq.QuantumLayer(program=program, backend=backend, dtype=torch.float64, **options)


def _batch() -> torch.Tensor:
    return torch.linspace(0, 1, 6, dtype=torch.float64).reshape(3, 2)


def test_each_call_and_each_backward_pass_is_recorded_once() -> None:
    layer = _layer("exact")
    with hq.record_provenance() as record:
        layer(_batch()).square().sum().backward()
    assert [provenance.backend for provenance in record.evaluations] == ["exact", "exact"]
    assert record.shots == record.credits == 0


def test_the_shots_recorded_are_those_estimated_and_those_the_device_counted() -> None:
    device = Device()
    layer = _layer(device, shots=100)
    expected = layer.estimate(_batch())
    with hq.record_provenance() as record:
        layer(_batch()).square().sum().backward()
    assert record.shots == expected.total.shots == sum(request.total_shots for request in device.requests)


def test_a_backward_pass_counts_where_its_forward_pass_was() -> None:
    layer = _layer(Device(), shots=100)
    with hq.record_provenance() as outer:
        with hq.record_provenance() as inner:
            values = layer(_batch())
        forward = inner.shots
        values.square().sum().backward()
    layer(_batch())
    assert forward == 300
    assert inner.shots == outer.shots > forward


def test_nothing_is_recorded_of_an_estimate() -> None:
    layer = _layer(Device(), shots=100)
    with hq.record_provenance() as record:
        layer.estimate(_batch())
    assert record.evaluations == []


def test_every_member_of_a_map_over_weights_is_recorded() -> None:
    device = Device()
    layer = _layer(device, shots=100)
    weights = torch.stack([layer.phases.detach()] * 2)

    def loss(phases: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"phases": phases}, (_batch(),)).square().sum()

    with hq.record_provenance() as record:
        torch.func.vmap(torch.func.grad(loss))(weights)
    assert record.shots == sum(request.total_shots for request in device.requests)
