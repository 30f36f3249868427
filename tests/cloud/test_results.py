"""What Perceval's unmodified client gets from the emulator is what Perceval computes locally."""

from collections.abc import Callable

import numpy as np
import perceval as pcvl
import pytest
from hqdist_quandela.emulator import CloudEmulator, Platform
from interferometers import fixed_interferometer, interferometer, prepared
from perceval.algorithm import Sampler
from perceval.runtime.legacy import RemoteJob
from scipy.stats import chisquare

Remote = Callable[..., pcvl.RemoteProcessor]
Finished = Callable[..., RemoteJob]


def local(noise: pcvl.NoiseModel | None = None) -> pcvl.Processor:
    return prepared(pcvl.Processor("SLOS", 4, noise=noise))


def assert_same(ours: pcvl.BSDistribution, theirs: pcvl.BSDistribution) -> None:
    assert set(ours.keys()) == set(theirs.keys())
    for state, probability in theirs.items():
        assert ours[state] == pytest.approx(probability, abs=1e-12)


def assert_drawn_from(counts: pcvl.BSCount, law: pcvl.BSDistribution) -> None:
    assert set(counts.keys()) <= set(law.keys())
    states = [state for state in law if law[state] * counts.total() >= 5]
    seen = np.array([counts[state] for state in states] + [0.0])
    expected = np.array([law[state] for state in states] + [0.0]) * counts.total()
    seen[-1], expected[-1] = counts.total() - seen.sum(), counts.total() - expected.sum()
    if expected[-1] < 1e-9:
        seen, expected = seen[:-1], expected[:-1]
    assert chisquare(seen, expected).pvalue > 1e-3


def test_probabilities_are_those_of_the_local_run(sampler: Sampler, finished: Finished) -> None:
    job = finished(sampler.probs)
    assert job.is_success
    here = Sampler(local()).probs()
    assert_same(job.get_results()["results"], here["results"])
    assert job.get_results()["global_perf"] == pytest.approx(here["global_perf"], abs=1e-12)


def test_every_iteration_gives_what_its_own_local_run_gives(remote: Remote, finished: Finished) -> None:
    circuit = interferometer()
    names = [parameter.name for parameter in circuit.get_parameters()]
    random = np.random.default_rng(3)
    changes = [
        {"input_state": pcvl.BasicState([0, 1, 0, 1])},
        {"min_detected_photons": 1, "noise": pcvl.NoiseModel(transmittance=0.7, indistinguishability=0.8)},
        {"postselect": pcvl.PostSelect("[0,1]==1")},
        {},
    ]
    iterations = [
        {"circuit_params": dict(zip(names, random.uniform(0, 6, len(names)).tolist(), strict=True)), **change}
        for change in changes
    ]
    processor = remote()
    processor.set_circuit(circuit)
    here = Sampler(prepared(pcvl.Processor("SLOS", 4), interferometer()), max_shots_per_call=1000)
    there = Sampler(processor, max_shots_per_call=1000)
    for some in (here, there):
        some.add_iteration_list(iterations)
    rows = finished(there.probs).get_results()["results_list"]
    expected = here.probs()["results_list"]
    assert len(rows) == len(expected) == len(changes)
    for row, wanted, iteration in zip(rows, expected, iterations, strict=True):
        assert_same(row["results"], wanted["results"])
        assert row["global_perf"] == pytest.approx(wanted["global_perf"], abs=1e-12)
        assert row["iteration"]["circuit_params"] == iteration["circuit_params"]


def test_parameters_that_an_iteration_leaves_out_have_their_own_values(remote: Remote, finished: Finished) -> None:
    here = Sampler(local(), max_shots_per_call=1000)
    there = Sampler(remote(), max_shots_per_call=1000)
    for some in (here, there):
        some.add_iteration_list([{"circuit_params": {"a0": 1.0}}, {"circuit_params": {"b0": 2.0, "a1": 0.1}}])
    rows = finished(there.probs).get_results()["results_list"]
    for row, wanted in zip(rows, here.probs()["results_list"], strict=True):
        assert_same(row["results"], wanted["results"])


