"""What a worker's backend pays for is paid for once, whoever dies on the way."""

import threading
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from hqdist_quandela.emulator import CloudEmulator
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.rpc import RemoteBackend
from hqdist.testing.circuits import random_request

TOKEN = "emulator-token"


@pytest.fixture
def cloud():
    with CloudEmulator(seed=5) as emulator:
        yield emulator


@pytest.fixture
def start(cloud, tmp_path: Path):
    """Starts workers of a QPU of the emulated cloud, with one ledger unless told otherwise."""
    running = []

    def worker(ledger="ledger.sqlite", port=0):
        options = {
            "name": "quandela",
            "platform": "qpu:emulated",
            "url": cloud.url,
            "poll_seconds": 0.01,
            "ledger": str(tmp_path / ledger),
        }
        config = tmp_path / f"worker{len(running)}.toml"
        config.write_text(tomli_w.dumps({"backend": options}))
        environment = {
            "PCVL_CLOUD_TOKEN": TOKEN,
            "NO_PROXY": "127.0.0.1",
            "PCVL_PERSISTENT_PATH": str(tmp_path / "perceval"),
        }
        running.append(WorkerProcess("--config", str(config), port=port, environment=environment))
        return running[-1]

    yield worker
    for one in running:
        one.__exit__()


def asked(batch=3):
    program = hq.Experiment(n_modes=4, n_photons=2).program(2)
    return random_request(np.random.default_rng(0), program, batch, torch.float64, shots=500, seed=4)


class Caller(threading.Thread):
    """Evaluates in a thread."""

    def __init__(self, backend):
        super().__init__()
        self.backend, self.result = backend, None
        self.start()

    def run(self):
        self.result = self.backend.evaluate(asked())


def test_workers_that_are_killed_one_after_another_leave_their_job_to_the_next(cloud, start):
    first, second = start(), start()
    cloud.hold()
    caller = Caller(RemoteBackend(addresses=(first.address, second.address)))
    cloud.wait_until(lambda counted: counted.created == 1)
    for worker in (first, second):  # one of them follows the job
        worker.kill()
        start(port=worker.port)
    cloud.release()
    caller.join(60)
    assert caller.result is not None
    assert caller.result.provenance.backend == "quandela"
    assert cloud.statistics().created == cloud.statistics().paid == 1


def test_a_worker_that_is_killed_and_started_again_takes_up_what_it_had(cloud, start):
    only = start()
    cloud.hold()
    caller = Caller(RemoteBackend(addresses=(only.address,)))
    cloud.wait_until(lambda counted: counted.created == 1)
    only.kill()
    start(port=only.port)
    cloud.release()
    caller.join(60)
    assert caller.result is not None
    assert cloud.statistics().created == cloud.statistics().paid == 1


def test_a_caller_that_gave_up_finds_its_job_when_it_asks_again(cloud, start):
    worker = start()
    cloud.hold()
    impatient = RemoteBackend(addresses=(worker.address,), timeout=0.5)
    with pytest.raises(hq.DeadlineError, match="takes them up"):
        impatient.evaluate(asked())
    cloud.release()
    RemoteBackend(addresses=(worker.address,)).evaluate(asked())
    assert cloud.statistics().created == cloud.statistics().paid == 1


def test_cancelling_a_request_cancels_its_job(cloud, start):
    worker = start()
    cloud.hold()
    job = RemoteBackend(addresses=(worker.address,)).submit(asked())
    cloud.wait_until(lambda counted: counted.created == 1)
    assert job.cancel()
    with pytest.raises(CancelledError):
        job.result(60)
    cloud.wait_until(lambda counted: counted.jobs[0].status in ("canceled", "cancel_requested"))
    cloud.release()


def test_workers_with_ledgers_of_their_own_are_no_fleet(cloud, start):
    one, other = start("one.sqlite"), start("other.sqlite")
    cloud.hold()
    remote = RemoteBackend(addresses=(one.address, other.address))
    callers = []

    def ask():
        try:
            remote.evaluate(asked())
        except hq.ConfigurationError as error:
            callers.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(600):
        if callers:
            break
        threading.Event().wait(0.05)
    cloud.release()
    for thread in threads:
        thread.join(60)
    assert "ledger of its own" in str(callers[0])
    assert cloud.statistics().created <= 1
