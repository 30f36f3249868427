"""The photonic parameter-shift rule: exact without shots, unbiased and as noisy as the formula says with them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from devices import EXACT, SPACES, Device, Imperfect
from hqdist_exact import ExactBackend
from hqdist_sampling import SamplingBackend
from torch.func import functional_call, jacrev, vmap
from torch.utils.checkpoint import checkpoint

import hqdist as hq
from hqdist.gradient import Cost, Wanted
from hqdist.gradient.shift_rule import rule, weighted_shots
from hqdist.testing.circuits import INPUT_STATES, random_program, random_request, readouts
from hqdist.testing.gradients import random_cotangent
from hqdist.testing.reference import as_array

SHIFT = hq.ParameterShift()
UNBUNCHED = hq.Probabilities(SPACES[1])


def close(found, expected, tolerance=1e-10):
    torch.testing.assert_close(found.weights, expected.weights, rtol=0, atol=tolerance)
    torch.testing.assert_close(found.inputs, expected.inputs, rtol=0, atol=tolerance)


def some_request(readout=None, batch=3, light=(1, 0, 1, 0), seed=0, **options):
    rng = np.random.default_rng(seed)
    return random_request(rng, random_program(rng, light, readout), batch, **options)


class TestRule:
    def test_two_photons(self):
        two = rule(2)
        np.testing.assert_allclose(two.coefficients, [0.85355, -0.14645, 0.14645, -0.85355], atol=5e-6)
        np.testing.assert_allclose(two.shifts, np.pi * np.array([1, 3, 5, 7]) / 4)

    @pytest.mark.parametrize("degree", range(1, 9))
    @pytest.mark.parametrize("frequency", [1.0, 0.5])
    def test_it_differentiates_every_trigonometric_polynomial(self, degree, frequency):
        rng = np.random.default_rng(degree)
        waves, angle = np.arange(degree + 1) * frequency, 0.7
        cos, sin = rng.normal(size=(2, degree + 1))
        r = rule(degree, frequency)
        shifted = [cos @ np.cos(waves * t) + sin @ np.sin(waves * t) for t in angle + np.array(r.shifts)]
        expected = waves @ (sin * np.cos(waves * angle) - cos * np.sin(waves * angle))
        assert np.dot(r.coefficients, shifted) == pytest.approx(expected, abs=1e-12)
        assert np.abs(r.coefficients).sum() == pytest.approx(degree * frequency)

    @pytest.mark.parametrize("degree", [1, 2, 3, 7])
    @pytest.mark.parametrize("shots", [1, 2, 10, 1000])
    def test_shots_follow_the_coefficients(self, degree, shots):
        r = rule(degree)
        given = weighted_shots(r.coefficients, shots)
        assert sum(given) == 2 * degree * shots
        assert min(given) >= 1
        if shots == 1000:
            np.testing.assert_allclose(given, 2 * shots * np.abs(r.coefficients), atol=1)

    def test_large_numbers_of_shots(self):
        for shots in (10**9, 10**12, 10**17):
            assert sum(weighted_shots(rule(5).coefficients, shots)) == 10 * shots

    def test_shots_stay_within_what_a_backend_takes(self):
        given = weighted_shots(rule(3).coefficients, 100, 120)
        assert sum(given) == 600
        assert max(given) == 120


@pytest.mark.parametrize("light", INPUT_STATES[:-1], ids=str)
def test_it_equals_the_adjoint_on_every_readout_and_element(light):
    device = Device()
    for number, readout in enumerate(readouts(device, light)):
        request = some_request(readout, light=light, seed=number, batch=2)
        if request.program.complex_valued:
            continue
        cotangent = random_cotangent(request)
        close(SHIFT.pull_back(device, request, cotangent, Wanted()), EXACT.vjp(request, cotangent))


@pytest.mark.parametrize("readout", [hq.Probabilities(space) for space in SPACES], ids=repr)
def test_single_precision(readout):
    request = some_request(readout)
    cotangent = random_cotangent(request)
    single = replace(request, weights=request.weights.float(), inputs=request.inputs.float())
    found = SHIFT.pull_back(Device(), single, cotangent.float(), Wanted())
    expected = EXACT.vjp(request, cotangent)
    assert found.weights.dtype == found.inputs.dtype == torch.float32
    torch.testing.assert_close(found.weights.double(), expected.weights, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.inputs.double(), expected.inputs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "noise",
    [
        hq.Noise(brightness=0.7, g2=0.2, g2_distinguishable=False),
        hq.Noise(brightness=0.7, g2=0.2, g2_distinguishable=False, detectors=hq.Detectors.THRESHOLD),
    ],
    ids=["pnr", "threshold"],
)
@pytest.mark.parametrize("readout", [hq.Probabilities(), hq.ModeExpectations()], ids=repr)
def test_imperfect_devices(noise, readout):
    """Against five-point differences of the device itself."""
    device = Imperfect(noise)
    elements = (
        hq.BeamSplitter((0, 1), hq.parameter("a")),
        hq.PhaseShifter(1, hq.parameter("b")),
        hq.BeamSplitter((1, 2), 1.2 + 0.7 * hq.parameter("b")),
        hq.PhaseShifter(1, hq.parameter("x")),
        hq.BeamSplitter((0, 1), 0.9),
    )
    program = hq.Program(3, (1, 1, 0), elements, ("a", "b"), ("x",), readout)
    point = torch.tensor([0.4, 1.1, 0.3], dtype=torch.float64)

    def at(numbers):
        return hq.Request(program=program, weights=numbers[:2], inputs=numbers[None, 2:])

    cotangent = random_cotangent(at(point))

    def loss(numbers):
        return float((cotangent * device.evaluate(at(numbers)).values).sum())

    found = SHIFT.pull_back(device, at(point), cotangent, Wanted())
    for index, derivative in enumerate([*found.weights.tolist(), *found.inputs[0].tolist()]):
        step = torch.zeros(3, dtype=torch.float64)
        step[index] = 2e-3
        near, far = loss(point + step) - loss(point - step), loss(point + 2 * step) - loss(point - 2 * step)
        assert derivative == pytest.approx((8 * near - far) / (12 * 2e-3), abs=1e-9)


class TestCost:
    @pytest.mark.parametrize("shots", [None, 7, (3, 1, 50)])
    @pytest.mark.parametrize("wanted", [Wanted(), Wanted(inputs=False), Wanted(weights=False)], ids=str)
    @pytest.mark.parametrize("most", [None, 100, 5])
    def test_is_what_the_backend_receives(self, shots, wanted, most):
        device, request = Device(max_batch=most), some_request(shots=shots, seed=1)
        SHIFT.pull_back(device, replace(request, seed=5), random_cotangent(request), wanted)
        assert SHIFT.cost(device, request, wanted) == Cost(
            evaluations=sum(asked.batch for asked in device.requests),
            shots=sum(asked.total_shots for asked in device.requests),
            calls=len(device.requests),
        )

    def test_a_batch_is_one_request(self):
        device, request = Device(), some_request(batch=20)
        SHIFT.pull_back(device, request, random_cotangent(request), Wanted())
        assert len(device.requests) == 1

    def test_of_a_layer_of_ansatz(self):
        """2 d for each phase: none for the last column's, which nothing mixes any more."""
        program = hq.Program(3, (1, 1, 0), hq.interferometer(range(3), "w"), tuple(f"w{i}" for i in range(9)))
        request = hq.Request(program=program, weights=torch.zeros(9), inputs=torch.zeros(1, 0))
        # w0 and w2 between the splitters of MZIs, w1 and w3 after them; w5 to w8 see no mixing afterwards
        assert SHIFT.cost(Device(), request, Wanted()).evaluations == 4 * 5
        single = replace(request, program=replace(program, readout=hq.ModeExpectations()))
        assert SHIFT.cost(Device(), single, Wanted()).evaluations == 2 * 5

    def test_an_encoded_phase_next_to_a_trained_one_costs_nothing(self):
        elements = (
            hq.BeamSplitter((0, 1), 1.1),
            hq.PhaseShifter(0, 2 * hq.parameter("w")),
            hq.PhaseShifter(0, hq.parameter("x") + 3 * hq.parameter("w")),
            hq.BeamSplitter((0, 1), 0.8),
        )
        program = hq.Program(2, (1, 1), elements, ("w",), ("x",))
        request = random_request(np.random.default_rng(0), program, 2)
        cotangent = random_cotangent(request)
        for wanted in (Wanted(), Wanted(weights=False), Wanted(inputs=False)):
            assert SHIFT.cost(Device(), request, wanted).evaluations == 2 * 4
        close(SHIFT.pull_back(Device(), request, cotangent, Wanted()), EXACT.vjp(request, cotangent))

    def test_what_nobody_wants_is_not_evaluated(self):
        device, request = Device(), some_request()
        found = SHIFT.pull_back(device, request, random_cotangent(request), Wanted(weights=False, inputs=False))
        assert not device.requests
        assert not found.weights.any()
        assert not found.inputs.any()

    def test_only_inputs(self):
        request = some_request(hq.Probabilities(hq.ComputationSpace.UNBUNCHED))
        cotangent = random_cotangent(request)
        found = SHIFT.pull_back(Device(), request, cotangent, Wanted(weights=False))
        torch.testing.assert_close(found.inputs, EXACT.vjp(request, cotangent).inputs, rtol=0, atol=1e-10)
        assert not found.weights.any()

    def test_an_empty_batch_costs_nothing(self):
        device, request = Device(), some_request(batch=0, shots=10, seed=3)
        found = SHIFT.pull_back(device, request, random_cotangent(request), Wanted())
        assert found.inputs.shape == request.inputs.shape
        assert not found.weights.any()
        assert not device.requests


