"""The quantum layer as a torch module: all that torch does with modules works with it, or says why not."""

import copy
import io
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hqdist_exact import ExactBackend
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vmap
from torch.utils.checkpoint import checkpoint

import hqdist as hq
from hqdist.testing import reference_values


def ansatz(features=3, output_size=4, **options):
    experiment = hq.Experiment(circuit_type=hq.CircuitType.SERIES, n_modes=4, n_photons=2, **options)
    return hq.AnsatzFactory.create(experiment=experiment, input_size=features, output_size=output_size)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return hq.QuantumLayer(input_size=3, ansatz=ansatz(), dtype=torch.float64)


@pytest.fixture
def x():
    return torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def plain_program(readout=None):
    """A program without inputs."""
    elements = hq.interferometer(range(3), "w")
    return hq.Program(3, (1, 1, 0), elements, tuple(f"w{i}" for i in range(9)), readout=readout or hq.Probabilities())


class Counting(hq.Backend):
    """An exact backend that counts its requests, so that one can see who answered."""

    name = "counting"

    def __init__(self):
        self.requests = []

    @property
    def capabilities(self):
        return ExactBackend().capabilities

    def evaluate(self, request):
        self.requests.append(replace(request, weights=request.weights.clone()))
        return ExactBackend().evaluate(request)

    def vjp(self, request, cotangent):
        return ExactBackend().vjp(request, cotangent)


class WithoutDerivatives(Counting):
    name = "without-derivatives"

    @property
    def capabilities(self):
        return replace(super().capabilities, adjoint=False)


class TestCalls:
    def test_as_the_guide_writes_it(self):
        experiment = hq.Experiment(
            circuit_type=hq.CircuitType.SERIES, n_modes=6, n_photons=3, use_bandwidth_tuning=True
        )
        made = hq.AnsatzFactory.create(experiment=experiment, input_size=4, output_size=8)
        layer = hq.QuantumLayer(input_size=4, ansatz=made)
        assert layer(torch.rand(7, 4)).shape == (7, 8)
        assert {name for name, _ in layer.named_parameters()} == {
            "phases",
            "input_scale",
            "output_map.weight",
            "output_map.bias",
        }

    def test_values_are_those_of_the_program(self, layer, x):
        layer.output_map = None
        expected = reference_values(layer.program, layer.phases, x)
        np.testing.assert_allclose(layer(x).detach(), expected, atol=1e-12)

    def test_one_sample_is_a_row_of_a_batch(self, layer, x):
        assert layer(x[2]).shape == (4,)
        layer.output_map = None
        assert torch.equal(layer(x)[2], layer(x[2]))

    def test_no_rows(self, layer, x):
        assert layer(x[:0]).shape == (0, 4)

    def test_without_features(self):
        layer = hq.QuantumLayer(program=plain_program())
        assert layer().shape == (6,)
        assert torch.equal(layer(), layer(torch.empty(0)))
        assert layer(torch.empty(3, 0)).shape == (3, 6)
        layer()[0].backward()
        assert layer.phases.grad.any()

    def test_lower_precision_is_raised_to_the_layers(self, layer, x):
        assert layer(x.float()).dtype == torch.float64
        assert layer(x.bfloat16()).dtype == torch.float64
        assert layer(torch.ones(2, 3, dtype=torch.int64)).dtype == torch.float64

    def test_amplitudes_are_complex(self):
        layer = hq.QuantumLayer(program=plain_program(hq.Amplitudes()))
        values = layer()
        assert values.dtype == torch.complex64
        values.abs().square()[1].backward()
        assert layer.phases.grad.any()

    def test_an_interferometer_trains_through_every_readout(self):
        for readout in (
            hq.Probabilities(hq.ComputationSpace.UNBUNCHED, hq.ModGrouping(2)),
            hq.ModeExpectations(),
            hq.NumberCorrelators(),
        ):
            layer = hq.QuantumLayer(program=plain_program(readout))
            layer()[0].backward()
            assert layer.phases.grad.any()

    def test_a_reservoir_does_not_train(self, x):
        layer = hq.QuantumLayer(ansatz=ansatz(reservoir_mode=True), dtype=torch.float64)
        assert "phases" in dict(layer.named_buffers())
        assert "phases" not in dict(layer.named_parameters())
        x.requires_grad_()
        layer(x).sum().backward()
        assert x.grad.any()

    def test_inference_mode(self, layer, x):
        with torch.inference_mode():
            values = layer(x)
        assert torch.equal(values, layer(x).detach())

    def test_a_printed_layer_says_what_it_is(self, layer):
        assert "4 modes" in repr(layer)
        assert "backend=default" in repr(layer)


