"""Quantum layers side by side: at the same time, and otherwise as one after the other."""

import copy
import pickle
import threading

import pytest
import torch
from hqdist_exact import ExactBackend
from hqdist_sampling import SamplingBackend

import hqdist as hq
from hqdist.rpc import BackgroundWorker

UNBUNCHED = hq.ComputationSpace.UNBUNCHED


def layers(count=3, **options):
    """Layers that differ in what torch does around their circuits."""
    torch.manual_seed(0)
    made = []
    for number in range(count):
        experiment = hq.Experiment(
            n_modes=3, n_photons=2, use_bandwidth_tuning=number % 2 == 1, computation_space=UNBUNCHED
        )
        ansatz = hq.AnsatzFactory.create(experiment, input_size=2, output_size=3 if number else None)
        made.append(hq.QuantumLayer(ansatz=ansatz, **options))
    return torch.nn.ModuleList(made)


def learned(made, outputs):
    """Outputs and all gradients of a loss in which every output counts."""
    torch.manual_seed(1)
    x = torch.rand(3, 2, requires_grad=True)
    found = outputs(made, torch.sigmoid(3 * x))
    loss = sum((y * torch.linspace(1, 2, y.shape[-1])).square().sum() for y in found)
    gradients = torch.autograd.grad(loss, [x, *made.parameters()])
    return [*found, *gradients]


def in_turn(made, x):
    return [layer(x) for layer in made]


def assert_same_bits(some, others):
    assert len(some) == len(others)
    assert all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


class Meeting(hq.Backend):
    """Goes on only once so many callers are in it together."""

    name = "meeting"
    capabilities = ExactBackend().capabilities

    def __init__(self, callers):
        self.forward, self.backward = threading.Barrier(callers), threading.Barrier(callers)

    def evaluate(self, request):
        self.forward.wait(20)
        return ExactBackend().evaluate(request)

    def vjp(self, request, cotangent):
        self.backward.wait(20)
        return ExactBackend().vjp(request, cotangent)


class ExactElsewhere(ExactBackend):
    """Handed several calls at a time, as backends in other processes are."""

    in_process = False


class SamplingElsewhere(SamplingBackend):
    in_process = False


class TestAtTheSameTime:
    def test_values_and_derivatives(self):
        made = layers(4, backend=Meeting(4))
        assert_same_bits(learned(made, hq.concurrently), learned(layers(4), in_turn))

    def test_on_different_workers(self):
        meeting = Meeting(2)
        with BackgroundWorker(meeting) as one, BackgroundWorker(meeting) as other:
            made = layers(4, backend=f"{one.uri},{other.address}")
            with hq.record_provenance() as record:
                found = learned(made, hq.concurrently)
            who = [provenance.worker for provenance in record.evaluations]
        assert len(who) == 8  # four forward, four backward
        assert len(set(who)) == 2
        assert_same_bits(found, learned(layers(4), in_turn))

    def test_some_here_and_some_elsewhere(self):
        made, meeting = layers(4, backend="exact"), Meeting(2)
        made[1].backend = made[3].backend = meeting
        assert_same_bits(learned(made, hq.concurrently), learned(layers(4), in_turn))

    def test_this_process_is_not_handed_several_at_a_time(self):
        class Here(Counting):
            in_process = True

            def evaluate(self, request):
                self.threads = threading.current_thread()
                return super().evaluate(request)

        here = Here()
        hq.concurrently(layers(backend=here), torch.rand(3, 2))
        assert here.threads is threading.current_thread()


class TestAsInTurn:
    def test_on_every_backend(self, any_backend):
        made = layers(backend=any_backend)
        assert_same_bits(learned(made, hq.concurrently), learned(made, in_turn))

    @pytest.mark.parametrize("gradient", ["adjoint", "parameter_shift", "spsa", "surrogate"])
    def test_with_every_gradient_method(self, gradient):
        made = layers(backend=ExactElsewhere(), gradient=gradient)
        assert_same_bits(learned(made, hq.concurrently), learned(made, in_turn))

    @pytest.mark.parametrize("gradient", ["parameter_shift", "spsa", "surrogate"])
    def test_with_every_gradient_method_from_shots(self, gradient):
        made = layers(backend=SamplingElsewhere(shots=100), gradient=gradient)
        assert_same_bits(learned(made, hq.concurrently), learned(made, in_turn))

    def test_a_layer_that_comes_twice(self):
        (layer,) = layers(1)
        twice = torch.nn.ModuleList([layer])
        assert_same_bits(
            learned(twice, lambda made, x: hq.concurrently([made[0], made[0]], x, x * 0.5)),
            learned(twice, lambda made, x: [made[0](x), made[0](x * 0.5)]),
        )

    @pytest.mark.parametrize("shape", [(2,), (1, 2), (0, 2)])
    def test_one_sample_and_none(self, shape):
        made, x = layers(), torch.rand(shape)
        assert_same_bits(hq.concurrently(made, x), in_turn(made, x))

    def test_under_autocast(self):
        def lower(outputs):
            def within(made, x):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    return outputs(made, x)

            return within

        made = layers()
        assert_same_bits(learned(made, lower(hq.concurrently)), learned(made, lower(in_turn)))

    def test_under_transforms(self):
        made, x = layers(), torch.rand(4, 2)

        def total(outputs, parameters, x):
            found = torch.func.functional_call(Joined(made, outputs), parameters, (x,))
            return found.square().sum()

        parameters = {f"layers.{name}": value.detach() for name, value in made.named_parameters()}
        for transform in (torch.func.grad, torch.func.jacrev):
            one = transform(lambda p: total(hq.concurrently, p, x))(parameters)
            other = transform(lambda p: total(in_turn, p, x))(parameters)
            assert_same_bits(list(one.values()), list(other.values()))
        assert_same_bits(
            torch.func.vmap(lambda row: tuple(hq.concurrently(made, row)))(x),
            torch.func.vmap(lambda row: tuple(in_turn(made, row)))(x),
        )

    def test_what_torch_and_others_hang_on_layers_is_called(self):
        made, seen = layers(), []
        made[1].register_forward_hook(lambda layer, inputs, output: seen.append(layer))
        hq.concurrently(made, torch.rand(3, 2))
        assert seen == [made[1]]

    def test_a_forward_of_its_own_is_called(self):
        class Doubled(hq.QuantumLayer):
            def forward(self, x):
                return 2 * super().forward(x)

        layer = Doubled(program=hq.Experiment(n_modes=4, n_photons=2).program(2))
        x = torch.rand(3, 2)
        assert_same_bits(hq.concurrently([layer, layer], x), [layer(x), layer(x)])


