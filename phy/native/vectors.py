"""What kernels do with vectors: take them from memory and put them back, and compute lane by lane.

An index counts elements of the array seen flat, and is never negative; vectors need not be aligned there. A
mask is an integer with one bit a lane. The arguments `typing` and `context` are Numba's own.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from phy.native.vector_types import F32, F64, I8, MASK, OF, U32, U64, Vector, call, spread

# memory: 64 bytes at an element's index, aligned or not


def _address(context: Any, builder: ir.IRBuilder, array_type: Any, array: Any, index: Any, to: Vector) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), to.llvm.as_pointer())


@intrinsic
def load(typing, array, index):
    """The vector that begins at array[index] (flat)."""
    vector = OF[array.dtype]

    def generate(context, builder, sig, args):
        return builder.load(_address(context, builder, sig.args[0], args[0], args[1], vector), align=1)

    return vector(array, types.intp), generate


@intrinsic
def store(typing, array, index, value):
    """Put the vector at array[index] (flat) and after."""

    def generate(context, builder, sig, args):
        place = _address(context, builder, sig.args[0], args[0], args[1], sig.args[2])
        builder.store(args[2], place, align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@intrinsic
def at(typing, array, index):
    """array[index] (flat) of an index that is not negative, so that none is tested for."""

    def generate(context, builder, sig, args):
        return builder.load(
            builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [args[1]])
        )

    return array.dtype(array, types.intp), generate


@intrinsic
def put(typing, array, index, value):
    """array[index] = value (flat) of an index that is not negative and a value of the array's type."""

    def generate(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        builder.store(args[2], builder.gep(data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), generate


def _splat(vector: Vector) -> Any:
    @intrinsic
    def splat(typing, value):
        """The scalar in every lane."""

        def generate(context, builder, sig, args):
            return spread(builder, vector, args[0])

        return vector(vector.element), generate

    return splat


splat_i8, splat_u32, splat_f32 = _splat(I8), _splat(U32), _splat(F32)
splat_u64 = _splat(U64)


# functions of vectors that LLVM has by name, or that are one instruction


def _named(name: str, arity: int, *flags: int) -> Any:
    def generate(context, builder, sig, args):
        return call(
            builder, name, sig.return_type, *args, *(ir.Constant(ir.IntType(1), flag) for flag in flags)
        )

    if arity == 1:

        @intrinsic
        def one(typing, a):
            return a(a), generate

        return one

    @intrinsic
    def two(typing, a, b):
        return a(a, b), generate

    return two


saturating_add, saturating_sub = _named("sadd.sat", 2), _named("ssub.sat", 2)
less_or_zero = _named("usub.sat", 2)  # max(a - b, 0), unsigned
least, most = _named("umin", 2), _named("umax", 2)  # unsigned
magnitude = _named("abs", 1, 0)  # of int8, -128 becoming 128 unsigned
square_root = _named("sqrt", 1)
absolute = _named("fabs", 1)


@intrinsic
def where(typing, condition, a, b):
    """a in the lanes of the mask's ones, else b."""

    def generate(context, builder, sig, args):
        bits = ir.VectorType(ir.IntType(1), a.lanes)
        return builder.select(builder.bitcast(args[0], bits), args[1], args[2])

    return a(MASK[a.lanes], a, a), generate


def _comparison(sign: str, kind: str) -> Any:
    @intrinsic
    def compare(typing, a, b):
        """The mask of lanes where it holds."""

        def generate(context, builder, sig, args):
            test = {
                "f": builder.fcmp_ordered,
                "u": builder.icmp_unsigned,
                "s": builder.icmp_signed,
            }[kind](sign, args[0], args[1])
            return builder.bitcast(test, ir.IntType(a.lanes))

        return MASK[a.lanes](a, a), generate

    return compare


same = _comparison("==", "s")  # of integers
below = _comparison("<", "f")  # of floats


@intrinsic
def negative(typing, a):
    """The mask of lanes whose sign bit is set."""

    def generate(context, builder, sig, args):
        width = a.element.bitwidth
        words = ir.VectorType(ir.IntType(width), a.lanes)
        zero = ir.Constant(words, None)
        test = builder.icmp_signed("<", builder.bitcast(args[0], words), zero)
        return builder.bitcast(test, ir.IntType(a.lanes))

    return MASK[a.lanes](a), generate


@intrinsic
def any_of(typing, a):
    """The OR of all lanes of integers, a scalar."""

    def generate(context, builder, sig, args):
        name = f"llvm.vector.reduce.or.{a.suffix}"
        kind = ir.FunctionType(a.scalar, [a.llvm])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    return a.element(a), generate


@intrinsic
def with_sign(typing, sign, a):
    """-a (of integers) in the lanes where `sign` is below 0, else a."""

    def generate(context, builder, sig, args):
        zero = ir.Constant(a.llvm, None)
        return builder.select(builder.icmp_signed("<", args[0], zero), builder.sub(zero, args[1]), args[1])

    return a(a, a), generate


def _extreme(sign: str) -> Any:
    @intrinsic
    def extreme(typing, a, b):
        """Of floats without NaN."""

        def generate(context, builder, sig, args):
            return builder.select(builder.fcmp_ordered(sign, args[0], args[1]), args[0], args[1])

        return a(a, b), generate

    return extreme


lower, higher = _extreme("<"), _extreme(">")


def _zip(first: int) -> Any:
    @intrinsic
    def zipped(typing, a, b):
        """Lanes of a and b in turns, of their lower or upper halves."""

        def generate(context, builder, sig, args):
            half = a.lanes // 2
            lanes = [lane for i in range(half) for lane in (first * half + i, a.lanes + first * half + i)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), a.lanes), lanes)
            return builder.shuffle_vector(*args, mask)

        return a(a, b), generate

    return zipped


