"""What the exact backend does besides what every backend does."""

import math
import multiprocessing
import pickle
import warnings

import numpy as np
import pytest
import torch
from hqdist_exact import ExactBackend
from hqdist_exact._device import DeviceLight

from hqdist import (
    Amplitudes,
    Angle,
    BeamSplitter,
    BeamSplitterConvention,
    CapabilityError,
    CircuitType,
    ComputationSpace,
    ConfigurationError,
    Experiment,
    FixedUnitary,
    ModeExpectations,
    NumberCorrelators,
    PhaseShifter,
    PostSelectionError,
    PrecisionError,
    Probabilities,
    Program,
    Request,
    RequestError,
    backend,
    interferometer,
)
from hqdist.testing.circuits import random_program, random_request, random_unitary
from hqdist.testing.gradients import random_cotangent

EXACT = ExactBackend()
READOUTS = [
    readout(space)
    for readout in (Probabilities, ModeExpectations, NumberCorrelators, Amplitudes)
    for space in ComputationSpace
]
BY_READOUT = pytest.mark.parametrize("readout", READOUTS, ids=lambda r: f"{type(r).__name__}-{r.space}")


def request_for(program, batch=1, dtype=torch.float32):
    rng = np.random.default_rng(0)
    return Request(
        program=program,
        weights=torch.from_numpy(rng.uniform(0, 6, len(program.weights))).to(dtype),
        inputs=torch.from_numpy(rng.uniform(0, 1, (batch, len(program.inputs)))).to(dtype),
    )


def everything(request):
    """Values and derivatives."""
    result, pull_back = EXACT.evaluate_with_vjp(request)
    derivatives = pull_back(random_cotangent(request))
    return result.values, derivatives.weights, derivatives.inputs


