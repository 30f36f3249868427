"""`hqdist jobs` tells what the ledger knows, and changes it where a person has to decide."""

import csv
import json

import pytest
from hqdist_quandela.emulator import CloudEmulator

import hqdist as hq
from hqdist.execution import Ledger

KEYS = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """Four requests: one completed, one submitted, one uncertain, one failed."""
    monkeypatch.setenv("HQDIST_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("COLUMNS", "120")
    book = Ledger(tmp_path / "ledger.sqlite")
    for number, key in enumerate(KEYS):
        job = {"platform": "qpu:one", "backend": json.dumps({"name": "exact"}), "name": f"hqdist-{key[:4]}"}
        with book.claim(key, **job, shots=1000, credits=1.5) as claim:
            claim.sending()
            if number != 2:
                claim.submitted(f"job-{number}")
            if number == 0:
                claim.completed('{"results": 1}')
            if number == 3:
                claim.failed("the laser is off")
    return book


def test_jobs_and_what_they_cost_are_listed(command, ledger):
    code, output, _ = command("jobs", "list")
    assert code == 0
    for word in ("completed", "submitted", "uncertain", "failed", "qpu:one", "a" * 16, "job-1", "1,000"):
        assert word in output
    assert "4,000" in output
    assert command("jobs", "list", "--platform", "qpu:two")[1].startswith("no jobs in ")


def test_a_list_fits_a_narrow_terminal_and_its_keys_can_be_used(command, ledger, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal
    for environment in ("TERM", "NO_COLOR"):
        monkeypatch.setenv(environment, "dumb")
    job = {"platform": "sim:emulated-belenos", "backend": "{}", "name": "[red]", "shots": 123_456_789, "credits": 12.5}
    with ledger.claim("e" * 64, **job):
        pass
    lines = command("jobs", "list")[1].splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    rows = [line.split() for line in lines if line.startswith(tuple(f" {key[0] * 8}" for key in KEYS))]
    assert [ledger.find(row[0]).key for row in rows] == KEYS
    assert any("sim:emulated-belenos" in line and "123,456,789" in line for line in lines)


def test_a_list_in_a_pipe_is_plain_and_has_a_job_on_a_line(command, ledger, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    output = command("jobs", "list")[1]
    assert "\x1b" not in output
    assert [line.split()[0] for line in output.splitlines() if "qpu:one" in line][:4] == [key[:16] for key in KEYS]


def test_a_job_whose_backend_cannot_be_read_is_not_cancelled(command, ledger):
    with ledger.claim("e" * 64, platform="qpu:one", backend="{", name="odd", shots=1, credits=0.0) as claim:
        claim.submitted("job-5")
    code, _, errors = command("jobs", "cancel", "ee")
    assert (code, errors) == (2, "hqdist: request eeeeeeeeeeeeeeee names no backend that could cancel its job\n")
    assert ledger.find("ee").state == "submitted"


def test_an_export_of_nothing_still_names_its_columns(command, tmp_path):
    assert command("jobs", "export", "jobs.csv", "--ledger", "none.sqlite")[0] == 0
    assert (tmp_path / "jobs.csv").read_text().startswith("key,attempt,state")


def test_an_empty_ledger_is_told_and_not_made(command, tmp_path):
    code, output, _ = command("jobs", "list", "--ledger", "none.sqlite")
    assert (code, output) == (0, "no jobs in none.sqlite\n")
    assert list(tmp_path.iterdir()) == []


def test_a_job_is_shown_with_its_result(command, ledger):
    code, output, _ = command("jobs", "show", "aaaa")
    assert code == 0
    assert '{"results": 1}' in output
    assert "the laser is off" in command("jobs", "show", "dd")[1]


def test_an_uncertain_intent_is_adopted_or_forgotten(command, ledger):
    assert command("jobs", "adopt", "cc", "job-9")[0] == 0
    assert ledger.find("cc").job_id == "job-9"
    assert command("jobs", "forget", "dd")[0] == 0
    assert ledger.find("dd").forgotten


@pytest.mark.parametrize("name", ["jobs.jsonl", "jobs.csv"])
def test_jobs_are_exported(command, ledger, tmp_path, name):
    assert command("jobs", "export", name)[0] == 0
    text = (tmp_path / name).read_text()
    rows = list(csv.DictReader(text.splitlines())) if name.endswith("csv") else list(map(json.loads, text.splitlines()))
    assert [row["key"] for row in rows] == KEYS
    assert rows[0]["result"] == '{"results": 1}'
    assert [json.loads(line)["key"] for line in command("jobs", "export")[1].splitlines()] == KEYS


def test_a_job_is_cancelled_at_its_provider(command, tmp_path, monkeypatch):
    monkeypatch.setenv("HQDIST_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("PCVL_CLOUD_TOKEN", "emulator-token")
    program = hq.Experiment(n_modes=4, n_photons=2).program(2)
    layer = hq.QuantumLayer(program=program)
    with CloudEmulator(seed=1) as cloud:
        backend = hq.backend("quandela", platform="qpu:emulated", url=cloud.url, poll_seconds=0.01)
        cloud.hold()
        inputs = layer.phases.new_zeros(1, len(program.inputs))
        job = backend.submit(hq.Request(program=program, weights=layer.phases, inputs=inputs, shots=10, seed=1))
        cloud.wait_until(lambda statistics: statistics.created == 1)
        while not (entries := Ledger(tmp_path / "ledger.sqlite").entries()) or entries[0].job_id is None:
            pass
        code, output, errors = command("jobs", "cancel", entries[0].key[:8])
        assert (code, errors) == (0, "")
        assert entries[0].job_id in output
        with pytest.raises(hq.HqdistError):
            job.result(timeout=30)
        assert "cancel" in cloud.statistics().jobs[0].status
    assert Ledger(tmp_path / "ledger.sqlite").find(entries[0].key).state == "canceled"


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "x"),
        ("cancel", "aa"),
        ("cancel", "bb"),
        ("adopt", "aa", "job-9"),
        ("forget", "bb"),
        ("export", "jobs.pdf"),
        ("export", "nowhere/jobs.csv"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(command, ledger, arguments):
    code, _, errors = command("jobs", *arguments)
    assert code == 2
    assert errors.startswith("hqdist: ")
    assert errors.count("\n") == 1
