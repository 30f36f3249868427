"""Large fields travel beside their messages, and any protobuf library reads the two as one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqdist.rpc.bulk import with_bulk, without_bulk
from hqdist.rpc.v1 import worker_pb2 as pb

PATH = (1, 1, 3)


def message(job_ids=("a",)):
    return pb.EvaluateReply(
        result=pb.Result(
            values=pb.Tensor(dtype=pb.FLOAT32, shape=[2, 3]),
            acceptance=pb.Tensor(dtype=pb.FLOAT32, shape=[2], data=b"12345678"),
            provenance=pb.Provenance(backend="exact", job_ids=job_ids, credits=0.5, seed=3),
        )
    )


@given(st.binary(max_size=300), st.lists(st.text(max_size=5), max_size=3))
def test_protobuf_reads_what_was_put_together(data, names):
    raw = with_bulk(message(names).SerializeToString(), PATH, data)
    whole = message(names)
    whole.result.values.data = data
    assert pb.EvaluateReply.FromString(raw) == whole


@given(st.binary(max_size=300))
def test_what_was_put_together_comes_apart(data):
    rest, bulk = without_bulk(with_bulk(message().SerializeToString(), PATH, data), PATH)
    assert pb.EvaluateReply.FromString(rest) == message()
    assert bytes(bulk) == data


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 2**21])
def test_lengths_of_every_size(size):
    data = np.random.default_rng(size).bytes(size)
    _, bulk = without_bulk(with_bulk(b"", PATH, memoryview(data)), PATH)
    assert bytes(bulk) == data


def test_a_message_that_protobuf_put_together_stays_whole():
    whole = message()
    whole.result.values.data = b"abc"
    raw = whole.SerializeToString()
    rest, bulk = without_bulk(raw, PATH)
    found = pb.EvaluateReply.FromString(rest)
    if bulk is not None:
        found.result.values.data = bytes(bulk)
    assert found == whole


@given(st.binary(max_size=60))
def test_no_bytes_do_any_harm(raw):
    try:
        rest, bulk = without_bulk(raw, PATH)
    except ValueError:
        return
    assert len(rest) + (0 if bulk is None else len(bulk)) <= len(raw)


def test_an_unknown_field_is_tolerated():
    unknown = b"\xa2\x06\x03xyz"  # field 100
    rest, bulk = without_bulk(with_bulk(message().SerializeToString() + unknown, PATH, b"abc"), PATH)
    assert bytes(bulk) == b"abc"
    assert pb.EvaluateReply.FromString(rest).result.provenance.backend == "exact"
