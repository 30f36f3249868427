"""A Ray cluster of the tests' own, on this machine."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address; this process is connected to it."""
    from hqdist.cluster.ray_cluster import NAMESPACE, ray

    module = ray()
    before = os.environ.pop("RAY_ADDRESS", None)
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
