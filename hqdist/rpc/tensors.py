"""Tensors as they travel: bytes with a shape and a dtype."""

import math

import numpy as np
import torch

from hqdist.errors import RequestError
from hqdist.rpc.v1 import worker_pb2 as pb

#: Little-endian, whatever the machine is.
_FORMATS = {pb.FLOAT32: "<f4", pb.FLOAT64: "<f8", pb.COMPLEX64: "<c8", pb.COMPLEX128: "<c16"}
_DTYPES = {
    torch.float32: pb.FLOAT32,
    torch.float64: pb.FLOAT64,
    torch.complex64: pb.COMPLEX64,
    torch.complex128: pb.COMPLEX128,
}
_TORCH = {number: dtype for dtype, number in _DTYPES.items()}


def tensor_message(values: torch.Tensor) -> pb.Tensor:
    """A dense floating-point or complex tensor, from whatever device, as a message."""
    shell, data = tensor_parts(values)
    shell.data = bytes(data)
    return shell


def tensor_parts(values: torch.Tensor) -> tuple[pb.Tensor, memoryview]:
    """The same, with the bytes apart; they are the tensor's own where they can be."""
    dtype = _DTYPES[values.dtype]
    array = values.detach().cpu().numpy().astype(_FORMATS[dtype], order="C", copy=False)
    return pb.Tensor(dtype=dtype, shape=array.shape), array.reshape(-1).view(np.uint8).data


def tensor_from(
    message: pb.Tensor, what: str, data: bytes | memoryview | None = None, into: torch.Tensor | None = None
) -> torch.Tensor:
    """The tensor of a message, on the CPU, in memory of its own.

    Args:
        message: From `tensor_message`, or from anybody.
        what: What it should be, for messages.
        data: Its bytes, if they are apart.
        into: A tensor of its shape and dtype on the CPU to write it to; None makes a new one.

    Raises:
        RequestError: If it is none, or its bytes do not fit its shape.
    """
    if message.dtype not in _FORMATS:
        raise RequestError(f"{what} came without a dtype that this version knows")
    layout, shape = np.dtype(_FORMATS[message.dtype]), tuple(message.shape)
    data = message.data if data is None else data
    if len(shape) > 2 or math.prod(shape) * layout.itemsize != len(data):
        raise RequestError(f"{what} came with {len(data)} bytes for a tensor {shape} of {layout.name}")
    if into is None:
        into = torch.empty(shape, dtype=_TORCH[message.dtype])
    write(data, into)
    return into


def write(data: bytes | memoryview, into: torch.Tensor, first: int = 0) -> int:
    """Write numbers as they travel into a dense tensor on the CPU.

    Args:
        data: Their bytes.
        into: Where to.
        first: The place of the first of them, in row-major order.

    Returns:
        The place after the last of them.

    Raises:
        RequestError: If they are no whole numbers, or more than there is room for.
    """
    layout = np.dtype(_FORMATS[_DTYPES[into.dtype]])
    last, rest = divmod(first * layout.itemsize + len(data), layout.itemsize)
    if rest or last > into.numel():
        raise RequestError(f"{len(data)} bytes came for number {first} and the next of {into.numel()} of {layout.name}")
    if last > first:  # NumPy copies from any address; torch takes for granted that numbers are aligned
        into.view(-1).numpy()[first:last] = np.frombuffer(data, layout)
    return last


def is_tensor(message: pb.Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> bool:
    """Whether a message says that it is a tensor of some shape and dtype."""
    return tuple(message.shape) == shape and _TORCH.get(message.dtype) == dtype
