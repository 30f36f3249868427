import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

import hqdist as hq
from hqdist.training import Configuration, read_configuration, train
from hqdist.training.run_directory import RunDirectory

# Dropout and batch normalisation: a resumed run that forgot any random or running state would end elsewhere.
TEXT = """
threads = 1
[data]
name = "moons"
samples = 100
[model]
architecture = "sequential"
quantum_features = 2
dropout = 0.3
[circuit]
n_modes = 3
n_photons = 1
[training]
epochs = {epochs}
batch_size = 13
classical_learning_rate = 0.01
schedule = "cosine"
"""


@pytest.fixture
def file(tmp_path):
    def write(epochs: int = 3, more: str = "") -> Path:
        path = tmp_path / "job.toml"
        path.write_text(TEXT.format(epochs=epochs) + more)
        return path

    return write


def run(configuration: Configuration, path: Path, *, resume: bool = False) -> str:
    told = io.StringIO()
    train(configuration, path, resume=resume, console=Console(file=told, width=100))
    return told.getvalue()


def course(path: Path) -> list[dict[str, float]]:
    """The metrics of a run without the one thing that may differ, the time."""
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def assert_same_outcome(one: Path, other: Path) -> None:
    assert course(one) == course(other)
    first, second = (torch.load(path / "checkpoint.pt", weights_only=True) for path in (one, other))
    for weights in ("model", "best_model"):
        assert first[weights].keys() == second[weights].keys()
        for name in first[weights]:
            assert torch.equal(first[weights][name], second[weights][name]), name
    assert torch.equal(first["random"], second["random"])


def test_a_run_leaves_everything_in_its_directory_and_says_what_it_did(file, tmp_path):
    path = tmp_path / "deep" / "run"
    told = run(read_configuration(file()), path)
    assert {child.name for child in path.iterdir()} == {
        "config.toml",
        "environment.json",
        "metrics.jsonl",
        "checkpoint.pt",
        "summary.json",
        "curves.png",
        "lock",
    }
    assert tomllib.loads((path / "config.toml").read_text())["training"]["quantum_learning_rate"] == 0.01
    assert [line["epoch"] for line in course(path)] == [1, 2, 3]
    assert (path / "curves.png").read_bytes().startswith(b"\x89PNG")
    summary = json.loads((path / "summary.json").read_text())
    assert summary["quantum_parameters"] > 0
    assert f"{summary['test_accuracy']:.2%}" in told
    for words in ("60 samples to train on", "epoch 3/3", "Training finished", "3 modes"):
        assert words in told


def test_the_environment_names_no_machine_and_no_place(file, tmp_path):
    path = tmp_path / "run"
    run(read_configuration(file(epochs=1)), path)
    text = (path / "environment.json").read_text()
    assert json.loads(text)["packages"]["torch"] == torch.__version__
    for private in (os.uname().nodename, str(Path.home()), str(tmp_path), sys.prefix):
        assert private not in text


