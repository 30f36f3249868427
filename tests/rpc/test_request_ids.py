"""The name of a request: in provenance, in the worker's log, with errors, in spans; the same everywhere."""

import json

import numpy as np
import pytest
import torch
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from worker_process import WorkerProcess

import hqdist as hq
from hqdist.rpc import BackgroundWorker
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")
PROGRAM = hq.Experiment(n_modes=4, n_photons=2).program(2)


def asked(batch=2):
    return random_request(np.random.default_rng(0), PROGRAM, batch, torch.float64)


def test_a_layers_call_is_found_in_the_workers_log_by_its_name():
    with WorkerProcess("--log-level", "debug", "--log-format", "json") as worker:
        layer = hq.QuantumLayer(program=PROGRAM, backend=hq.backend(worker.uri, rows_per_call=3))
        with hq.record_provenance() as record:
            layer(torch.rand(7, 2)).sum().backward()
            layer(torch.rand(1, 2))
        worker.terminate()
        lines = [json.loads(line) for line in worker.log().splitlines()]
    values, derivatives, other = (provenance.request_id for provenance in record.evaluations)
    assert values == derivatives != other
    told = [line for line in lines if line.get("request_id") == values]
    assert sorted((line["asked"], line["rows"]) for line in told) == [
        ("derivatives", 1), ("derivatives", 3), ("derivatives", 3), ("values", 1), ("values", 3), ("values", 3),
    ]  # fmt: skip
    for line in told:
        assert (line["level"], line["outcome"], line["program"]) == ("debug", "answered", PROGRAM.digest[:16])
        assert line["compute_seconds"] > 0 <= line["queue_seconds"]


def test_what_is_asked_without_a_layer_has_a_name_too():
    with BackgroundWorker(EXACT) as worker:
        remote = hq.backend(worker.uri)
        first, second = (remote.evaluate(asked()).provenance.request_id for _ in range(2))
    assert first != second
    assert len(first) == 16


def test_values_of_this_process_have_none():
    assert EXACT.evaluate(asked()).provenance.request_id is None


class Failing(hq.Backend):
    """Raises what is no error of ours."""

    name = "failing"
    capabilities = EXACT.capabilities

    def evaluate(self, request):
        raise OSError("no such device")


def test_an_error_carries_the_name_that_the_log_has(caplog):
    with BackgroundWorker(Failing()) as worker, pytest.raises(hq.WorkerError) as caught:
        hq.backend(worker.uri).evaluate(asked())
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert caught.value.__notes__ == [f"request {logged.request_id} at worker {worker.address}"]
    assert logged.reason == "OSError"


@pytest.fixture(scope="module")
def exporter():
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    trace.set_tracer_provider(provider)
    return found


def test_spans_of_the_worker_are_within_those_of_the_caller(exporter):
    with BackgroundWorker(EXACT) as worker:
        remote = hq.backend(worker.uri, rows_per_call=1)
        name = remote.evaluate(asked()).provenance.request_id
    first, second, call = sorted(exporter.get_finished_spans(), key=lambda span: span.name, reverse=True)
    assert (first.name, second.name, call.name) == (
        "hqdist.worker.evaluate",
        "hqdist.worker.evaluate",
        "hqdist.evaluate",
    )
    for span in (first, second):
        assert span.parent.span_id == call.context.span_id
        assert span.attributes["hqdist.request_id"] == call.attributes["hqdist.request_id"] == name
        assert span.attributes["hqdist.compute_seconds"] > 0
