"""Nodes and links that fail under a training run: several Ray nodes with addresses of their own on one machine.

Run with ``-rP`` to see how long recovery took.
"""

import json
import sys

import pytest
import training_run
from network import Network, why_not

from hqdist.execution import backend
from hqdist.rpc import BackgroundWorker

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

HEAD = "10.213.77.1:6379"


def join(node):
    node.start_ray(f"--address={HEAD}", '--resources={"site": 1}')


def whole(head):
    """Wait until both workers of the pool serve."""
    head.run(sys.executable, "-c", "from hqdist.cluster import Pool; Pool.find('far').wait(2, 120)")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A head, and two nodes with a worker of the pool `far` each."""
    plan = tmp_path_factory.mktemp("pool") / "pool.toml"
    plan.write_text("workers = 2\ncpus = 0.1\nresources = {site = 1}\nsecurity = {insecure = true}\n")
    with Network(3) as network:
        head, *others = network.machines
        head.start_ray("--head", "--port=6379", "--include-dashboard=false")
        for node in others:
            join(node)
        head.run("hqdist", "pool", "start", "far", "--config", str(plan))
        yield network.machines


class Run:
    """A training run on a machine, one step at a time."""

    def __init__(self, machine):
        self._process = machine.popen(sys.executable, training_run.__file__, "ray://far")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def step(self):
        """Its seconds."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._told("step"))

    def losses(self):
        return json.loads(self._told("losses"))

    def _told(self, word):
        for line in self._process.stdout:
            first, _, rest = line.partition(" ")
            if first == word:
                return rest
        raise AssertionError(self._process.stderr.read())


@pytest.fixture(scope="module")
def undisturbed():
    with BackgroundWorker(backend("exact")) as worker:
        return training_run.losses(backend(worker.uri, rows_per_call=5))


def test_a_node_that_dies_changes_nothing_and_comes_back(nodes, undisturbed):
    head, node, _ = nodes
    with Run(head) as run:
        usual = [run.step() for _ in range(3)][-1]
        assert node.kill("raylet/raylet") == 1
        print(f"a step takes {usual:.2f} s, that in which a raylet was killed {run.step():.2f} s")
        node.kill()
        join(node)
        whole(head)
        for _ in range(4):
            run.step()
        assert run.losses() == undisturbed


def test_a_link_that_is_cut_and_mended_changes_nothing(nodes, undisturbed):
    head, _, node = nodes
    with Run(head) as run:
        usual = [run.step() for _ in range(3)][-1]
        node.cut()
        print(f"a step takes {usual:.2f} s, that in which a link was cut {run.step():.2f} s")
        node.mend()
        for _ in range(4):
            run.step()
        assert run.losses() == undisturbed
    node.kill()  # what Ray has given up does not come back by itself
    join(node)
    whole(head)