@pytest.mark.parametrize("light", [(0, 0), (1,)])
def test_programs_in_which_nothing_varies(light):
    request = some_request(light=light)
    found = SHIFT.pull_back(Device(), request, random_cotangent(request), Wanted())
    assert not found.weights.any()
    assert not found.inputs.any()


def test_amplitudes_are_refused_before_anything_is_evaluated():
    device, request = Device(), some_request(hq.Amplitudes())
    for refused in (
        lambda: SHIFT.evaluate(device, request, Wanted()),
        lambda: SHIFT.cost(device, request, Wanted()),
        lambda: SHIFT.pull_back(device, request, random_cotangent(request), Wanted()),
    ):
        with pytest.raises(hq.GradientError, match="amplitudes"):
            refused()
    assert not device.requests


def test_shifted_evaluations_that_are_too_much_are_refused_before_the_forward_pass():
    class Small(Device):
        def violations(self, request):
            return super().violations(request) + ["too many inputs"] * (len(request.program.inputs) > 2)

    device = Small()
    with pytest.raises(hq.CapabilityError, match="too many inputs"):
        SHIFT.evaluate(device, some_request(), Wanted())
    assert not device.requests


def test_renormalised_values_without_an_acceptance_are_refused():
    request = some_request(hq.Probabilities(hq.ComputationSpace.UNBUNCHED))

    class Forgetful(Device):
        def evaluate(self, request):
            result = super().evaluate(request)
            return replace(result, acceptance=None) if request.first_row >= self.forgets else result

    for forgets, error, message in ((0, hq.GradientError, "gives no acceptance"), (9, hq.BackendError, "some samples")):
        Forgetful.forgets = forgets
        with pytest.raises(error, match=message):
            SHIFT.pull_back(Forgetful(max_batch=9), request, random_cotangent(request), Wanted())