zip_low, zip_high = _zip(0), _zip(1)


def _as(vector: Vector, instruction: str) -> Any:
    @intrinsic
    def convert(typing, a):
        """The same bits, or the nearest numbers, in another type."""

        def generate(context, builder, sig, args):
            return getattr(builder, instruction)(args[0], vector.llvm)

        return vector(a), generate

    return convert


@intrinsic
def upper(typing, a):
    """Upper halves of 64-bit lanes, in their lower ones and still in their upper: a shuffle, where ports are
    free.
    """

    def generate(context, builder, sig, args):
        words = builder.bitcast(args[0], U32.llvm)
        lanes = [i | 1 for i in range(16)]
        mask = ir.Constant(ir.VectorType(ir.IntType(32), 16), lanes)
        return builder.bitcast(builder.shuffle_vector(words, words, mask), U64.llvm)

    return U64(a), generate


@intrinsic
def doubles(typing, a, half):
    """Lanes 0-7 or 8-15 of float32, as float64; half is the literal 0 or 1."""
    if not isinstance(half, types.IntegerLiteral):
        return None
    lanes = [8 * half.literal_value + i for i in range(8)]

    def generate(context, builder, sig, args):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), 8), lanes)
        return builder.fpext(builder.shuffle_vector(args[0], args[0], mask), F64.llvm)

    return F64(a, half), generate


@intrinsic
def singles(typing, low, high):
    """16 float64 rounded to float32."""

    def generate(context, builder, sig, args):
        both = [builder.fptrunc(x, ir.VectorType(ir.FloatType(), 8)) for x in args]
        return builder.shuffle_vector(*both, ir.Constant(ir.VectorType(ir.IntType(32), 16), list(range(16))))

    return F32(low, high), generate


@intrinsic
def store_bytes(typing, array, index, a):
    """Put the lowest bytes of 16 words at array[index] and after: int8."""

    def generate(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        kind = ir.VectorType(ir.IntType(8), 16)
        place = builder.bitcast(builder.gep(data, [args[1]]), kind.as_pointer())
        builder.store(builder.trunc(args[2], kind), place, align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, a), generate


bits_of, float_of_bits = _as(U32, "bitcast"), _as(F32, "bitcast")
pairs_of, words_of = _as(U64, "bitcast"), _as(U32, "bitcast")
float_of_unsigned, float_of_signed = _as(F32, "uitofp"), _as(F32, "sitofp")
