"""What platforms say of themselves, what they refuse, and what only fails when it is run."""

import re
from collections.abc import Callable
from typing import Any

import perceval as pcvl
import pytest
import requests
from hqdist_quandela.emulator import CloudEmulator, Platform
from interferometers import interferometer, prepared
from perceval.algorithm import Sampler
from perceval.providers.quandela.rpc_handler import RPCHandler
from perceval.runtime.legacy import RemoteJob
from perceval.serialization import serialize

from hqdist.errors import ConfigurationError

Remote = Callable[..., pcvl.RemoteProcessor]
Finished = Callable[..., RemoteJob]


def test_a_pure_simulator_is_asked_for_twice_and_has_no_chip(emulator: CloudEmulator, remote: Remote) -> None:
    processor = remote("sim:emulated")
    assert processor.type == pcvl.ProcessorType.SIMULATOR
    assert processor.available_commands == ["probs", "sample_count"]
    assert processor.specs.architecture is None
    assert processor.performance == {}
    requests_made = emulator.statistics().requests
    assert requests_made["GET /api/platforms/{name}/processor"] == requests_made["GET /api/platform/{name}"] == 1


@pytest.mark.parametrize("name", ["sim:emulated-belenos", "qpu:emulated"])
def test_a_chip_has_inputs_detectors_and_noise(name: str, remote: Remote) -> None:
    processor = remote(name)
    m = processor.constraints["max_mode_count"]
    chip = processor.specs.architecture
    assert processor.status == "available"
    assert list(chip.input_state) == [1, 0] * (m // 2)
    assert chip.detection_type == pcvl.DetectionType.Threshold
    assert processor.available_commands == ["sample_count", "samples"]
    assert processor.performance == pytest.approx({"Transmittance (%)": 60, "HOM (%)": 92, "g2 (%)": 2})
    assert processor.get_current_noise() == pcvl.NoiseModel(transmittance=0.6, indistinguishability=0.92, g2=0.02)


def test_only_a_qpu_is_physical(remote: Remote) -> None:
    assert remote("qpu:emulated").type == pcvl.ProcessorType.PHYSICAL
    assert remote("sim:emulated-belenos").type == pcvl.ProcessorType.SIMULATOR


def test_the_client_checks_what_is_announced(remote: Remote) -> None:
    processor = remote("qpu:emulated")
    with pytest.raises(RuntimeError, match="Circuit too big"):
        processor.set_circuit(pcvl.Circuit(13))
    with pytest.raises(RuntimeError, match="not permitted"):
        processor.check_input(pcvl.BasicState([2, 0, 0, 0]))


def test_a_platform_is_unknown(emulator: CloudEmulator) -> None:
    with pytest.raises(requests.HTTPError, match="404"):
        pcvl.RemoteProcessor("sim:nowhere", "emulator-token", url=emulator.url)


def test_a_platform_in_maintenance_may_accept_jobs_or_not() -> None:
    platforms = [Platform("sim:a", status="maintenance"), Platform("sim:b", status="maintenance", accepting=False)]
    with CloudEmulator(platforms) as emulator:
        accepting, closed = (
            prepared(pcvl.RemoteProcessor(name, "emulator-token", url=emulator.url)) for name in ("sim:a", "sim:b")
        )
        assert accepting.status == closed.status == "maintenance"
        job = Sampler(accepting, max_shots_per_call=10).probs.execute_async()
        emulator.wait_for(job.id, "completed")
        with pytest.raises(requests.HTTPError, match=r"400.*maintenance"):
            Sampler(closed, max_shots_per_call=10).probs.execute_async()


def payload(**changes: Any) -> dict[str, Any]:
    """What the client sends for a small job, with changes to its inner payload."""
    processor = prepared(pcvl.Processor("SLOS", 4))
    data = pcvl.runtime.PayloadGenerator.generate_payload(
        "sample_count", processor.experiment, platform_name="sim:small", max_shots=10, max_samples=5
    )
    data["payload"].update(changes)
    return {**data, "job_name": "small"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, None),
        ({"command": "samples"}, "'samples' is not available, only sample_count"),
        ({"max_shots": None}, "no max_shots"),
        ({"max_shots": 101}, "101 shots are not within 1 to 100"),
        ({"max_shots": 0}, "0 shots are not within"),
        ({"max_samples": 51}, "51 samples are not within 1 to 50"),
        ({"iterator": [{}] * 4}, "4 iterations are more than 3"),
        ({"iterator": [{"max_shots": 1000}]}, "1000 shots"),
        ({"iterator": [{"temperature": 4}]}, "unknown keys: temperature"),
        ({"max_samples": "many"}, "max_samples is no integer"),
        ({"iterator": {"a": 1}}, "iterator is no list"),
        ({"iterator": ["a"]}, "iterator is no list"),
        ({"experiment": None}, "no experiment"),
        ({"experiment": ":PCVL:Experiment:nonsense"}, "cannot be read"),
        ({"iterator": [{"input_state": ":PCVL:BasicState:|1,1,1,0>"}]}, "3 photons are not within 0 to 2"),
        ({"iterator": [{"input_state": ":PCVL:BasicState:|2,0,0,0>"}]}, "several photons in one mode"),
    ],
)
def test_what_is_beyond_a_platform_is_refused(changes: dict[str, Any], message: str | None) -> None:
    small = Platform(
        "sim:small",
        commands=("sample_count",),
        max_photons=2,
        support_multi_photon=False,
        max_shots_per_call=100,
        max_sample_count=50,
        max_iterations=3,
    )
    with CloudEmulator([small]) as emulator:
        handler = RPCHandler("sim:small", emulator.url, "emulator-token")
        if message is None:
            emulator.wait_for(handler.create_job(payload(**changes)), "completed")
        else:
            with pytest.raises(requests.HTTPError, match=f"400.*{message}"):
                handler.create_job(payload(**changes))
            assert emulator.statistics().created == 0