class TestRandomPhases:
    def test_derivatives_are_those_of_the_mean_over_phases(self):
        device = ExactBackend(noise=hq.Noise(phase_error=0.5))
        request = some_request(batch=1)
        cotangent = random_cotangent(request)
        repeated = replace(request, inputs=request.inputs.expand(2000, -1), seed=1)
        many = cotangent.expand(2000, -1)
        shifted = SHIFT.pull_back(device, repeated, many, Wanted(weights=False)).inputs
        through = device.vjp(repeated, many).inputs
        errors = (shifted.var(dim=0) + through.var(dim=0)).div(2000).sqrt()
        assert ((shifted.mean(dim=0) - through.mean(dim=0)).abs() < 3 * errors).all()

    @pytest.mark.parametrize(
        ("noise", "space"), [(hq.Noise(phase_error=0.1), SPACES[1]), (hq.Noise(phase_error=0.1, g2=0.1), SPACES[0])]
    )
    def test_quotients_of_different_phases_are_refused_before_anything_is_evaluated(self, noise, space):
        device, request = Device(noise=noise), some_request(hq.Probabilities(space))
        with pytest.raises(hq.GradientError, match="random phases"):
            SHIFT.evaluate(device, request, Wanted())
        assert not device.requests


def test_shifted_evaluations_without_an_accepted_shot_say_whose_they_are():
    program = hq.Program(2, (1, 1), (hq.BeamSplitter((0, 1), hq.parameter("a")),), ("a",), (), UNBUNCHED)
    backend = SamplingBackend(noise=hq.Noise(transmittance=0.3))
    request = hq.Request(program=program, weights=torch.zeros(1), inputs=torch.empty(40, 0), shots=2, seed=0)
    with pytest.raises(hq.PostSelectionError, match="of 4 evaluations for the derivatives of each sample, with 1 to 3"):
        SHIFT.pull_back(backend, request, random_cotangent(request).float(), Wanted())


