"""The exact backend passes the conformance kit, with its CPU kernels and with the operations it uses on a GPU."""

import pytest
import torch
from hqdist_exact import ExactBackend
from hqdist_exact._device import DeviceLight

from hqdist.testing import checks

CHECKS = checks(ExactBackend())

#: Torch's own sums and products round with the number of rows.
ONLY_KERNELS = {
    "rows_do_not_depend_on_their_batch",
    "input_gradients_do_not_depend_on_their_batch",
}


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_kernels(check):
    check()


@pytest.mark.parametrize("check", [check for check in CHECKS if check.name not in ONLY_KERNELS], ids=str)
def test_torch_operations(check, monkeypatch):
    monkeypatch.setattr("hqdist_exact.backend.CpuLight", DeviceLight)
    check()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_is_declared():
    assert "cuda" in ExactBackend().capabilities.devices