def test_heralds_count_as_photons() -> None:
    data = payload(iterator=[{"input_state": ":PCVL:BasicState:|1,1,0>"}])
    processor = pcvl.Processor("SLOS", 4)
    processor.add_herald(3, 1)
    processor.with_input(pcvl.BasicState([1, 0, 0]))
    processor.min_detected_photons_filter(1)
    data["payload"]["experiment"] = serialize(processor.experiment)
    with CloudEmulator([Platform("sim:small", max_photons=2)]) as emulator:
        handler = RPCHandler("sim:small", emulator.url, "emulator-token")
        with pytest.raises(requests.HTTPError, match="3 photons are not within 0 to 2"):
            handler.create_job(data)


@pytest.mark.parametrize("text", [b"", b"[]", b"not json", b'{"platform_name": "sim:emulated"}'])
def test_bodies_that_are_no_job_are_refused(text: bytes, emulator: CloudEmulator) -> None:
    headers = {"Authorization": "Bearer emulator-token"}
    answer = requests.post(f"{emulator.url}/api/job", headers=headers, data=text, timeout=10)
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail", "error"}


def test_unset_parameters_fail_remotely(remote: Remote, finished: Finished) -> None:
    processor = remote()
    processor.set_circuit(interferometer())
    job = finished(Sampler(processor, max_shots_per_call=10).probs)
    assert job.is_failed
    assert "parameter a0 has no value" in job.status.stop_message


def feed_unconnected_modes(processor: pcvl.RemoteProcessor) -> None:
    processor.with_input(pcvl.BasicState([0, 1, 1, 0]))


def bring_detectors(processor: pcvl.RemoteProcessor) -> None:
    processor.add(0, pcvl.Detector.pnr())


def lose_photons(processor: pcvl.RemoteProcessor) -> None:
    processor.add(0, pcvl.LC(0.1))


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (feed_unconnected_modes, r"Input modes \[1\] of qpu:emulated are not among \[0, 2, 4"),
        (bring_detectors, "Threshold detectors only"),
        (lose_photons, "linear circuits only"),
    ],
)
def test_what_a_qpu_cannot_do_fails_remotely(
    arrange: Callable[..., None], message: str, remote: Remote, finished: Finished
) -> None:
    processor = remote("qpu:emulated")
    arrange(processor)
    job = finished(Sampler(processor, max_shots_per_call=10).sample_count, 10)
    assert job.is_failed
    assert re.search(message, job.status.stop_message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Platform("emulated"), "'sim:...' or 'qpu:...'"),
        (lambda: Platform("sim:x", commands=("gates",)), "not gates"),
        (lambda: Platform("sim:x", commands=()), "runs some of"),
        (lambda: Platform("sim:x", max_modes=4, connected_input_modes=(4,)), "modes 0 to 3"),
        (lambda: CloudEmulator([]), "at least one platform"),
        (lambda: CloudEmulator([Platform("sim:x"), Platform("sim:x")]), "name of its own"),
        (lambda: CloudEmulator(tokens="secret"), "tokens is a sequence"),
        (lambda: CloudEmulator(tokens=()), "at least one token"),
        (lambda: CloudEmulator().url, "before it is started"),
    ],
)
def test_what_cannot_be_emulated_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_a_port_in_use_is_said(emulator: CloudEmulator) -> None:
    port = int(emulator.url.rsplit(":", 1)[1])
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
        CloudEmulator(port=port).start()