class TestMemory:
    def large(self, readout):
        modes, photons = 50, 20
        state = (1,) * photons + (0,) * (modes - photons)
        unitary = FixedUnitary(tuple(range(modes)), random_unitary(np.random.default_rng(0), modes))
        return request_for(Program(modes, state, (unitary,), readout=readout), batch=2)

    @pytest.mark.parametrize("readout", [Probabilities(), Amplitudes(), Probabilities(ComputationSpace.UNBUNCHED)])
    def test_what_does_not_fit_is_refused_with_its_size(self, readout):
        with pytest.raises(CapabilityError, match=r"20 photons in 50 modes with 2 samples need .* GiB of memory"):
            EXACT.evaluate(self.large(readout))

    def test_mode_expectations_need_no_fock_space(self):
        values = EXACT.evaluate(self.large(ModeExpectations())).values
        assert values.shape == (2, 50)
        np.testing.assert_allclose(values.sum(dim=1), 20, rtol=1e-5)

    def test_correlators_need_no_fock_space(self):
        values = EXACT.evaluate(self.large(NumberCorrelators())).values
        assert values.shape == (2, 50 * 49 // 2)
        assert values.min() >= 0

    def test_the_batch_counts(self):
        program = Experiment(CircuitType.SERIES, n_modes=12, n_photons=6).program(3)
        limited = ExactBackend(memory_limit=2**27)
        limited.check(request_for(program, batch=16))
        with pytest.raises(CapabilityError, match="100000 samples need"):
            limited.check(request_for(program, batch=100_000))

    def test_the_limit_is_an_option(self):
        limited = backend("exact", memory_limit=1000)
        with pytest.raises(CapabilityError, match=r"1000 bytes are allowed by memory_limit"):
            limited.evaluate(request_for(Experiment().program(2)))
        with pytest.raises(ConfigurationError, match="above zero"):
            ExactBackend(memory_limit=0)


class TestPostSelection:
    def splitters(self, angle, dtype):
        program = Program(
            2, (1, 1), (BeamSplitter((0, 1), Angle(0.0, (("x", 1.0),))),), (), ("x",), Probabilities("unbunched")
        )
        inputs = torch.tensor(angle, dtype=dtype).reshape(-1, 1)
        return Request(program=program, weights=torch.zeros(0, dtype=dtype), inputs=inputs)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_nothing_left_names_the_sample(self, dtype):
        with pytest.raises(PostSelectionError, match=r"sample 1 .*\(2 of 3 samples\)"):
            EXACT.evaluate(self.splitters([0.3, np.pi / 2, -np.pi / 2], dtype))

    @pytest.mark.parametrize(("dtype", "offset"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
    def test_little_left_is_renormalised(self, dtype, offset):
        values = EXACT.evaluate(self.splitters([np.pi / 2 + offset], dtype)).values
        assert values.item() == pytest.approx(1.0)

    def test_it_is_raised_by_derivatives_too(self):
        with pytest.raises(PostSelectionError):
            EXACT.evaluate_with_vjp(self.splitters([np.pi / 2], torch.float64))


class TestTorchOperations:
    """The operations for GPUs, here on the CPU, against the kernels."""

    @BY_READOUT
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
    def test_values_and_derivatives_agree_with_the_kernels(self, readout, dtype, tolerance, monkeypatch):
        rng = np.random.default_rng(1)
        program = random_program(rng, (1, 0, 2, 0, 0, 0), readout)
        request = random_request(rng, program, 5, dtype)
        kernels = everything(request)
        monkeypatch.setattr("hqdist_exact.backend.CpuLight", DeviceLight)
        for kernel, operations in zip(kernels, everything(request), strict=True):
            torch.testing.assert_close(kernel, operations, rtol=tolerance, atol=tolerance)

    @pytest.mark.parametrize("convention", BeamSplitterConvention)
    def test_encoded_beam_splitters_agree_with_the_kernels(self, convention, monkeypatch):
        angle = Angle(0.2, (("w0", 0.5), ("x", 1.3)))
        mixing = interferometer(range(3), "w")
        program = Program(
            3, (1, 0, 1), (*mixing, BeamSplitter((2, 0), angle, convention), *mixing),
            tuple(f"w{index}" for index in range(9)), ("x",),
        )  # fmt: skip
        request = random_request(np.random.default_rng(2), program, 3)
        kernels = everything(request)
        monkeypatch.setattr("hqdist_exact.backend.CpuLight", DeviceLight)
        for kernel, operations in zip(kernels, everything(request), strict=True):
            torch.testing.assert_close(kernel, operations, rtol=1e-12, atol=1e-12)

    def test_chunks_change_nothing(self, monkeypatch):
        rng = np.random.default_rng(3)
        program = random_program(rng, (1, 0, 1, 0))
        request = random_request(rng, program, 7)
        monkeypatch.setattr("hqdist_exact.backend.CpuLight", DeviceLight)
        whole = everything(request)
        monkeypatch.setattr("hqdist_exact._chunks.CHUNK_BYTES", 1)
        for one, other in zip(whole, everything(request), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)


class TestReproducibility:
    @pytest.fixture(autouse=True)
    def _threads(self):
        threads = torch.get_num_threads()
        yield
        torch.set_num_threads(threads)

    @pytest.mark.parametrize(
        "readout",
        [
            Probabilities(),
            Probabilities(ComputationSpace.UNBUNCHED),
            ModeExpectations(),
            ModeExpectations(ComputationSpace.UNBUNCHED),
            Amplitudes(),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("circuit", CircuitType)
    def test_the_number_of_threads_changes_no_bit(self, circuit, readout):
        program = Experiment(circuit, n_modes=8, n_photons=4).program(5, readout)
        request = request_for(program, batch=600)
        answers = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            answers.append(everything(request))
        for answer in answers[1:]:
            assert all(torch.equal(one, other) for one, other in zip(answers[0], answer, strict=True))

    def test_many_rows_of_many_features_are_each_alone(self):
        # more numbers than torch gives to one thread
        program = Experiment(CircuitType.PARALLEL_COLUMNS, n_modes=6, n_photons=2).program(12)
        request = request_for(program, batch=1037)
        values, _, by_inputs = everything(request)
        cotangent = random_cotangent(request)
        for rows in (slice(0, 1), slice(500, 537), slice(1036, None)):
            part = Request(program=program, weights=request.weights, inputs=request.inputs[rows])
            result, pull_back = EXACT.evaluate_with_vjp(part)
            assert torch.equal(result.values, values[rows])
            assert torch.equal(pull_back(cotangent[rows]).inputs, by_inputs[rows])


def _in_child(request, connection):
    connection.send([tensor.numpy() for tensor in everything(request)])
    connection.close()


def test_it_works_in_a_forked_process():
    request = request_for(Experiment(n_modes=8, n_photons=4).program(3), batch=200)
    expected = everything(request)
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forking beside threads is a risk
        child = context.Process(target=_in_child, args=(request, sending), daemon=True)
        child.start()
    assert receiving.poll(60), "the child does not answer"
    for found, here in zip(receiving.recv(), expected, strict=True):
        np.testing.assert_array_equal(found, here.numpy())
    child.join(60)
    assert child.exitcode == 0


def test_it_is_its_configuration():
    limited = ExactBackend(memory_limit=2**30)
    assert pickle.loads(pickle.dumps(limited)) == limited
    assert len(pickle.dumps(limited)) < 200


def test_it_says_who_answered_and_how_long_it_took():
    provenance = EXACT.evaluate(request_for(Experiment().program(2))).provenance
    assert provenance.backend == "exact"
    assert provenance.compute_seconds > 0
    assert provenance.shots == 0


def test_an_input_of_no_photon_changes_nothing():
    program = Program(2, (0, 0), (PhaseShifter(0, Angle(0.0, (("x", 1.0),))),), inputs=("x",))
    values, _, by_inputs = everything(request_for(program, batch=3))
    assert values.tolist() == [[1.0]] * 3
    assert not by_inputs.any()


class TestPrecision:
    def balanced(self, photons, dtype):
        state = (photons, photons)
        program = Program(2, state, (BeamSplitter((0, 1), Angle(np.pi / 2)),))
        return Request(program=program, weights=torch.zeros(0, dtype=dtype), inputs=torch.zeros(1, 0, dtype=dtype))

    @pytest.mark.parametrize(("photons", "dtype"), [(30, torch.float32), (60, torch.float64)])
    def test_rounding_that_has_grown_is_an_error(self, photons, dtype):
        with pytest.raises(PrecisionError, match="sum up to 1 only within"):
            EXACT.evaluate(self.balanced(photons, dtype))

    def test_half_a_million_probabilities_sum_up_in_single_precision(self):
        phases = tuple(f"w{index}" for index in range(16**2))
        program = Program(16, (1, 0) * 8, interferometer(range(16), "w"), weights=phases)
        request = random_request(np.random.default_rng(8), program, batch=4, dtype=torch.float32)
        np.testing.assert_allclose(EXACT.evaluate(request).values.double().sum(1), 1, rtol=1e-6)

    def test_double_precision_reaches_further(self):
        values = EXACT.evaluate(self.balanced(20, torch.float64)).values[0]
        # two beams of n photons: 2 k and 2 (n - k) with C(2k, k) C(2n - 2k, n - k) / 4^n, and never odd numbers
        expected = [
            math.comb(k, k // 2) * math.comb(40 - k, 20 - k // 2) / 4**20 if k % 2 == 0 else 0 for k in range(41)
        ]
        np.testing.assert_allclose(values, expected[::-1], atol=1e-10)

    @pytest.mark.parametrize("where", ["weights", "inputs"])
    def test_an_angle_that_overflows_is_an_error(self, where):
        steep = PhaseShifter(0, Angle(0.0, (("x", 4.0),)))
        mixing = BeamSplitter((0, 1), Angle(1.0))
        program = Program(2, (1, 1), (mixing, steep, mixing), **{where: ("x",)})
        huge = torch.tensor([1e308], dtype=torch.float64)
        weights, inputs = (huge, huge[None, :0]) if where == "weights" else (huge[:0], huge[None])
        with pytest.raises(RequestError, match="angle of a gate is too large"):
            EXACT.evaluate(Request(program=program, weights=weights, inputs=inputs))


class TestMemoryOfTheBatch:
    def test_many_samples_pass_in_chunks_with_the_same_bits(self, monkeypatch):
        request = request_for(Experiment(CircuitType.PARALLEL_COLUMNS, n_modes=4, n_photons=2).program(3), batch=50)
        whole = everything(request)
        monkeypatch.setattr("hqdist_exact._chunks.CHUNK_BYTES", 10_000)
        values, weights, inputs = everything(request)
        assert torch.equal(values, whole[0])
        assert torch.equal(inputs, whole[2])
        torch.testing.assert_close(weights, whole[1], rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("option", ["8GB", 1.5, True, 0, -1])
    def test_a_limit_is_a_number_of_bytes(self, option):
        with pytest.raises(ConfigurationError, match="whole number of bytes"):
            backend("exact", memory_limit=option)

    def test_every_part_of_a_large_circuit_counts(self):
        modes = 2000
        state = (1,) + (0,) * (modes - 1)
        mixing, encoded = BeamSplitter((0, 1), Angle(1.0)), PhaseShifter(0, Angle(0.0, (("x", 1.0),)))
        program = Program(modes, state, (mixing, encoded, mixing), (), ("x",), ModeExpectations())
        with pytest.raises(CapabilityError, match="allowed by memory_limit"):
            ExactBackend(memory_limit=2**28).check(request_for(program))