class TestState:
    def test_pickle(self, layer, x):
        assert torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))

    def test_deepcopy_after_use(self, layer, x):
        layer(x).sum().backward()
        copied = copy.deepcopy(layer)
        assert torch.equal(copied(x), layer(x))
        with torch.no_grad():
            copied.phases.add_(1.0)
        assert not torch.equal(copied(x), layer(x))

    @pytest.mark.parametrize("backend", [None, "exact", ExactBackend(memory_limit=2**30)])
    def test_pickle_keeps_the_backend(self, layer, backend):
        layer.backend = backend
        assert pickle.loads(pickle.dumps(layer)).backend == layer.backend

    def test_state_dict(self, layer, x):
        other = hq.QuantumLayer(ansatz=ansatz(), dtype=torch.float64)
        assert not torch.equal(other(x), layer(x))
        other.load_state_dict(layer.state_dict())
        assert torch.equal(other(x), layer(x))

    def test_saved_state_loads_without_pickle(self, layer, x):
        file = io.BytesIO()
        torch.save(layer.state_dict(), file)
        file.seek(0)
        other = hq.QuantumLayer(ansatz=ansatz(), dtype=torch.float64)
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(other(x), layer(x))

    def test_a_saved_layer_loads(self, layer, x):
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        assert torch.equal(torch.load(file, weights_only=False)(x), layer(x))

    def test_the_seed_decides_the_phases(self):
        made = []
        for _ in range(2):
            torch.manual_seed(3)
            made.append(hq.QuantumLayer(ansatz=ansatz()))
        assert torch.equal(made[0].phases, made[1].phases)

    def test_to_another_precision(self, layer, x):
        double = layer(x)
        single = layer.float()(x.float())
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)


