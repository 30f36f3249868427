"""Tokens: shown by callers, compared by workers, replaced while both go on, and never seen by anybody else."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_worker_life import health
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.rpc import BackgroundWorker, Security, WorkerSettings
from hqdist.rpc.tokens import Tokens
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")
REQUEST = random_request(np.random.default_rng(0), hq.Experiment(n_modes=4, n_photons=2).program(2), 2, torch.float64)
SECRET, OTHER = "a-secret-nobody-should-see", "another-secret"


def write(path: Path, text: str) -> str:
    """Replaced at once, as whoever rotates tokens does it."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)
    return str(path)


@pytest.fixture
def worker(tmp_path):
    security = Security(token_file=write(tmp_path / "tokens", f"{SECRET}\n"))
    with BackgroundWorker(EXACT, WorkerSettings(security=security)) as running:
        yield running


def ask(worker, **transport):
    return hq.backend(worker.uri, transport=transport).evaluate(REQUEST).values


def test_the_token_lets_in(worker, tmp_path):
    found = ask(worker, token_file=write(tmp_path / "mine", SECRET))
    assert torch.equal(found, EXACT.evaluate(REQUEST).values)


@pytest.mark.parametrize("token", [None, OTHER, SECRET[:-1], SECRET + "x", "ü"])
def test_nothing_else_does_and_it_is_not_tried_again(worker, tmp_path, token):
    transport = {} if token is None else {"token_file": write(tmp_path / "mine", token)}
    with pytest.raises(hq.AuthenticationError) as caught:
        ask(worker, **transport)
    assert token is None or token not in str(caught.value)


def test_health_may_be_asked_without(worker):
    assert health(worker.address) == 1


def test_tokens_are_replaced_while_worker_and_caller_go_on(worker, tmp_path):
    mine = write(tmp_path / "mine", SECRET)
    ask(worker, token_file=mine)
    write(tmp_path / "tokens", f"{SECRET}\n{OTHER}\n")  # both, until all callers know
    ask(worker, token_file=mine)
    write(tmp_path / "mine", OTHER)
    ask(worker, token_file=mine)
    write(tmp_path / "tokens", f"{OTHER}\n")
    ask(worker, token_file=mine)
    with pytest.raises(hq.AuthenticationError):
        ask(worker, token_file=write(tmp_path / "old", SECRET))


def test_a_token_in_the_environment(tmp_path, monkeypatch):
    with WorkerProcess("--token-variable", "WORKER_TOKEN", environment={"WORKER_TOKEN": SECRET}) as worker:
        monkeypatch.setenv("MY_TOKEN", SECRET)
        assert torch.equal(ask(worker, token_variable="MY_TOKEN"), EXACT.evaluate(REQUEST).values)
        monkeypatch.setenv("MY_TOKEN", OTHER)
        with pytest.raises(hq.AuthenticationError):
            ask(worker, token_variable="MY_TOKEN")
        monkeypatch.delenv("MY_TOKEN")
        with pytest.raises(hq.AuthenticationError, match=r"no token in \$MY_TOKEN"):
            ask(worker, token_variable="MY_TOKEN")


def test_a_worker_without_its_token_does_not_start(tmp_path):
    command = [str(Path(sys.executable).with_name("hqdist")), "worker", "--port", "0", "--token-file"]
    for path, words in ((tmp_path / "missing", "cannot be read"), (tmp_path / "empty", "no token")):
        (tmp_path / "empty").touch()
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_nobody_sees_a_token(tmp_path):
    mine = write(tmp_path / "mine", SECRET)
    with WorkerProcess("--log-level", "debug", "--token-file", write(tmp_path / "tokens", SECRET)) as worker:
        remote = hq.backend(worker.uri, transport={"token_file": mine})
        remote.evaluate(REQUEST)
        with pytest.raises(hq.AuthenticationError) as caught:
            ask(worker, token_file=write(tmp_path / "other", OTHER))
        arguments = Path(f"/proc/{worker.process_id}/cmdline").read_bytes()
        said = worker.log()
    for text in (arguments, said.encode(), repr(remote).encode(), pickle.dumps(remote), str(caught.value).encode()):
        assert SECRET.encode() not in text
        assert OTHER.encode() not in text


def test_all_tokens_of_a_file_are_taken_and_the_first_is_shown(tmp_path):
    tokens = Tokens(file=write(tmp_path / "tokens", f"  {SECRET}\n\n{OTHER} \n"))
    assert tokens.all() == (SECRET, OTHER)
    assert [tokens.accept(shown) for shown in (SECRET, OTHER, "", SECRET[:5])] == [True, True, False, False]