def test_a_caller_may_write_to_the_values():
    request = some_request(hq.Probabilities(hq.ComputationSpace.UNBUNCHED))
    cotangent = random_cotangent(request)
    result, pull_back = SHIFT.evaluate(Device(), request, Wanted())
    result.values.zero_()
    close(pull_back(cotangent), EXACT.vjp(request, cotangent))


class TestShots:
    readouts = pytest.mark.parametrize("readout", [hq.Probabilities(), hq.ModeExpectations(SPACES[1])], ids=repr)

    def repeated(self, request, cotangent, times=300):
        """Derivatives by weights and inputs in `times` repetitions, (times, T + B F)."""
        rows = []
        for seed in range(times):
            _, pull_back = SHIFT.evaluate(Device(), replace(request, seed=seed), Wanted())
            found = pull_back(cotangent)
            rows.append(torch.cat([found.weights, found.inputs.flatten()]).numpy())
        return np.array(rows)

    def test_derivatives_are_unbiased(self):
        request = some_request(batch=2, shots=20)
        cotangent = random_cotangent(request)
        expected = EXACT.vjp(replace(request, shots=None), cotangent)
        repeated = self.repeated(request, cotangent)
        errors = repeated.mean(axis=0) - torch.cat([expected.weights, expected.inputs.flatten()]).numpy()
        assert np.abs(errors / (repeated.std(axis=0) / np.sqrt(len(repeated)))).max() < 3

    def test_so_are_those_of_post_selected_values_with_many_shots(self):
        request = some_request(hq.Probabilities(SPACES[1]), batch=2, shots=5000)
        cotangent = random_cotangent(request)
        expected = EXACT.vjp(replace(request, shots=None), cotangent)
        repeated = self.repeated(request, cotangent, times=50)
        errors = repeated.mean(axis=0) - torch.cat([expected.weights, expected.inputs.flatten()]).numpy()
        assert np.abs(errors / (repeated.std(axis=0) / np.sqrt(len(repeated)))).max() < 3

    def test_the_variance_is_as_the_formula_says_and_less_than_with_equal_shots(self):
        """For one phase, ``sum_u c_u^2 sigma_u^2 / N_u``."""
        elements = (
            *hq.interferometer(range(3), "w"),
            hq.PhaseShifter(1, hq.parameter("x")),
            hq.BeamSplitter((0, 1), 1.1),
        )
        program = hq.Program(3, (1, 1, 1), elements, tuple(f"w{i}" for i in range(9)), ("x",))
        request = random_request(np.random.default_rng(2), program, 1, shots=30)
        cotangent, times = random_cotangent(request), 5000
        many = replace(request, inputs=request.inputs.expand(times, -1), seed=1)
        repeated = SHIFT.pull_back(Device(), many, cotangent.expand(times, -1), Wanted(weights=False)).inputs
        r = rule(3)
        shifted = replace(
            request, shots=None, inputs=request.inputs + torch.tensor(r.shifts, dtype=torch.float64)[:, None]
        )
        values = as_array(EXACT.evaluate(shifted).values)
        spread = values @ as_array(cotangent[0]) ** 2 - (values @ as_array(cotangent[0])) ** 2
        terms = np.array(r.coefficients) ** 2 * spread
        formula = (terms / weighted_shots(r.coefficients, 30)).sum()
        assert float(repeated.var()) == pytest.approx(formula, rel=0.1)
        assert formula < 0.7 * (terms / 30).sum()

    @readouts
    def test_splitting_a_batch_changes_nothing(self, readout):
        request = some_request(readout, batch=4, shots=(50, 60, 70, 80), seed=4)
        request = replace(request, seed=9, first_row=3)
        cotangent = random_cotangent(request)
        whole = SHIFT.pull_back(Device(), request, cotangent, Wanted())
        parts = [
            SHIFT.pull_back(Device(max_batch=most), request.rows(a, b), cotangent[a:b], Wanted())
            for a, b, most in ((0, 1, 7), (1, 4, None))
        ]
        assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
        torch.testing.assert_close(sum(part.weights for part in parts), whole.weights, rtol=0, atol=1e-12)

    def test_shifted_rows_are_independent_of_the_forward_pass_and_of_each_other(self):
        device, request = Device(), some_request(shots=20, batch=2)
        _, pull_back = SHIFT.evaluate(device, replace(request, seed=5), Wanted())
        pull_back(random_cotangent(request))
        forward, shifted = device.requests
        assert shifted.seed not in (None, forward.seed)
        assert shifted.first_row == 0
        again = Device()
        SHIFT.pull_back(again, replace(request, seed=5), random_cotangent(request), Wanted())
        assert again.requests[0].seed == shifted.seed

    def test_a_backend_that_draws_its_own_seed_is_left_to_it(self):
        assert SHIFT.cost(Device(), some_request(shots=3), Wanted()).shots > 0