class TestDerivatives:
    def test_gradcheck(self, layer, x):
        x.requires_grad_()
        phases = layer.phases.detach().requires_grad_()
        assert torch.autograd.gradcheck(lambda f, p: functional_call(layer, {"phases": p}, (f,)), (x, phases))

    def test_bandwidth_tuning_trains_the_scales(self, x):
        layer = hq.QuantumLayer(ansatz=ansatz(use_bandwidth_tuning=True), dtype=torch.float64)
        layer(x).square().sum().backward()
        assert layer.input_scale.grad.all()

    def test_functional_call(self, layer, x):
        doubled = {"phases": 2 * layer.phases.detach()}
        expected = layer(x)
        found = functional_call(layer, doubled, (x,))
        assert not torch.equal(found, expected)
        assert torch.equal(layer(x), expected)

    def test_vmap_over_inputs(self, layer, x):
        torch.testing.assert_close(vmap(layer)(x), layer(x))
        stacked = torch.stack([x, 2 * x], dim=1)
        torch.testing.assert_close(vmap(layer, in_dims=1)(stacked), torch.stack([layer(x), layer(2 * x)]))

    def test_vmap_over_weights(self, layer, x):
        ensemble = torch.stack([layer.phases.detach() + shift for shift in range(3)])
        found = vmap(lambda phases: functional_call(layer, {"phases": phases}, (x,)))(ensemble)
        expected = [functional_call(layer, {"phases": phases}, (x,)) for phases in ensemble]
        torch.testing.assert_close(found, torch.stack(expected))

    def test_vmap_over_inputs_and_weights(self, layer, x):
        ensemble = torch.stack([layer.phases.detach() + shift for shift in range(5)])
        found = vmap(lambda phases, row: functional_call(layer, {"phases": phases}, (row,)))(ensemble, x)
        expected = [functional_call(layer, {"phases": p}, (row,)) for p, row in zip(ensemble, x, strict=True)]
        torch.testing.assert_close(found, torch.stack(expected))

    def test_vmap_over_nothing(self, layer, x):
        ensemble = layer.phases.detach().repeat(5, 1)

        def call(phases, features):
            return functional_call(layer, {"phases": phases}, (features,))

        assert vmap(layer)(x[:0]).shape == (0, 4)
        assert vmap(layer, in_dims=1)(x[:, None][:, :0]).shape == (0, 5, 4)
        assert vmap(call, in_dims=(0, None))(ensemble[:0], x).shape == (0, 5, 4)
        assert vmap(call)(ensemble[:0], x[:0]).shape == (0, 4)
        assert vmap(grad(lambda p, f: call(p, f).sum()), in_dims=(None, 0))(ensemble[0], x[:0]).shape == (0, 32)

    @pytest.mark.parametrize("create_graph", [False, True])
    def test_batched_cotangents_are_refused(self, layer, x, create_graph):
        layer.output_map = None
        values = layer(x[0])
        cotangents = torch.eye(len(values), dtype=values.dtype)
        with pytest.raises(hq.GradientError, match=r"is_grads_batched=True.*jacrev"):
            torch.autograd.grad(values, layer.phases, cotangents, is_grads_batched=True, create_graph=create_graph)

    def test_grad_equals_backward(self, layer, x):
        layer(x).square().sum().backward()
        phases = layer.phases.detach()
        found = grad(lambda p: functional_call(layer, {"phases": p}, (x,)).square().sum())(phases)
        torch.testing.assert_close(found, layer.phases.grad)

    def test_jacrev(self, layer, x):
        jacobian = jacrev(layer)(x[0])
        assert jacobian.shape == (4, 3)
        for output, row in enumerate(jacobian):
            features = x[0].clone().requires_grad_()
            layer(features)[output].backward()
            torch.testing.assert_close(row, features.grad)

    def test_gradients_of_each_sample(self, layer, x):
        def loss(phases, row):
            return functional_call(layer, {"phases": phases}, (row,)).square().sum()

        found = vmap(grad(loss), in_dims=(None, 0))(layer.phases.detach(), x)
        expected = [grad(loss)(layer.phases.detach(), row) for row in x]
        torch.testing.assert_close(found, torch.stack(expected))

    @pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own
    @pytest.mark.parametrize("differentiate", [jacfwd, lambda f: lambda x: jvp(f, (x,), (x,))])
    def test_forward_mode_is_refused(self, layer, x, differentiate):
        with pytest.raises(hq.GradientError, match="not in forward mode"):
            differentiate(layer)(x)

    def test_dual_numbers_are_refused(self, layer, x):
        with forward_ad.dual_level(), pytest.raises(hq.GradientError, match="not in forward mode"):
            layer(forward_ad.make_dual(x, torch.ones_like(x)))

    @pytest.mark.parametrize("wanted", ["inputs", "phases"])
    def test_second_derivatives_are_refused(self, layer, x, wanted):
        variable = x.requires_grad_() if wanted == "inputs" else layer.phases
        (first,) = torch.autograd.grad(layer(x).square().sum(), variable, create_graph=True)
        with pytest.raises(hq.GradientError, match="cannot be differentiated twice"):
            first.square().sum().backward()

    def test_second_derivatives_are_refused_under_torch_func(self, layer, x):
        with pytest.raises(hq.GradientError, match="cannot be differentiated twice"):
            grad(lambda f: grad(lambda g: layer(g).square().sum())(f).square().sum())(x)

    @pytest.mark.parametrize("use_reentrant", [False, True])
    def test_checkpoint(self, layer, x, use_reentrant):
        x.requires_grad_()
        layer(x).square().sum().backward()
        expected = [layer.phases.grad.clone(), x.grad.clone()]
        layer.zero_grad()
        x.grad = None
        checkpoint(layer, x, use_reentrant=use_reentrant).square().sum().backward()
        assert torch.equal(layer.phases.grad, expected[0])
        assert torch.equal(x.grad, expected[1])

    def test_autocast(self):
        torch.manual_seed(0)
        layer = hq.QuantumLayer(ansatz=ansatz())
        pre = torch.nn.Linear(6, 3)
        data = torch.rand(5, 6)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = pre(data)
            assert hidden.dtype == torch.bfloat16
            values = layer(hidden)
        values.float().square().sum().backward()
        assert layer.phases.grad.dtype == torch.float32
        assert pre.weight.grad.any()

    def test_autocast_leaves_the_circuit_in_full_precision(self):
        layer = hq.QuantumLayer(program=plain_program())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = layer()
        assert torch.equal(inside, layer())

    def test_retained_graph(self, layer, x):
        loss = layer(x).square().sum()
        loss.backward(retain_graph=True)
        once = layer.phases.grad.clone()
        loss.backward()
        torch.testing.assert_close(layer.phases.grad, 2 * once)

    def test_frozen_phases_cost_no_derivative(self, layer, x):
        layer.requires_grad_(False)
        layer.backend = WithoutDerivatives()
        assert not layer(x).requires_grad

    def test_a_backend_without_derivatives_says_so_before_it_is_asked(self, layer, x):
        layer.backend, layer.gradient = WithoutDerivatives(), "adjoint"
        with pytest.raises(hq.GradientError, match="use 'parameter_shift'"):
            layer(x)
        assert not layer.backend.requests
        with torch.no_grad():
            assert layer(x).shape == (5, 4)


