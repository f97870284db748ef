"""Vectors of 64 bytes as Numba values: LLVM's own vector types, so that no loop waits to be vectorised.

    I8   64 x int8       LLRs in steps                U32  16 x uint32     random words, labels
    F32  16 x float32    LLRs, samples                U64  8 x uint64      products of 32-bit words
    F64  8 x float64     fades

A CPU with wider or narrower registers computes the same: LLVM splits what does not fit. Operators work lane
by lane; a scalar beside a vector is taken in each lane. Floats are IEEE's, never contracted to fused
ones, so every CPU gives the same bits. `phy.native.vectors` has what else is done with them.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, models, register_model, type_callable


class Vector(types.Type):
    """`lanes` values of a Numba scalar type."""

    def __init__(self, element: types.Type, lanes: int) -> None:
        super().__init__(name=f"Vector({element} x {lanes})")
        self.element, self.lanes = element, lanes
        bits = element.bitwidth
        floats = {32: ir.FloatType(), 64: ir.DoubleType()}
        self.scalar = floats[bits] if isinstance(element, types.Float) else ir.IntType(bits)
        self.llvm = ir.VectorType(self.scalar, lanes)

    @property
    def suffix(self) -> str:
        """The type's name in those of LLVM's intrinsics."""
        letter = "f" if isinstance(self.element, types.Float) else "i"
        return f"v{self.lanes}{letter}{self.element.bitwidth}"


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


I8 = Vector(types.int8, 64)
U32 = Vector(types.uint32, 16)
F32 = Vector(types.float32, 16)
U64 = Vector(types.uint64, 8)
F64 = Vector(types.float64, 8)
OF = {v.element: v for v in (I8, U32, F32, U64, F64)}
OF[types.uint8] = I8
"""The vector of an array's elements."""

MASK = {64: types.uint64, 16: types.uint16, 8: types.uint8}


def constant(vector: Vector, value: float) -> ir.Constant:
    """The value in every lane."""
    return ir.Constant(vector.llvm, [ir.Constant(vector.scalar, value)] * vector.lanes)


def spread(builder: ir.IRBuilder, vector: Vector, scalar: ir.Value) -> ir.Value:
    """A scalar in every lane."""
    if isinstance(scalar, ir.Constant) and not isinstance(scalar.constant, str):
        return constant(vector, scalar.constant)
    nothing, index = ir.Constant(vector.llvm, ir.Undefined), ir.IntType(32)
    one = builder.insert_element(nothing, scalar, ir.Constant(index, 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(index, vector.lanes), None))


def call(builder: ir.IRBuilder, name: str, vector: Vector, *args: ir.Value) -> ir.Value:
    """llvm.NAME of vectors, giving one of the same type."""
    kind = ir.FunctionType(vector.llvm, [a.type for a in args])
    return builder.call(
        cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.{vector.suffix}"), args
    )


# operators: vector with vector, or with a scalar of its own element type

_INTEGER = {
    operator.add: "add",
    operator.sub: "sub",
    operator.mul: "mul",
    operator.and_: "and_",
    operator.or_: "or_",
    operator.xor: "xor",
    operator.rshift: "lshr",
    operator.lshift: "shl",
}
_FLOAT = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}


def _operation(op: Callable) -> None:
    @type_callable(op)
    def typed(context: Any) -> Callable:
        def result(a: types.Type, b: types.Type) -> types.Type | None:
            vector = a if isinstance(a, Vector) else b
            names = _FLOAT if isinstance(getattr(vector, "element", None), types.Float) else _INTEGER
            fits = all(x == vector or isinstance(x, types.Number) for x in (a, b))
            return vector if isinstance(vector, Vector) and fits and op in names else None

        return result

    def lower(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        vector = sig.return_type
        names = _FLOAT if isinstance(vector.element, types.Float) else _INTEGER
        both = [
            x if t == vector else spread(builder, vector, context.cast(builder, x, t, vector.element))
            for t, x in zip(sig.args, args, strict=True)
        ]
        return getattr(builder, names[op])(*both)

    lower_builtin(op, Vector, Vector)(lower)
    lower_builtin(op, Vector, types.Number)(lower)
    lower_builtin(op, types.Number, Vector)(lower)


for _op in _INTEGER | _FLOAT:
    _operation(_op)