def test_training_leaves_the_random_state_and_threads_of_its_caller_alone(file, tmp_path):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    run(read_configuration(file(epochs=1)), tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_the_test_figure_is_that_of_the_best_epoch(file, tmp_path):
    path = tmp_path / "run"
    run(read_configuration(file(epochs=5)), path)
    summary = json.loads((path / "summary.json").read_text())
    accuracies = [line["validation_accuracy"] for line in course(path)]
    assert summary["validation_accuracy"] == max(accuracies) == accuracies[summary["best_epoch"] - 1]


def start(*arguments: str) -> "subprocess.Popen[str]":
    main = "from hqdist.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", main, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def stop_after(process: "subprocess.Popen[str]", line: str, number: signal.Signals) -> str:
    """Read the output of a process until a line begins like this, send the signal, and wait for the end."""
    with process:
        try:
            assert process.stdout is not None
            for said in process.stdout:
                if said.startswith(line):
                    process.send_signal(number)
                    break
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return errors


def test_a_killed_and_then_interrupted_run_resumes_to_the_very_same_numbers(file, tmp_path):
    config, path = file(epochs=60), tmp_path / "killed"
    arguments = ("train", str(config), "--run-dir", str(path))

    killed = start(*arguments)
    stop_after(killed, "epoch 3/", signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    with (path / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"epoch": 99, "train_l')

    interrupted = start(*arguments, "--resume")
    errors = stop_after(interrupted, "epoch 8/", signal.SIGINT)
    assert interrupted.returncode == 130
    assert errors == f"hqdist: interrupted; go on with: hqdist train {config} --run-dir {path} --resume\n"
    checkpoint = torch.load(path / "checkpoint.pt", weights_only=True)
    assert 8 <= checkpoint["epoch"] < 60

    told = run(read_configuration(config), path, resume=True)
    assert f"resuming after epoch {checkpoint['epoch']} " in told
    assert "note:" not in told
    run(read_configuration(config), tmp_path / "undisturbed")
    assert_same_outcome(path, tmp_path / "undisturbed")
    assert not list(tmp_path.glob("**/*.part"))


def test_a_run_killed_before_its_first_checkpoint_starts_again(file, tmp_path):
    configuration, path = read_configuration(file()), tmp_path / "run"
    RunDirectory(path).create(configuration, {})
    run(configuration, path, resume=True)
    run(configuration, tmp_path / "undisturbed")
    assert_same_outcome(path, tmp_path / "undisturbed")


def test_resuming_what_was_never_started_starts_it_and_resuming_what_is_done_reports_it(file, tmp_path):
    configuration, path = read_configuration(file()), tmp_path / "run"
    first = run(configuration, path, resume=True)
    lines = (path / "metrics.jsonl").read_bytes()
    again = run(configuration, path, resume=True)
    assert "epoch 1/3" in first
    assert "epoch 1/3" not in again
    assert first[first.index("Training finished") :] == again[again.index("Training finished") :]
    assert (path / "metrics.jsonl").read_bytes() == lines


def test_a_run_directory_that_is_there_is_not_run_into(file, tmp_path):
    configuration, path = read_configuration(file(epochs=1)), tmp_path / "run"
    run(configuration, path)
    before = {child: child.read_bytes() for child in path.iterdir()}
    with pytest.raises(hq.TrainingError, match="exists already; continue that run with --resume"):
        run(configuration, path)
    assert {child: child.read_bytes() for child in path.iterdir()} == before


def test_an_empty_directory_may_become_the_run_directory(file, tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    run(read_configuration(file(epochs=1)), path)
    assert (path / "summary.json").exists()


def test_resuming_with_another_configuration_is_refused_naming_the_keys(file, tmp_path):
    path = tmp_path / "run"
    run(read_configuration(file(epochs=1)), path)
    other = read_configuration(file(epochs=2, more="weight_decay = 0.5\n"))
    with pytest.raises(hq.TrainingError, match=r"training\.epochs was 1 and is 2; training\.weight_decay was 0\.0"):
        run(other, path, resume=True)


def test_a_directory_of_something_else_is_not_resumed(file, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    with pytest.raises(hq.TrainingError, match="is no run directory"):
        run(read_configuration(file()), tmp_path / "photos", resume=True)


def test_two_processes_cannot_train_in_the_same_directory(file, tmp_path):
    configuration, path = read_configuration(file(epochs=1)), tmp_path / "run"
    run(configuration, path)
    with (
        RunDirectory(path).locked(),
        pytest.raises(hq.TrainingError, match="another process is training in"),
    ):
        run(configuration, path, resume=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs, to copy and to damage."""
    parent = tmp_path_factory.mktemp("finished")
    (parent / "job.toml").write_text(TEXT.format(epochs=2))
    run(read_configuration(parent / "job.toml"), parent / "run")
    return parent / "run"


def resume_damaged(finished: Path, path: Path, damage: Callable[[Path], object]) -> str:
    shutil.copytree(finished, path)
    damage(path)
    return run(read_configuration(finished.parent / "job.toml"), path, resume=True)


def replaced_by_directory(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()


CONTENTS = {"nothing": b"", "garbage": b"\xff\x00[", "deep": b"[" * 100_000, "list": b"[]\n[]\n", "number": b"3\n3\n"}


@pytest.mark.parametrize("name", ["checkpoint.pt", "metrics.jsonl", "config.toml"])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_damaged_file_of_a_run_is_refused(finished, tmp_path, name, content):
    with pytest.raises(hq.TrainingError, match=f"{name}|another configuration") as caught:
        resume_damaged(finished, tmp_path / "run", lambda path: (path / name).write_bytes(content))
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["checkpoint.pt", "metrics.jsonl", "config.toml", "lock", "summary.json", "summary.json.part", "curves.png"]
)
def test_a_directory_in_place_of_a_file_is_refused(finished, tmp_path, name):
    with pytest.raises(hq.TrainingError, match=name.partition(".part")[0]):
        resume_damaged(finished, tmp_path / "run", lambda path: replaced_by_directory(path / name))


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        replaced_by_directory,
        *(lambda file, content=content: file.write_bytes(content) for content in CONTENTS.values()),
    ],
)
def test_a_damaged_environment_is_only_a_note(finished, tmp_path, damage):
    told = resume_damaged(finished, tmp_path / "run", lambda path: damage(path / "environment.json"))
    assert "note: other python, packages" in told


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": None},
        {"epoch": -1},
        {"epoch": 99},
        {"best": None},
        {"best": {}},
        {"best_model": None},
        {"best_model": {}},
        {"best_model": {"x": torch.ones(3)}},
        {"model": {"x": torch.tensor(float("nan"))}},
        {"optimiser": {}},
        {"optimiser": {"state": {0: {"exp_avg": torch.tensor(float("inf"))}}}},
        {"random": None},
        {"more": 1},
    ],
)
def test_a_checkpoint_that_cannot_be_right_is_refused(finished, tmp_path, change):
    def damage(path: Path) -> None:
        content = torch.load(path / "checkpoint.pt", weights_only=True)
        torch.save({**content, **change}, path / "checkpoint.pt")

    with pytest.raises(hq.TrainingError, match=r"is damaged: .*; delete the run directory, or choose another"):
        resume_damaged(finished, tmp_path / "run", damage)


def test_metrics_of_a_checkpoint_that_is_gone_are_not_thrown_away(finished, tmp_path):
    with pytest.raises(hq.TrainingError, match=r"holds 2 epochs, and the checkpoint beside it is of epoch 0"):
        resume_damaged(finished, tmp_path / "run", lambda path: (path / "checkpoint.pt").unlink())
    assert len(course(tmp_path / "run")) == 2


def test_numbers_that_are_strings_are_refused(finished, tmp_path):
    def damage(path: Path) -> None:
        file = path / "metrics.jsonl"
        file.write_text(re.sub(r'"train_loss": ([^,]*)', r'"train_loss": "\1"', file.read_text()))

    with pytest.raises(hq.TrainingError, match=r"metrics\.jsonl is damaged"):
        resume_damaged(finished, tmp_path / "run", damage)


@pytest.mark.parametrize("kind", ["here", "link to an empty directory", "dangling link"])
def test_every_empty_place_may_become_the_run_directory(file, tmp_path, monkeypatch, kind):
    target, path = tmp_path / "target", tmp_path / "link"
    if kind != "dangling link":
        target.mkdir()
    path.symlink_to(target)
    if kind == "here":
        monkeypatch.chdir(target)
        path = Path()
    run(read_configuration(file(epochs=1)), path)
    assert (target / "summary.json").exists()


def test_a_name_that_is_too_long_is_refused(file, tmp_path):
    with pytest.raises(hq.TrainingError, match="name too long"):
        run(read_configuration(file()), tmp_path / ("x" * 300))


def test_a_run_that_goes_on_elsewhere_says_so(file, tmp_path):
    configuration, path = read_configuration(file(epochs=1)), tmp_path / "run"
    run(configuration, path)
    environment = json.loads((path / "environment.json").read_text())
    (path / "environment.json").write_text(json.dumps({**environment, "threads": 99}))
    assert "note: other threads than when the run started" in run(configuration, path, resume=True)


def test_a_run_that_diverges_stops_with_an_error_and_keeps_what_it_had(file, tmp_path):
    path = tmp_path / "run"
    # Every step multiplies the classical parameters by 1 - rate x decay, at first -9.
    configuration = read_configuration(file(epochs=20, more="weight_decay = 1000\n"))
    with pytest.raises(hq.TrainingError, match=r"training diverged in epoch \d+: .*; lower the learning rate"):
        run(configuration, path)
    assert len(course(path)) == torch.load(path / "checkpoint.pt", weights_only=True)["epoch"]
    assert not (path / "summary.json").exists()