class TestBackends:
    def test_use_backend_reaches_every_layer(self, x):
        model = torch.nn.Sequential(
            hq.QuantumLayer(ansatz=ansatz(3, 3)), torch.nn.Sequential(hq.QuantumLayer(ansatz=ansatz(3, 2)))
        )
        counting = Counting()
        assert hq.use_backend(model, counting) is model
        model(x.float()).sum().backward()
        assert len(counting.requests) == 2

    def test_use_backend_takes_options(self, layer):
        hq.use_backend(layer, "exact", memory_limit=2**30)
        assert layer.backend == ExactBackend(memory_limit=2**30)

    def test_use_backend_needs_a_quantum_layer(self):
        with pytest.raises(hq.ConfigurationError, match="Linear has no QuantumLayer"):
            hq.use_backend(torch.nn.Linear(1, 1), "exact")

    def test_default_backend_is_for_layers_that_name_none(self, layer, x):
        counting = Counting()
        with hq.default_backend(counting):
            layer(x)
            hq.QuantumLayer(ansatz=ansatz(), backend="exact")(x.float())
        layer(x)
        assert len(counting.requests) == 1

    def test_the_backward_pass_asks_who_answered(self, layer, x):
        # peers freeze weights at the first call
        counting = Counting()
        layer.backend = counting
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
        for _ in range(2):
            optimizer.zero_grad()
            layer(x).square().sum().backward()
            optimizer.step()
        first, second = counting.requests
        assert not torch.equal(first.weights, second.weights)

    def test_threads_share_a_layer(self, layer, x):
        batches = [(index + 1) * x / 8 for index in range(8)]
        expected = [layer(batch).detach() for batch in batches]
        ready = threading.Barrier(4)

        def work(first):
            ready.wait()
            for index in [*range(first, 8), *range(first)] * 3:
                features = batches[index].clone().requires_grad_()
                values = layer(features)
                (by_features,) = torch.autograd.grad(values.square().sum(), features)
                assert torch.equal(values, expected[index])
                assert by_features.any()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, [0, 2, 4, 6]))


