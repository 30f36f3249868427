"""Quantum layers under DistributedDataParallel: two processes on this machine, gloo on loopback."""

import multiprocessing

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import hqdist as hq

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12: forking beside threads is a risk

WORLD = 2


def model():
    torch.manual_seed(0)
    experiment = hq.Experiment(hq.CircuitType.SERIES, n_modes=4, n_photons=2, use_bandwidth_tuning=True)
    ansatz = hq.AnsatzFactory.create(experiment, input_size=3, output_size=2)
    return torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Sigmoid(), hq.QuantumLayer(ansatz=ansatz))


def batch():
    return torch.rand(8, 5, generator=torch.Generator().manual_seed(1))


def train(net, x, steps=2):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    for _ in range(steps):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    return [parameter.detach().numpy().copy() for parameter in net.parameters()]


def _member(rank, rendezvous, answers):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=WORLD)
    trained = train(DistributedDataParallel(model()), batch()[rank::WORLD])
    answers.put((rank, trained))
    dist.barrier()
    dist.destroy_process_group()


def test_two_processes_train_as_one(tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    expected = train(model(), batch())  # compiles the kernels before the processes part
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    rendezvous = (tmp_path / "rendezvous").as_uri()
    members = [context.Process(target=_member, args=(rank, rendezvous, answers), daemon=True) for rank in range(WORLD)]
    for member in members:
        member.start()
    trained = dict(answers.get(timeout=60) for _ in members)
    for member in members:
        member.join(60)
        assert member.exitcode == 0
    for found in trained.values():
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(torch.from_numpy(one), torch.from_numpy(other), rtol=1e-5, atol=1e-6)
