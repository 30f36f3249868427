"""What the core needs, and what it must do without."""

import subprocess
import sys
from importlib.metadata import requires


def test_a_layer_trains_without_perceval_and_without_ray():
    script = """
import sys
sys.modules["perceval"] = sys.modules["ray"] = None
import torch
import hqdist as hq

ansatz = hq.AnsatzFactory.create(hq.Experiment(n_modes=4, n_photons=2), input_size=2, output_size=3)
layer = hq.QuantumLayer(2, ansatz)
layer(torch.rand(5, 2)).sum().backward()
try:
    hq.QuantumLayer(circuit=object(), input_state=[1, 1])
except hq.MissingDependencyError as error:
    print(error)
print(sorted({"sklearn", "matplotlib", "pydantic", "typer", "rich"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    message, heavy = done.stdout.splitlines()
    assert 'pip install "hqdist[perceval]"' in message
    assert heavy == "[]"


def test_perceval_and_ray_are_extras():
    needed = [line for line in requires("hqdist") or () if "extra ==" not in line]
    assert needed
    assert not any(line.startswith(("perceval", "ray")) for line in needed)