class TestRefusals:
    @pytest.mark.parametrize("shape", [(5, 2), (5, 4), (2, 5, 3), (), (5,)])
    def test_shape(self, layer, shape):
        with pytest.raises(hq.RequestError, match=r"this layer takes \(B, 3\) or \(3,\), got shape"):
            layer(torch.rand(shape))

    @pytest.mark.parametrize(
        ("features", "message"),
        [
            ("a", "features are a torch tensor"),
            (np.zeros((2, 3)), "features are a torch tensor, got .* of type ndarray; pass torch.as_tensor"),
            ([[0.0, 0.0, 0.0]], "features are a torch tensor"),
            (torch.zeros(2, 3).to_sparse(), "dense tensor"),
        ],
    )
    def test_what_is_no_dense_tensor(self, layer, features, message):
        with pytest.raises(hq.RequestError, match=message):
            layer(features)

    def test_missing_features(self, layer):
        with pytest.raises(hq.RequestError, match="got shape"):
            layer()

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_not_finite(self, layer, x, value):
        x[3, 1] = value
        with pytest.raises(hq.RequestError, match=r"input 'x1' is -?(nan|inf) in row 3"):
            layer(x)

    def test_weights_that_are_not_finite(self, layer, x):
        with torch.no_grad():
            layer.phases[2] = torch.nan
        with pytest.raises(hq.RequestError, match="weight 'phi0_2' is nan"):
            layer(x)

    def test_higher_precision(self, x):
        with pytest.raises(hq.RequestError, match=r"computes in torch\.float32, the features are torch\.float64"):
            hq.QuantumLayer(ansatz=ansatz())(x)

    def test_complex_features(self, layer):
        with pytest.raises(hq.RequestError, match="complex128"):
            layer(torch.ones(2, 3, dtype=torch.complex128))

    def test_a_layer_in_half_precision(self, layer, x):
        layer.half()
        layer.output_map = None
        with pytest.raises(hq.RequestError, match="float32 or both float64"):
            layer(x.half())

    def test_another_device(self, layer, x):
        with pytest.raises(hq.RequestError, match="move one"):
            layer(x.to("meta"))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({}, "exactly one of"),
            ({"ansatz": ansatz(), "program": plain_program()}, "leave program out"),
            ({"ansatz": ansatz(), "measurement_strategy": hq.ModeExpectations()}, "leave measurement_strategy out"),
            ({"ansatz": ansatz(), "input_state": (1, 0, 0), "n_photons": 1}, "leave input_state, n_photons out"),
            ({"ansatz": ansatz(), "input_size": 4}, "takes 3 features, not input_size=4"),
            ({"ansatz": ansatz(), "gradient": "magic"}, "no gradient method is called 'magic'"),
            ({"ansatz": ansatz(), "gradient": 5}, "no gradient method is called 5"),
            ({"ansatz": plain_program()}, "give a Program as program="),
            ({"ansatz": "x"}, "ansatz is of type Ansatz"),
            ({"program": "x"}, "program is of type Program"),
            ({"builder": 5, "n_photons": 1}, "builder is of type CircuitBuilder"),
            ({"builder": hq.CircuitBuilder(2), "n_photons": 1.0}, "n_photons is a whole number"),
            ({"builder": hq.CircuitBuilder(2), "input_state": 5}, "input_state is a list"),
            ({"builder": hq.CircuitBuilder(2), "input_state": ("a", 0)}, "input_state is a whole number"),
            ({"ansatz": ansatz(), "dtype": torch.int32}, "dtype is one of torch.float32, torch.float64"),
            ({"ansatz": ansatz(), "dtype": "float32"}, "dtype is one of"),
            ({"ansatz": ansatz(), "shots": 0}, "shots.*at least 1"),
            ({"ansatz": ansatz(), "shots": "a"}, "shots.*is a whole number"),
            ({"ansatz": ansatz(), "input_size": "3"}, "input_size is a whole number"),
            ({"program": plain_program(), "n_photons": 2}, "input state and readout already"),
            ({"program": plain_program(), "trainable_parameters": ["w"]}, "Perceval circuit only"),
            ({"ansatz": ansatz(), "backend": {"memory_limit": 3}}, "key 'name'"),
            ({"ansatz": ansatz(), "backend": 3}, "is a name, a URI, a table or a Backend"),
        ],
    )
    def test_arguments(self, arguments, message):
        with pytest.raises(hq.ConfigurationError, match=message):
            hq.QuantumLayer(**arguments)

    def test_an_unknown_backend(self):
        with pytest.raises(hq.UnknownBackendError, match=r"no backend is called 'exakt'; installed: .*exact"):
            hq.QuantumLayer(ansatz=ansatz(), backend="exakt")

    def test_shots_from_an_exact_backend(self, x):
        layer = hq.QuantumLayer(ansatz=ansatz(), shots=100)
        with pytest.raises(hq.CapabilityError, match="only exact values"):
            layer(x.float())


def test_a_request_is_what_a_call_asks_for():
    layer = hq.QuantumLayer(program=hq.Experiment(n_modes=4, n_photons=2).program(2), backend="sampling", shots=500)
    torch.manual_seed(3)
    values = layer(torch.tensor([0.2, 0.4]))
    torch.manual_seed(3)
    with hq.record_provenance() as record:
        layer(torch.tensor([0.2, 0.4]))
    result = layer.backend.evaluate(layer.request(torch.tensor([0.2, 0.4]), seed=record.evaluations[0].seed))
    assert torch.equal(result.values[0], values)
    assert result.standard_errors.shape == (1, 10)
    assert not layer.request(torch.rand(1, 2)).weights.requires_grad
