"""Pools on a real Ray cluster: they are started, used, scaled, disturbed and ended, and their users hardly notice."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from training_run import PROGRAM, losses

import hqdist as hq
from hqdist.cluster import Pool, PoolBackend, PoolPlan
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")


def asked(batch=64):
    return random_request(np.random.default_rng(0), PROGRAM, batch, torch.float64)


def until(condition, seconds=60):
    """Wait for what another process brings about, by asking it again."""
    for _ in range(seconds * 20):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come about")


def processes(pool):
    """The processes of the workers that serve."""
    return {worker["process"] for worker in pool.status()["workers"] if worker["state"] == "serving"}


@pytest.fixture(scope="module")
def pool(cluster):
    running = Pool.start(PoolPlan(name="tests", workers=2, cpus=1))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def undisturbed(pool):
    return losses(PoolBackend(pool="tests", rows_per_call=5))


def test_values_are_those_of_this_process(pool):
    remote = hq.backend("ray://tests", rows_per_call=5)
    assert torch.equal(remote.evaluate(asked()).values, EXACT.evaluate(asked()).values)
    assert len(set(remote.evaluate(asked()).provenance.worker.split(", "))) == 2


def test_a_loss_curve_through_a_pool_is_the_one_of_this_process(undisturbed):
    assert undisturbed == pytest.approx(losses("exact"), rel=0, abs=1e-10)
    assert undisturbed[-1] < undisturbed[0]


def test_layers_side_by_side_run_on_different_workers(pool):
    def learned(outputs):
        torch.manual_seed(0)
        layers = torch.nn.ModuleList(hq.QuantumLayer(program=PROGRAM) for _ in range(4))
        outputs(layers, torch.rand(5, 3)).square().sum().backward()
        return torch.stack([layer.phases.grad for layer in layers])

    with hq.record_provenance() as record, hq.default_backend("ray://tests"):
        found = learned(lambda layers, x: hq.ConcurrentLayers(layers)(x))
    assert len({provenance.worker for provenance in record.evaluations}) == 2
    assert torch.equal(found, learned(lambda layers, x: torch.cat([layer(x) for layer in layers], dim=-1)))


def test_a_worker_that_is_killed_changes_nothing(pool, undisturbed):
    killed = []

    def disturb(step):
        if step in (2, 5):
            process = processes(pool).pop()
            os.kill(process, signal.SIGKILL)
            killed.append(process)

    assert losses(PoolBackend(pool="tests", rows_per_call=5), disturb) == undisturbed
    pool.wait(2, 60)
    assert not set(killed) & processes(pool)


def test_the_directory_may_be_killed_too(pool, undisturbed):
    import ray

    from hqdist.cluster.directory import directory_name
    from hqdist.cluster.ray_cluster import NAMESPACE

    def disturb(step):
        if step == 3:
            ray.kill(ray.get_actor(directory_name("tests"), namespace=NAMESPACE), no_restart=False)

    before = processes(pool)
    assert losses(PoolBackend(pool="tests", rows_per_call=5), disturb) == undisturbed
    until(lambda: len(pool.endpoints()) == 2)
    assert processes(pool) == before


def test_all_workers_are_replaced_during_training(pool, undisturbed):
    before = processes(pool)
    replacing = threading.Thread(target=pool.replace)

    def disturb(step):
        if step == 1:
            replacing.start()

    assert losses(PoolBackend(pool="tests", rows_per_call=5), disturb) == undisturbed
    replacing.join()
    after = processes(pool)
    assert len(after) == 2
    assert not after & before


def test_a_pool_grows_and_shrinks(pool):
    pool.scale(3)
    pool.wait(3, 60)
    pool.scale(2)
    until(lambda: len(pool.status()["workers"]) == 2)
    assert torch.equal(hq.backend("ray://tests").evaluate(asked()).values, EXACT.evaluate(asked()).values)


def test_a_pool_grows_while_much_waits_and_shrinks_when_it_does_not(cluster):
    plan = PoolPlan(name="elastic", workers=1, least=1, most=2, scale_up_rows=100, idle_seconds=0.5)
    pool = Pool.start(plan)
    heavy = random_request(
        np.random.default_rng(0), hq.Experiment(n_modes=12, n_photons=6).program(3), 300, torch.float64
    )
    enough = threading.Event()

    def keep_busy():
        remote = hq.backend("ray://elastic")
        while not enough.is_set():
            remote.evaluate(heavy)

    callers = [threading.Thread(target=keep_busy) for _ in range(3)]
    try:
        for caller in callers:
            caller.start()
        until(lambda: len(pool.endpoints()) == 2)
        enough.set()
        until(lambda: len(pool.endpoints()) == 1)
    finally:
        enough.set()
        for caller in callers:
            caller.join()
        pool.stop()


def test_another_process_uses_the_pool_by_its_name(pool, cluster):
    script = (
        "import hqdist as hq, torch\n"
        "layer = hq.QuantumLayer(program=hq.Experiment(n_modes=4, n_photons=2).program(2), backend='ray://tests')\n"
        "print(round(layer(torch.rand(3, 2)).sum().item()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "RAY_ADDRESS": cluster},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == ["3"]


def test_the_commands_start_show_and_end_a_pool(cluster):
    command = str(Path(sys.executable).with_name("hqdist"))

    def run(*arguments):
        return subprocess.run(
            [command, "pool", *arguments],
            env={**os.environ, "RAY_ADDRESS": cluster, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert 'backend = "ray://commands"' in run("start", "commands", "--cpus", "0.5").stdout
    assert "there is a pool 'commands' already" in run("start", "commands").stderr
    assert "serving" in run("status", "commands").stdout
    assert run("stop", "commands").returncode == 0
    missing = run("scale", "commands", "2")
    assert missing.returncode == 2
    assert "there is no pool 'commands'" in missing.stderr


def test_a_name_without_a_pool_says_what_there_is(pool):
    with pytest.raises(hq.ConfigurationError, match=r"no pool 'nobody'.*tests"):
        hq.backend("ray://nobody").evaluate(asked())


def test_workers_take_the_resources_that_they_need(cluster):
    pool = Pool.start(PoolPlan(name="qpus", workers=2, cpus=0, resources={"qpu": 1}))
    try:
        with pytest.raises(hq.WorkerUnavailableError, match="have the resources"):
            Pool.start(PoolPlan(name="third", workers=1, cpus=0, resources={"qpu": 1}), timeout=1)
        assert "third" not in [other.name for other in Pool.all()]
    finally:
        pool.stop()


def test_a_pool_whose_workers_cannot_start_says_why_and_is_gone(cluster):
    with pytest.raises(hq.WorkerUnavailableError, match=r"cannot start: .* no backend is called 'nobody'"):
        Pool.start(PoolPlan(name="broken", backend={"name": "nobody"}, cpus=0.1))
    assert "broken" not in [other.name for other in Pool.all()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "a b"}, "letters"),
        ({"name": "a", "workers": 0}, "workers"),
        ({"name": "a", "workers": 10**6}, "at most 10000"),
        ({"name": "a", "workers": 3, "most": 2}, "not between"),
        ({"name": "a", "backend": "exact"}, "table with its name"),
        ({"name": "a", "cpus": -1}, "not negative"),
        ({"name": "a", "queue": {"rowz": 1}}, "rowz"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(options, words):
    with pytest.raises(hq.ConfigurationError, match=words):
        PoolPlan(**options)
