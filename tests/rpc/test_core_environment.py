"""A training process without Perceval and without Ray, and a worker that has what they need."""

import subprocess

import core_environment
import tomli_w
from hqdist_quandela.emulator import CloudEmulator
from worker_process import WorkerProcess

SCRIPT = """
import sys
import torch
import hqdist as hq

for package in ("perceval", "ray"):
    try:
        __import__(package)
    except ImportError:
        print("no", package)
try:
    hq.backend("quandela", platform="qpu:emulated").capabilities
except hq.MissingDependencyError as error:
    print(error)

layer = hq.QuantumLayer(program=hq.Experiment(n_modes=3, n_photons=1).program(1), backend=sys.argv[1], shots=200)
optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
before = layer.phases.detach().clone()
with hq.record_provenance() as record:
    layer(torch.rand(2, 1))[:, 0].sum().backward()
optimiser.step()
print("shots", record.shots, "changed", bool((layer.phases != before).any()))
"""


def test_a_process_without_perceval_and_ray_trains_through_a_worker_that_has_them(tmp_path):
    python = core_environment.make(tmp_path / "environment")
    with CloudEmulator(seed=5) as cloud:
        options = {"name": "quandela", "platform": "qpu:emulated", "url": cloud.url, "poll_seconds": 0.01}
        config = tmp_path / "worker.toml"
        config.write_text(tomli_w.dumps({"backend": options | {"ledger": str(tmp_path / "ledger.sqlite")}}))
        environment = {
            "PCVL_CLOUD_TOKEN": "emulator-token",
            "NO_PROXY": "127.0.0.1",
            "PCVL_PERSISTENT_PATH": str(tmp_path / "perceval"),
        }
        with WorkerProcess("--config", str(config), environment=environment) as worker:
            done = subprocess.run(
                [str(python), "-c", SCRIPT, worker.uri], capture_output=True, text=True, check=False, timeout=120
            )
        assert done.returncode == 0, done.stderr
        no_perceval, no_ray, missing, trained = done.stdout.splitlines()
        assert (no_perceval, no_ray) == ("no perceval", "no ray")
        assert 'pip install "hqdist[perceval]"' in missing
        assert trained == f"shots {cloud.statistics().shots} changed True"