def test_the_circuit_is_copied_once_and_not_for_every_iteration(
    sampler: Sampler, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = []
    copy = pcvl.Experiment.copy

    def observed(experiment: pcvl.Experiment) -> pcvl.Experiment:
        copied.append(len(experiment.flatten()))
        return copy(experiment)

    monkeypatch.setattr(pcvl.Experiment, "copy", observed)
    sampler.add_iteration_list([{"circuit_params": {"a0": 0.1 * index}} for index in range(5)])
    assert finished(sampler.probs).is_success
    assert len([components for components in copied if components > 1]) == 1


def heralded(processor: pcvl.RemoteProcessor | pcvl.Processor) -> None:
    processor.clear_input_and_circuit(4)
    processor.set_circuit(fixed_interferometer())
    processor.add_herald(3, 1)
    processor.with_input(pcvl.BasicState([1, 0, 1]))
    processor.min_detected_photons_filter(1)


def post_selected(processor: pcvl.RemoteProcessor | pcvl.Processor) -> None:
    processor.set_postselection(pcvl.PostSelect("[0,1]>=1"))


def with_detectors(processor: pcvl.RemoteProcessor | pcvl.Processor) -> None:
    processor.min_detected_photons_filter(1)
    for mode, detector in enumerate((pcvl.Detector.threshold(), pcvl.Detector.pnr(), pcvl.Detector.ppnr(3))):
        processor.add(mode, detector)


def with_every_noise(processor: pcvl.RemoteProcessor | pcvl.Processor) -> None:
    processor.min_detected_photons_filter(1)
    processor.noise = pcvl.NoiseModel(
        brightness=0.8, indistinguishability=0.9, g2=0.03, transmittance=0.6, phase_imprecision=0.2
    )


def with_feed_forward(processor: pcvl.RemoteProcessor | pcvl.Processor) -> None:
    processor.clear_input_and_circuit(4)
    processor.add(0, fixed_interferometer())
    processor.add(0, pcvl.Detector.pnr())
    provider = pcvl.FFCircuitProvider(1, 0, pcvl.Circuit(2)).add_configuration([1], pcvl.BS())
    processor.add(0, provider)
    processor.with_input(pcvl.BasicState([1, 0, 1, 0]))
    processor.min_detected_photons_filter(2)


@pytest.mark.parametrize("arrange", [heralded, post_selected, with_detectors, with_every_noise, with_feed_forward])
def test_what_an_experiment_can_have_is_honoured(
    arrange: Callable[..., None], remote: Remote, finished: Finished
) -> None:
    there, here = remote(), prepared(pcvl.Processor("SLOS", 4))
    arrange(there)
    arrange(here)
    here.compute_physical_logical_perf(True)
    results = finished(Sampler(there, max_shots_per_call=1000).probs).get_results()
    expected = here.probs(1e-6)
    assert_same(results["results"], expected["results"])
    quantities = results.keys() - {"results"}
    assert quantities == expected.keys() - {"results"}  # feed-forward has no physical_perf and logical_perf
    for quantity in quantities:
        assert results[quantity] == pytest.approx(expected[quantity], abs=1e-12)


def test_counts_and_samples_follow_the_local_probabilities(remote: Remote, finished: Finished) -> None:
    law = Sampler(local()).probs()["results"]
    sampler = Sampler(remote(), max_shots_per_call=20_000)
    counts = finished(sampler.sample_count, 20_000).get_results()["results"]
    assert counts.total() == 20_000
    assert_drawn_from(counts, law)
    samples = finished(sampler.samples, 5000).get_results()["results"]
    assert len(samples) == 5000
    assert_drawn_from(pcvl.utils.samples_to_sample_count(samples), law)


def test_samples_of_a_platform_that_has_them_are_in_no_order(remote: Remote, finished: Finished) -> None:
    samples = finished(Sampler(remote("sim:emulated-belenos"), max_shots_per_call=5000).samples, 1000).get_results()
    first, second = samples["results"][:500], samples["results"][500:]
    for state in set(first):
        assert abs(list(first).count(state) - list(second).count(state)) < 100


def test_a_sampling_platform_has_its_own_noise_and_threshold_detectors(remote: Remote, finished: Finished) -> None:
    there = remote("sim:emulated-belenos")
    there.min_detected_photons_filter(1)
    here = local(pcvl.NoiseModel(transmittance=0.6, indistinguishability=0.92, g2=0.02))
    here.min_detected_photons_filter(1)
    for mode in range(4):
        here.add(mode, pcvl.Detector.threshold())
    law = here.probs()
    results = finished(Sampler(there, max_shots_per_call=20_000).sample_count, 20_000).get_results()
    assert_drawn_from(results["results"], law["results"])
    assert results["global_perf"] == pytest.approx(law["global_perf"], abs=1e-9)


def test_a_simulator_takes_the_users_noise_and_a_qpu_does_not(remote: Remote, finished: Finished) -> None:
    for name, transmittance in (("sim:emulated-belenos", 0.9), ("qpu:emulated", 0.6)):
        processor = remote(name, noise=pcvl.NoiseModel(transmittance=0.9))
        for mode in range(4):
            processor.add(mode, pcvl.Detector.threshold())
        processor.set_circuit(pcvl.Circuit(4))
        results = finished(Sampler(processor, max_shots_per_call=1000).sample_count, 10).get_results()
        assert results["physical_perf"] == pytest.approx(transmittance**2, rel=0.05)


def test_shots_are_events_with_light_and_samples_are_what_the_filter_leaves(
    emulator: CloudEmulator, remote: Remote, finished: Finished
) -> None:
    processor = remote("sim:emulated", noise=pcvl.NoiseModel(transmittance=0.5))
    few = finished(Sampler(processor, max_shots_per_call=30_000).sample_count, 30_000)
    many = finished(Sampler(processor, max_shots_per_call=30_000).sample_count, 100)
    selected = 0.25 / 0.75
    assert few.get_results()["results"].total() == pytest.approx(30_000 * selected, rel=0.05)
    assert emulator.statistics().job(few.id).shots == 30_000
    assert many.get_results()["results"].total() == 100
    assert emulator.statistics().job(many.id).shots == pytest.approx(100 / selected, rel=0.05)


def test_each_iteration_has_its_own_shots_and_samples(remote: Remote, finished: Finished) -> None:
    sampler = Sampler(remote(), max_shots_per_call=1000)
    sampler.add_iteration_list([{"max_shots": 20}, {"max_samples": 30}, {}])
    rows = finished(sampler.sample_count, 50).get_results()["results_list"]
    assert [row["results"].total() for row in rows] == [20, 30, 50]


def test_a_job_without_a_single_accepted_event_has_no_counts(remote: Remote, finished: Finished) -> None:
    processor = remote()
    processor.min_detected_photons_filter(3)
    results = finished(Sampler(processor, max_shots_per_call=100).sample_count, 100).get_results()
    assert results["results"].total() == 0
    assert results["global_perf"] == 0


def test_conversions_are_left_to_the_client(remote: Remote, finished: Finished) -> None:
    sampler = Sampler(remote("sim:emulated-belenos"), max_shots_per_call=1000)
    converted = finished(sampler.probs).get_results()
    assert sum(converted["results"].values()) == pytest.approx(1)
    assert converted["job_context"]["result_mapping"] == ["perceval.utils", "sample_count_to_probs"]
    exact_only = Sampler(remote(), max_shots_per_call=1000)
    assert "job_context" not in finished(exact_only.probs).get_results()


def test_the_same_seed_gives_the_same_counts_and_another_job_others() -> None:
    def counts(seed: int) -> list[dict[pcvl.BasicState, int]]:
        with CloudEmulator(seed=seed) as emulator:
            processor = prepared(pcvl.RemoteProcessor("sim:emulated", "emulator-token", url=emulator.url))
            found = []
            for _ in range(2):
                job = Sampler(processor, max_shots_per_call=1000).sample_count
                job.execute_async(1000)
                emulator.wait_for(job.id)
                assert job.is_success
                found.append(dict(job.get_results()["results"].items()))
            return found

    first = counts(5)
    assert counts(5) == first
    assert first[0] != first[1]
    assert counts(6)[0] != first[0]


def test_what_is_too_large_to_be_exact_is_sampled_and_its_shots_are_counted() -> None:
    with CloudEmulator([Platform("sim:large", max_photons=12, max_modes=24)]) as emulator:
        noise = pcvl.NoiseModel(transmittance=0.9)
        processor = pcvl.RemoteProcessor("sim:large", "emulator-token", url=emulator.url, noise=noise)
        processor.set_circuit(pcvl.Unitary(pcvl.Matrix.random_unitary(24)))
        processor.with_input(pcvl.BasicState([1, 0] * 12))
        processor.min_detected_photons_filter(12)
        all_photons = 0.9**12
        for samples, shots in ((100, 100 / all_photons), (10_000, 1000)):
            job = Sampler(processor, max_shots_per_call=1000).sample_count
            job.execute_async(samples)
            emulator.wait_for(job.id)
            assert job.is_success
            counts = job.get_results()["results"]
            assert counts.total() == pytest.approx(shots * all_photons, abs=2)
            assert {state.n for state in counts} == {12}
            assert emulator.statistics().job(job.id).shots == pytest.approx(shots, abs=5)


def test_shots_are_the_precision_of_probabilities_as_they_are_locally() -> None:
    with CloudEmulator([Platform("sim:precise", max_shots_per_call=10**10)]) as emulator:
        noise = pcvl.NoiseModel(g2=1e-5)
        there = prepared(pcvl.RemoteProcessor("sim:precise", "emulator-token", url=emulator.url, noise=noise))
        job = Sampler(there, max_shots_per_call=10**10).probs.execute_async()
        emulator.wait_for(job.id)
        assert job.is_success
        expected = Sampler(local(noise), max_shots_per_call=10**10).probs()["results"]
        assert len(expected) > len(Sampler(local(noise)).probs()["results"])
        assert_same(job.get_results()["results"], expected)


def test_light_may_be_polarised(remote: Remote, finished: Finished) -> None:
    def arranged(processor: pcvl.RemoteProcessor | pcvl.Processor) -> pcvl.RemoteProcessor | pcvl.Processor:
        processor.clear_input_and_circuit(2)
        processor.set_circuit(pcvl.Circuit(2) // pcvl.HWP(0.4) // pcvl.PBS() // pcvl.BS())
        processor.with_input(pcvl.BasicState("|{P:H},{P:V}>"))
        processor.min_detected_photons_filter(2)
        return processor

    results = finished(Sampler(arranged(remote()), max_shots_per_call=100).probs).get_results()
    assert_same(results["results"], arranged(pcvl.Processor("SLOS", 2)).probs(1e-6)["results"])


def with_a_loose_phase_shifter(processor: pcvl.RemoteProcessor) -> None:
    processor.set_circuit(pcvl.Circuit(4) // pcvl.BS() // pcvl.PS(1.0, max_error=1.0) // pcvl.BS())


def with_phase_errors(processor: pcvl.RemoteProcessor) -> None:
    processor.noise = pcvl.NoiseModel(phase_error=1.0)


@pytest.mark.parametrize("arrange", [with_a_loose_phase_shifter, with_phase_errors])
def test_random_phases_are_drawn_for_every_iteration_and_follow_the_seed(arrange: Callable[..., None]) -> None:
    def rows() -> list[dict[pcvl.BasicState, float]]:
        with CloudEmulator(seed=4) as emulator:
            processor = prepared(pcvl.RemoteProcessor("sim:emulated", "emulator-token", url=emulator.url))
            arrange(processor)
            sampler = Sampler(processor, max_shots_per_call=100)
            sampler.add_iteration_list([{"min_detected_photons": 2}] * 2)
            job = sampler.probs.execute_async()
            emulator.wait_for(job.id)
            assert job.is_success
            return [dict(row["results"].items()) for row in job.get_results()["results_list"]]

    first, second = rows()
    assert first != second
    assert rows() == [first, second]