@pytest.fixture
def layers():
    """The same layer twice: on the exact backend, and on a device."""
    torch.manual_seed(0)
    experiment = hq.Experiment(n_modes=4, n_photons=2, computation_space=SPACES[1])
    exact = hq.QuantumLayer(
        ansatz=hq.AnsatzFactory.create(experiment, input_size=2, output_size=3), dtype=torch.float64
    )
    device = hq.QuantumLayer(program=exact.program, dtype=torch.float64, backend=Device())
    exact.output_map = None
    device.load_state_dict(exact.state_dict())
    return exact, device, torch.rand(3, 2, dtype=torch.float64)


class TestTorch:
    def test_a_layer_learns_the_same(self, layers):
        gradients = []
        for layer in layers[:2]:
            x = layers[2].clone().requires_grad_()
            layer(x).square().sum().backward()
            gradients.append(torch.cat([layer.phases.grad, x.grad.flatten()]))
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)

    def test_inputs_that_nobody_trains_are_not_shifted(self):
        encoding = hq.BeamSplitter((0, 1), hq.parameter("x"))
        elements = (*hq.interferometer(range(3), "a"), encoding, hq.BeamSplitter((1, 2), 1.1))
        program = hq.Program(3, (1, 1, 0), elements, tuple(f"a{i}" for i in range(9)), ("x",))
        layer = hq.QuantumLayer(program=program, backend=Device())
        layer(torch.rand(5, 1)).square().sum().backward()
        layer(torch.rand(5, 1, requires_grad=True)).square().sum().backward()
        _, shared, _, both = (asked.batch for asked in layer.backend.requests)
        assert both == shared + 5 * 2 * 4  # a half angle that two photons reach

    def test_functional_call(self, layers):
        def gradient(layer):
            def loss(phases):
                return functional_call(layer, {"phases": phases}, (layers[2],)).square().sum()

            return torch.func.grad(loss)(layer.phases.detach())

        torch.testing.assert_close(gradient(layers[0]), gradient(layers[1]), rtol=0, atol=1e-10)

    def test_vmap_and_jacobians(self, layers):
        exact, device, x = layers
        torch.testing.assert_close(vmap(device)(x), exact(x))
        device.backend.requests.clear()
        torch.testing.assert_close(jacrev(device)(x[0]), jacrev(exact)(x[0]), rtol=0, atol=1e-10)
        assert [asked.batch for asked in device.backend.requests].count(1) == 1  # one forward pass for all cotangents

    def test_vmap_draws_shots_and_members_of_an_ensemble_draw_their_own(self, layers):
        _, device, x = layers
        device.shots = 400
        assert vmap(device)(x).shape == (3, 6)
        ensemble = device.phases.detach().expand(2, -1)

        def loss(phases):
            return functional_call(device, {"phases": phases}, (x,)).sum(dim=0)[0]

        one, other = vmap(torch.func.grad(loss))(ensemble)
        assert not torch.equal(one, other)

    def test_checkpointing(self, layers):
        _, device, x = layers
        device.shots = 400
        gradients = []
        for call in (device, lambda x: checkpoint(device, x, use_reentrant=False)):
            torch.manual_seed(3)
            device.zero_grad()
            call(x).square().sum().backward()
            gradients.append(device.phases.grad.clone())
        assert torch.equal(*gradients)

    def test_threads(self, layers):
        _, device, x = layers
        together = threading.Barrier(4)

        def gradient(_):
            together.wait(timeout=30)
            return torch.autograd.grad(device(x).square().sum(), device.phases)[0]

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(gradient, range(4)))
        assert all(torch.equal(found[0], other) for other in found)
