"""SIMD vectors for Numba: one vector holds the same number of a whole tile of samples.

Numba's own loops reach a tenth of what the processor can do on this kind of code. Here a Numba type stands
for LLVM's `<16 x float>` or `<8 x double>`; LLVM maps it to whatever registers the machine has (one of
AVX-512, two of AVX, four of SSE2 or NEON). Buffers are flat arrays of vectors: row r is elements [r L,
(r + 1) L), L lanes.

The arithmetic treats all lanes alike, so the lane that a sample sits in cannot change its result.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel

_intrinsic: Callable[[Any], Any] = extending.intrinsic

LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 8}
"""Samples in a tile, by the numbers' type: 64 bytes in both cases."""


class VectorType(types.Type):
    """A vector of `lanes` numbers of the Numba type `scalar`."""

    def __init__(self, scalar: types.Float, lanes: int) -> None:
        self.scalar = scalar
        self.lanes = lanes
        super().__init__(name=f"{scalar}x{lanes}")


@extending.register_model(VectorType)
class VectorModel(PrimitiveModel):
    """Represents a `VectorType` as an LLVM vector, in registers and in memory."""

    def __init__(self, manager: Any, vector: VectorType) -> None:
        element = ir.FloatType() if vector.scalar.bitwidth == 32 else ir.DoubleType()
        super().__init__(manager, vector, ir.VectorType(element, vector.lanes))  # type: ignore[no-untyped-call]


_BY_SCALAR = {types.float32: VectorType(types.float32, 16), types.float64: VectorType(types.float64, 8)}


def _pointer(context: Any, builder: ir.IRBuilder, array: Any, value: Any, first: ir.Value) -> ir.Value:
    """Address of the vector that starts at element `first` of a contiguous array."""
    data = context.make_array(array)(context, builder, value).data
    vector = context.get_value_type(_BY_SCALAR[array.dtype])
    return builder.bitcast(builder.gep(data, [first]), vector.as_pointer())


def _row(builder: ir.IRBuilder, row: ir.Value, lanes: int) -> ir.Value:
    """Index of the first element of a row of a flat buffer of vectors."""
    return builder.mul(row, ir.Constant(row.type, lanes))


def _alignment(array: Any) -> int:
    return array.dtype.bitwidth // 8  # type: ignore[no-any-return]


@_intrinsic
def item(typingctx: Any, array: Any, index: Any) -> Any:
    """An element of an array of integers, without Numba's look at whether the index is negative."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, args[0]).data
        return context.cast(builder, builder.load(builder.gep(data, [args[1]])), array.dtype, types.intp)

    return types.intp(array, types.intp), codegen


@_intrinsic
def load(typingctx: Any, buffer: Any, row: Any) -> Any:
    """The vector in a row of a flat buffer."""
    vector = _BY_SCALAR[buffer.dtype]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        first = _row(builder, args[1], vector.lanes)
        return builder.load(_pointer(context, builder, buffer, args[0], first), align=_alignment(buffer))

    return vector(buffer, types.intp), codegen


@_intrinsic
def load_behind(typingctx: Any, buffer: Any, row: Any, offset: Any) -> Any:
    """The vector so many bytes behind a row: with bytes in a table, the processor adds and nothing more."""
    vector = _BY_SCALAR[buffer.dtype]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        pointer = _pointer(context, builder, buffer, args[0], _row(builder, args[1], vector.lanes))
        there = builder.gep(builder.bitcast(pointer, ir.IntType(8).as_pointer()), [args[2]])
        return builder.load(builder.bitcast(there, pointer.type), align=_alignment(buffer))

    return vector(buffer, types.intp, types.intp), codegen


@_intrinsic
def store(typingctx: Any, buffer: Any, row: Any, vector: Any) -> Any:
    """Writes a vector to a row of a flat buffer."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        first = _row(builder, args[1], vector.lanes)
        builder.store(args[2], _pointer(context, builder, buffer, args[0], first), align=_alignment(buffer))
        return context.get_dummy_value()

    return types.void(buffer, types.intp, vector), codegen


@_intrinsic
def fill(typingctx: Any, buffer: Any, value: Any) -> Any:
    """A vector, of the kind that `buffer` holds, with `value` in every lane."""
    vector = _BY_SCALAR[buffer.dtype]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        kind = context.get_value_type(vector)
        scalar = context.cast(builder, args[1], value, vector.scalar)
        single = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(
            single,
            ir.Constant(kind, ir.Undefined),
            ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), None),
        )

    return vector(buffer, value), codegen


def _multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """A b + c, fused if the machine can: `llvm.fma` would call a function per lane if it cannot."""
    name = f"llvm.fmuladd.v{a.type.count}f{32 if isinstance(a.type.element, ir.FloatType) else 64}"
    function = builder.module.declare_intrinsic(name, fnty=ir.FunctionType(a.type, [a.type] * 3))
    return builder.call(function, [a, b, c])


