"""What tests share: Perceval's files elsewhere than at home, a Ray cluster, an emulated cloud, all kinds of backend."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hqdist_quandela.emulator import CloudEmulator

    import hqdist as hq

_PERCEVAL_FILES = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # Perceval makes its directory when it is imported.
    config.stash[_PERCEVAL_FILES] = tempfile.TemporaryDirectory(prefix="hqdist-perceval-")
    os.environ["PCVL_PERSISTENT_PATH"] = config.stash[_PERCEVAL_FILES].name
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_PERCEVAL_FILES].cleanup()


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator["CloudEmulator"]:
    """A running emulator with the default platforms; Perceval's client asks it as often as it is asked."""
    from hqdist_quandela.emulator import CloudEmulator
    from perceval.runtime.legacy import RemoteJob

    monkeypatch.setattr(RemoteJob, "STATUS_REFRESH_DELAY", -1)
    with CloudEmulator(seed=1) as running:
        yield running


@pytest.fixture(scope="session")
def _cloud() -> Iterator["CloudEmulator"]:
    from hqdist_quandela.emulator import CloudEmulator

    with CloudEmulator(seed=1) as running:
        yield running


@pytest.fixture(scope="session")
def _worker() -> Iterator[str]:
    import hqdist as hq
    from hqdist.rpc import BackgroundWorker

    with BackgroundWorker(hq.backend("exact")) as running:
        yield running.uri


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of the tests' own, on this machine, to which this process is connected."""
    from hqdist.cluster.ray_cluster import NAMESPACE, ray

    module = ray()
    before = os.environ.pop("RAY_ADDRESS", None)
    # Ray's own 30 s are too few on a machine that is busy.
    os.environ["RAY_gcs_server_port_wait_time_s"] = "180"  # noqa: SIM112
    context = module.init(
        address="local", num_cpus=8, resources={"qpu": 2}, namespace=NAMESPACE, include_dashboard=False,
        log_to_driver=False, logging_level="ERROR",
    )  # fmt: skip
    try:
        yield context.address_info["gcs_address"]
    finally:
        module.shutdown()
        if before is not None:
            os.environ["RAY_ADDRESS"] = before


@pytest.fixture(scope="session")
def _pool(cluster: str) -> Iterator[str]:
    from hqdist.cluster import Pool, PoolPlan

    pool = Pool.start(PoolPlan(name="shared", workers=2, cpus=0.1))
    yield "ray://shared"
    pool.stop()


@pytest.fixture(params=["exact", "sampling", "worker", "pool", "qpu"])
def any_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "hq.Backend":
    """Every kind of backend in turn: a simulator here, one with shots, a worker, a pool, a processor in the cloud.

    The processor takes circuits with photons in every other mode, and answers the same request with the same shots.
    """
    import hqdist as hq

    match request.param:
        case "exact":
            return hq.backend("exact")
        case "sampling":
            return hq.backend("sampling", shots=500)
        case "worker":
            return hq.backend(request.getfixturevalue("_worker"))
        case "pool":
            return hq.backend(request.getfixturevalue("_pool"))
        case _:
            monkeypatch.setenv("PCVL_CLOUD_TOKEN", "emulator-token")
            monkeypatch.setenv("HQDIST_LEDGER", str(tmp_path / "ledger.sqlite"))
            url = request.getfixturevalue("_cloud").url
            return hq.backend("quandela", platform="qpu:emulated", url=url, poll_seconds=0.002, shots=5000)