class Joined(torch.nn.Module):
    def __init__(self, made, outputs):
        super().__init__()
        self.layers, self.outputs = made, outputs

    def forward(self, x):
        return torch.cat(self.outputs(self.layers, x), dim=-1)


class Counting(hq.Backend):
    name = "counting"
    capabilities = ExactBackend().capabilities

    def __init__(self):
        self.asked, self.pulled = [], []

    def evaluate(self, request):
        self.asked.append(request)
        return ExactBackend().evaluate(request)

    def vjp(self, request, cotangent):
        self.pulled.append(request)
        return ExactBackend().vjp(request, cotangent)


def test_what_no_loss_depends_on_is_not_differentiated():
    counting = Counting()
    hq.concurrently(layers(backend=counting), torch.rand(3, 2))[1].sum().backward()
    assert len(counting.asked) == 3
    assert len(counting.pulled) == 1


def test_contexts_reach_the_threads():
    counting = Counting()
    with hq.default_backend(counting), hq.record_provenance() as record:
        hq.concurrently(layers(), torch.rand(3, 2))[0].sum().backward()
    assert len(counting.asked) == 3
    assert len(record.evaluations) == 4


def test_an_estimate_counts_them_all():
    side_by_side = hq.ConcurrentLayers(layers(backend=hq.backend("sampling", shots=10)))
    model = torch.nn.Sequential(torch.nn.Sigmoid(), side_by_side)
    assert hq.estimate(model, torch.rand(5, 2), training=False).forward.shots == 3 * 5 * 10


class Failing(Counting):
    def evaluate(self, request):
        super().evaluate(request)
        raise hq.JobFailedError(f"sample of {request.program.digest}")


def test_the_first_error_is_raised_as_it_is_once_all_have_ended():
    made = layers(4, backend="exact")
    failing, here = Failing(), Failing()
    here.in_process = True
    made[0].backend = made[2].backend = failing
    made[3].backend = here
    with pytest.raises(hq.JobFailedError, match=made[0].program.digest):
        hq.concurrently(made, torch.rand(3, 2))
    assert (len(failing.asked), len(here.asked)) == (2, 1)


def test_errors_of_the_backward_pass_are_raised_too():
    class FailingBack(Counting):
        def vjp(self, request, cotangent):
            raise hq.WorkerUnavailableError("gone")

    found = hq.concurrently(layers(backend=FailingBack()), torch.rand(3, 2))
    with pytest.raises(hq.WorkerUnavailableError, match="gone"):
        sum(y.sum() for y in found).backward()


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own
def test_differentiating_twice_and_forwards_is_refused():
    made, x = layers(), torch.rand(3, 2, requires_grad=True)
    (first,) = torch.autograd.grad(hq.concurrently(made, x)[0].square().sum(), x, create_graph=True)
    with pytest.raises(hq.GradientError, match="twice"):
        first.sum().backward()
    with pytest.raises(hq.GradientError, match="forward mode"):
        torch.func.jvp(lambda x: hq.concurrently(made, x)[0], (x,), (x,))


class TestTheModule:
    def test_outputs_are_joined(self):
        made, x = layers(), torch.rand(3, 2)
        side_by_side = hq.ConcurrentLayers(made)
        assert side_by_side.output_size == sum(layer.output_size for layer in made)
        assert torch.equal(side_by_side(x), torch.cat(in_turn(made, x), dim=-1))

    def test_each_may_have_features_of_its_own(self):
        made, each = layers(), [torch.rand(3, 2) for _ in range(3)]
        expected = torch.cat([layer(x) for layer, x in zip(made, each, strict=True)], dim=-1)
        assert torch.equal(hq.ConcurrentLayers(made)(*each), expected)

    def test_it_pickles_copies_and_saves(self):
        side_by_side, x = hq.ConcurrentLayers(layers()), torch.rand(3, 2)
        for other in (pickle.loads(pickle.dumps(side_by_side)), copy.deepcopy(side_by_side)):
            assert torch.equal(other(x), side_by_side(x))
        other = hq.ConcurrentLayers(layers())
        other.load_state_dict(side_by_side.state_dict())
        assert torch.equal(other(x), side_by_side(x))

    def test_what_cannot_be_is_refused(self):
        with pytest.raises(hq.ConfigurationError, match="not Linear"):
            hq.ConcurrentLayers([torch.nn.Linear(2, 2)])
        with pytest.raises(hq.ConfigurationError, match="at least one"):
            hq.ConcurrentLayers([])
        with pytest.raises(hq.RequestError, match="or 3; got 2"):
            hq.ConcurrentLayers(layers())(torch.rand(3, 2), torch.rand(3, 2))