@_intrinsic
def add(typingctx: Any, a: Any, b: Any) -> Any:
    """A + b."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.fadd(*args)

    return a(a, b), codegen


@_intrinsic
def multiply(typingctx: Any, a: Any, b: Any) -> Any:
    """A b."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.fmul(*args)

    return a(a, b), codegen


@_intrinsic
def multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """A b + c."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return _multiply_add(builder, *args)

    return a(a, b, c), codegen


@_intrinsic
def subtract_product(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """C - a b."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return _multiply_add(builder, builder.fneg(args[0]), args[1], args[2])

    return a(a, b, c), codegen


def _transpose(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Transposes an L x L block held in L vectors, exchanging off-diagonal blocks of 1, 2, 4, ... lanes."""
    lanes = len(rows)
    kind = ir.VectorType(ir.IntType(32), lanes)
    half = 1
    while half < lanes:
        upper = ir.Constant(kind, [i if not i & half else lanes + i - half for i in range(lanes)])
        lower = ir.Constant(kind, [i + half if not i & half else lanes + i for i in range(lanes)])
        for i in range(lanes):
            if not i & half:
                a, b = rows[i], rows[i + half]
                rows[i] = builder.shuffle_vector(a, b, upper)
                rows[i + half] = builder.shuffle_vector(a, b, lower)
        half *= 2
    return rows


def _sample_pointer(
    context: Any, builder: ir.IRBuilder, array: Any, value: Any, sample: ir.Value, column: ir.Value
) -> ir.Value:
    """Address of a vector that starts at a column of a sample's row."""
    width = builder.extract_value(context.make_array(array)(context, builder, value).shape, 1)
    return _pointer(context, builder, array, value, builder.add(builder.mul(sample, width), column))


@_intrinsic
def store_transposed(typingctx: Any, buffer: Any, row: Any, target: Any, column: Any, sample: Any, samples: Any) -> Any:
    """Copies L rows of a buffer to L columns of a matrix (B, R) whose rows are samples.

    Lane l of row `row + c` goes to `target[sample + l, column + c]`, for the lanes l < samples.
    """
    vector = _BY_SCALAR[buffer.dtype]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        rows, row, matrix, column, sample, samples = args
        block = []
        for i in range(vector.lanes):
            first = _row(builder, builder.add(row, ir.Constant(row.type, i)), vector.lanes)
            pointer = _pointer(context, builder, buffer, rows, first)
            block.append(builder.load(pointer, align=_alignment(buffer)))
        # Without branches: lanes without a sample go to the last sample's row, which is written after them.
        final = builder.sub(samples, ir.Constant(row.type, 1))
        for i, values in reversed(list(enumerate(_transpose(builder, block)))):
            lane = ir.Constant(row.type, i)
            lane = builder.select(builder.icmp_signed("<", lane, final), lane, final)
            pointer = _sample_pointer(context, builder, target, matrix, builder.add(sample, lane), column)
            builder.store(values, pointer, align=_alignment(target))
        return context.get_dummy_value()

    index = types.intp
    return types.void(buffer, index, target, index, index, index), codegen


@_intrinsic
def load_transposed(typingctx: Any, buffer: Any, row: Any, source: Any, column: Any, sample: Any, samples: Any) -> Any:
    """The inverse of `store_transposed`: copies L columns of a matrix (B, R) to L rows of a buffer.

    Lanes without a sample become zero.
    """
    vector = _BY_SCALAR[buffer.dtype]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        rows, row, matrix, column, sample, samples = args
        final = builder.sub(samples, ir.Constant(row.type, 1))
        block = []
        for i in range(vector.lanes):
            lane = ir.Constant(row.type, i)
            present = builder.icmp_signed("<", lane, samples)
            lane = builder.select(present, lane, final)
            pointer = _sample_pointer(context, builder, source, matrix, builder.add(sample, lane), column)
            values = builder.load(pointer, align=_alignment(source))
            block.append(builder.select(present, values, ir.Constant(values.type, None)))
        for i, values in enumerate(_transpose(builder, block)):
            first = _row(builder, builder.add(row, ir.Constant(row.type, i)), vector.lanes)
            builder.store(values, _pointer(context, builder, buffer, rows, first), align=_alignment(buffer))
        return context.get_dummy_value()

    index = types.intp
    return types.void(buffer, index, source, index, index, index), codegen


@_intrinsic
def sum_lanes(typingctx: Any, buffer: Any, row: Any) -> Any:
    """The sum of the lanes of a row, in an order that depends on the machine alone."""
    vector = _BY_SCALAR[buffer.dtype]

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        first = _row(builder, args[1], vector.lanes)
        values = builder.load(_pointer(context, builder, buffer, args[0], first), align=_alignment(buffer))
        element = values.type.element
        name = f"llvm.vector.reduce.fadd.v{vector.lanes}f{vector.scalar.bitwidth}"
        kind = ir.FunctionType(element, [element, values.type])
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [ir.Constant(element, 0.0), values], fastmath=("reassoc",))

    return vector.scalar(buffer, types.intp), codegen
