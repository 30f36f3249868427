"""How a quantum layer's node in the autograd graph asks a backend for derivatives."""

import pytest
import torch
from hqdist_exact import ExactBackend

from hqdist import (
    SPSA,
    Adjoint,
    Backend,
    ConfigurationError,
    Experiment,
    GradientError,
    GradientMethod,
    ParameterShift,
    Surrogate,
)
from hqdist.gradient import GRADIENTS, Cost, Evaluation, Wanted, choose


class Scripted(Backend):
    """The exact backend, which notes what it is asked for."""

    name = "scripted"

    def __init__(self):
        self.asked = []

    @property
    def capabilities(self):
        return ExactBackend().capabilities

    def evaluate(self, request):
        self.asked.append("evaluate")
        return ExactBackend().evaluate(request)

    def vjp(self, request, cotangent):
        self.asked.append("vjp")
        return ExactBackend().vjp(request, cotangent)


class Doubled(GradientMethod):
    """A method of somebody else: twice the derivative."""

    name = "doubled"

    def pull_back(self, backend, request, cotangent, wanted):
        return ExactBackend().vjp(request, 2 * cotangent)

    def cost(self, backend, request, wanted):
        return Cost(evaluations=2)


@pytest.fixture
def numbers():
    generator = torch.Generator().manual_seed(0)
    program = Experiment(n_modes=3, n_photons=2).program(2)
    inputs = torch.rand(4, 2, dtype=torch.float64, generator=generator)
    weights = torch.rand(len(program.weights), dtype=torch.float64, generator=generator)
    return program, inputs, weights.requires_grad_()


def test_a_derivative_is_asked_for_only_when_it_is_needed(numbers):
    program, inputs, weights = numbers
    backend = Scripted()
    evaluation = Evaluation(program=program, backend=backend)
    evaluation(inputs, weights.detach())
    with torch.no_grad():
        evaluation(inputs, weights)
    assert backend.asked == ["evaluate", "evaluate"]
    evaluation(inputs, weights).sum().backward()
    assert backend.asked[2:] == ["evaluate", "vjp"]


def test_the_adjoint_costs_one_call(numbers):
    program, inputs, weights = numbers
    backend = Scripted()
    request = Evaluation(program=program, backend=backend).request(inputs, weights)
    Adjoint().pull_back(backend, request, torch.ones(4, program.outputs, dtype=torch.float64), Wanted())
    assert backend.asked == ["vjp"]
    assert Adjoint().cost(backend, request, Wanted()) == Cost(evaluations=4, calls=1)


def test_any_method_can_be_given(numbers):
    program, inputs, weights = numbers
    gradients = []
    for method in (Adjoint(), "adjoint", "auto", Doubled()):
        values = Evaluation(program=program, backend=ExactBackend(), gradient=method)(inputs, weights)
        gradients.append(torch.autograd.grad(values[:, 0].sum(), weights)[0])
    assert torch.equal(gradients[0], gradients[1])
    assert torch.equal(gradients[0], gradients[2])
    torch.testing.assert_close(gradients[3], 2 * gradients[0])


def test_weights_changed_between_forward_and_backward_are_noticed(numbers):
    program, inputs, weights = numbers
    loss = Evaluation(program=program, backend=ExactBackend())(inputs, weights).square().sum()
    with torch.no_grad():
        weights.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_cotangent_that_is_a_view_is_understood(numbers):
    program, inputs, weights = numbers
    evaluation = Evaluation(program=program, backend=ExactBackend())
    (expanded,) = torch.autograd.grad(evaluation(inputs, weights)[:, 1].sum(), weights)
    (transposed,) = torch.autograd.grad(evaluation(inputs, weights).T[1].sum(), weights)
    torch.testing.assert_close(expanded, transposed)


class TestChoice:
    def test_names(self):
        assert GRADIENTS[0] == "auto"
        assert isinstance(choose("auto", ExactBackend()), Adjoint)
        assert isinstance(choose("adjoint", ExactBackend()), Adjoint)

    def test_a_method_is_taken_as_it_is(self):
        method = Doubled()
        assert choose(method, ExactBackend()) is method

    def test_every_method_has_a_name_and_a_table(self):
        assert choose("parameter_shift", ExactBackend()) == ParameterShift()
        assert choose("surrogate", ExactBackend()) == Surrogate()
        assert choose({"name": "surrogate", "simulator": "exact"}, ExactBackend()) == Surrogate("exact")
        assert choose({"name": "spsa", "step": 0.2}, ExactBackend()) == SPSA(step=0.2)
        assert isinstance(choose({"name": "auto"}, ExactBackend()), Adjoint)

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"step": 0.2}, "has the key 'name'"),
            ({"name": "spas"}, "no gradient method is called 'spas'"),
            ({"name": ["spsa"]}, "no gradient method is called"),
            ({"name": "spsa", "stepp": 0.2}, "'spsa' has no option stepp; its options: step, repetitions"),
            ({"name": "parameter_shift", "step": 1}, "'parameter_shift' has no option step; its options: none"),
            ({"name": "adjoint", "step": 1}, "'adjoint' has no option step; its options: none"),
            ({"name": "auto", "step": 1}, "'auto' has no option step; its options: none"),
        ],
    )
    def test_a_table_that_says_nothing_known(self, table, message):
        with pytest.raises(ConfigurationError, match=message):
            choose(table, ExactBackend())

    def test_an_unknown_name(self):
        with pytest.raises(ConfigurationError, match="no gradient method is called 'finite'; choose one of auto"):
            choose("finite", ExactBackend())

    def test_an_adjoint_that_is_not_offered(self):
        class Plain(Scripted):
            name = "plain"
            vjp = Backend.vjp

            @property
            def capabilities(self):
                from dataclasses import replace

                return replace(super().capabilities, adjoint=False)

        for method in ("adjoint", Adjoint()):
            with pytest.raises(GradientError, match="backend 'plain' offers no adjoint gradient"):
                choose(method, Plain())
        with pytest.raises(GradientError, match="choose another gradient method"):
            Plain().vjp(None, None)
        assert choose("auto", Plain()) == ParameterShift()
