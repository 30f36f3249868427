"""What Prometheus finds at a worker."""

import re
import urllib.request

import numpy as np
import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.rpc import BackgroundWorker, WorkerSettings
from hqdist.testing.circuits import random_request

PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)


def asked(batch, **options):
    return random_request(np.random.default_rng(0), PROGRAM, batch, torch.float64, **options)


def scrape(url):
    with urllib.request.urlopen(url, timeout=30) as page:
        families = text_string_to_metric_families(page.read().decode())
        samples = [sample for family in families for sample in family.samples]
    labels = ("reason", "unit", "le")
    return {(s.name, next((s.labels[key] for key in labels if key in s.labels), None)): s.value for s in samples}


def test_the_figures_are_those_of_what_was_asked():
    with WorkerProcess("--backend", "sampling", "--metrics-port", "0") as worker:
        url = re.search(r"http://\S+/metrics", worker.log()).group(0)
        remote = hq.backend(worker.uri, rows_per_call=10)
        remote.evaluate(asked(25, shots=100, seed=1))
        remote.evaluate(asked(3, shots=100, seed=1))
        found = scrape(url)
    assert found["hqdist_requests_completed_total", None] == 4
    assert found["hqdist_rows_total", None] == 28
    assert found["hqdist_shots_total", None] == 2800
    assert found["hqdist_batch_rows_count", None] == 4
    assert found["hqdist_batch_rows_sum", None] == 28
    assert found["hqdist_batch_rows_bucket", "4.0"] == 1
    assert found["hqdist_batch_rows_bucket", "16.0"] == 4
    assert found["hqdist_compute_seconds_count", None] == 4
    assert found["hqdist_compute_seconds_sum", None] > 0
    assert found["hqdist_queue_seconds_count", None] == 4
    assert found["hqdist_queue_requests", None] == found["hqdist_running_requests", None] == 0


class Limited(hq.Backend):
    """Fails, and has a budget."""

    name = "limited"
    capabilities = hq.backend("exact").capabilities

    def evaluate(self, request):
        raise hq.PostSelectionError("nothing was detected")

    def budget_left(self):
        return hq.Budget(shots=1000, jobs=3).left(hq.Spending(shots=400, jobs=5))


def test_failures_have_a_reason_and_budgets_what_is_left():
    with BackgroundWorker(Limited(), WorkerSettings(metrics_port=0)) as worker:
        with pytest.raises(hq.PostSelectionError):
            hq.backend(worker.uri).evaluate(asked(1))
        found = scrape(worker.metrics)
    assert found["hqdist_requests_failed_total", "PostSelectionError"] == 1
    assert found["hqdist_budget_left", "shots"] == 600
    assert found["hqdist_budget_left", "jobs"] == 0


def test_a_port_that_is_taken_is_an_error():
    with BackgroundWorker(Limited(), WorkerSettings(metrics_port=0)) as worker:
        port = worker.worker.metrics_port
        with (
            pytest.raises(hq.ConfigurationError, match=f"cannot serve metrics on 127.0.0.1:{port}"),
            BackgroundWorker(Limited(), WorkerSettings(metrics_port=port)),
        ):
            pass
