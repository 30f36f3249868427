"""The demo and the examples, unchanged, with `ray://...` as their backend."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w
from test_pool import until
from training_run import losses

from hqdist.cluster import Pool, PoolPlan

EXAMPLES = Path(__file__).parents[2] / "examples"
HQDIST = str(Path(sys.executable).with_name("hqdist"))


@pytest.fixture(scope="module", params=[1, 3])
def pool(request, cluster):
    running = Pool.start(PoolPlan(name=f"examples{request.param}", workers=request.param, cpus=1))
    yield f"ray://{running.name}"
    running.stop()


def run(cluster, *command, **environment):
    done = subprocess.run(
        command, env=os.environ | {"RAY_ADDRESS": cluster} | environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def course(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def demo(cluster, tmp_path_factory):
    """The demo, cut to three epochs, and what it gives in this process."""
    folder = tmp_path_factory.mktemp("demo")
    table = tomllib.loads((EXAMPLES / "digits.toml").read_text())
    table["training"]["epochs"] = 3
    configuration = folder / "digits.toml"
    configuration.write_text(tomli_w.dumps(table))
    run(cluster, HQDIST, "train", str(configuration), "--run-dir", str(folder / "here"))
    return configuration, course(folder / "here")


def test_the_demo_gives_the_same_curve_even_if_its_process_is_killed_and_resumed(cluster, pool, demo, tmp_path):
    configuration, expected = demo
    folder = tmp_path / "there"
    command = [HQDIST, "train", str(configuration), "--run-dir", str(folder), "--backend", pool, "--resume"]
    first = subprocess.Popen(command, env=os.environ | {"RAY_ADDRESS": cluster}, stdout=subprocess.DEVNULL)
    until(lambda: first.poll() is not None or ((folder / "metrics.jsonl").exists() and course(folder)))
    first.kill()
    first.wait()
    assert 0 < len(course(folder)) < 3
    run(cluster, *command)
    assert course(folder) == expected


def test_layers_that_name_no_backend_follow_the_environment(pool, monkeypatch):
    here = losses(None)
    monkeypatch.setenv("HQDIST_BACKEND", pool)
    assert losses(None) == pytest.approx(here, rel=0, abs=1e-10)
