"""One check of layered int8 min-sum, unrolled for its degree: LLVM code written by a loop over the edges.

A loop in the kernel would load every word twice, the second time between its neighbours' stores; unrolled,
they stay in registers, which decodes more than twice as fast. Degrees above UNROLLED take `minsum.check`.
"""

from functools import partial

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from phy.native.vector_types import I8, call, constant

UNROLLED = 22
"""The largest degree with code of its own: 5G's base graphs have 19, 802.11n at rate 5/6 has 22."""

_BYTE, _INDEX = ir.IntType(8), ir.IntType(32)
_POINTER, _COLUMN = _BYTE.as_pointer(), _INDEX.as_pointer()
_KIND = ir.FunctionType(ir.VoidType(), [_POINTER, _POINTER, _COLUMN, I8.llvm, I8.llvm])


def _function(module: ir.Module, degree: int, fresh: bool) -> ir.Function:
    """The check of that degree: posterior, messages and columns at its first edge, offset, limit.

    fresh: nothing was said before, so messages are not read.
    """
    name = f"linksim_check_{degree}{'_fresh' if fresh else ''}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, _KIND, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    for argument in function.args[:3]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block())
    posterior, messages, column, offset, limit = function.args
    do = partial(call, builder)

    def vector_at(base: ir.Value, index: ir.Value) -> ir.Value:
        return builder.bitcast(builder.gep(base, [index]), I8.llvm.as_pointer())

    places, olds = [], []
    for e in range(degree):
        at = builder.load(builder.gep(column, [_INDEX(e)]))
        places.append(vector_at(posterior, builder.zext(at, ir.IntType(64))))
        olds.append(vector_at(messages, _INDEX(64 * e)))
    zero, full, far = constant(I8, 0), constant(I8, 127), constant(I8, 255)
    signs, first, second, words, sizes = zero, far, far, [], []
    for place, old in zip(places, olds, strict=True):
        t = builder.load(place, align=1)
        if not fresh:
            t = do("ssub.sat", I8, t, builder.load(old, align=1))
        size = do("abs", I8, t, ir.IntType(1)(0))
        signs = builder.xor(signs, t)
        second = do("umin", I8, second, do("umax", I8, first, size))
        first = do("umin", I8, first, size)
        words.append(t)
        sizes.append(size)
    among, alone = do("umin", I8, first, full), second if degree == 1 else do("umin", I8, second, full)
    among, alone = (do("umin", I8, do("usub.sat", I8, m, offset), limit) for m in (among, alone))
    for t, size, place, old in zip(words, sizes, places, olds, strict=True):
        r = builder.select(builder.icmp_unsigned("==", size, first), alone, among)
        odd = builder.icmp_signed("<", builder.xor(signs, t), zero)
        r = builder.select(odd, builder.sub(zero, r), r)
        builder.store(r, old, align=1)
        builder.store(do("sadd.sat", I8, t, r), place, align=1)
    builder.ret_void()
    return function


@intrinsic
def unrolled_check(typing, posterior, messages, column, begin, degree, fresh, offset, limit):
    """The check at edges begin..begin + degree - 1, degree at most UNROLLED; nothing for degree 0."""

    def generate(context, builder, sig, args):
        arrays = [
            context.make_array(t)(context, builder, a).data
            for t, a in zip(sig.args[:3], args[:3], strict=True)
        ]
        begin, degree, fresh, offset, limit = args[3:]
        arrays[1] = builder.gep(arrays[1], [builder.shl(begin, begin.type(6))])
        arrays[2] = builder.gep(arrays[2], [begin])
        end = builder.append_basic_block()
        degree = builder.trunc(degree, _INDEX)
        which = builder.or_(builder.shl(degree, _INDEX(1)), builder.zext(fresh, _INDEX))
        switch = builder.switch(which, end)
        for case in range(2, 2 * UNROLLED + 2):
            block = builder.append_basic_block()
            switch.add_case(_INDEX(case), block)
            builder.position_at_end(block)
            builder.call(_function(builder.module, case >> 1, bool(case & 1)), [*arrays, offset, limit])
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    kinds = (posterior, messages, column, types.intp, types.intp, types.boolean, offset, limit)
    return types.void(*kinds), generate


@intrinsic
def scaled(typing, a, sixteenths):
    """(a sixteenths + 8) >> 4 of unsigned bytes, at most 255; sixteenths is an int, 0 to 16."""

    def generate(context, builder, sig, args):
        wide = ir.VectorType(ir.IntType(16), a.lanes)
        times = ir.Constant(wide, ir.Undefined)
        one = builder.insert_element(
            times, builder.trunc(args[1], ir.IntType(16)), ir.Constant(ir.IntType(32), 0)
        )
        times = builder.shuffle_vector(one, times, ir.Constant(ir.VectorType(ir.IntType(32), a.lanes), None))
        product = builder.mul(builder.zext(args[0], wide), times)
        eight, four = (ir.Constant(wide, [ir.Constant(ir.IntType(16), c)] * a.lanes) for c in (8, 4))
        return builder.trunc(builder.lshr(builder.add(product, eight), four), a.llvm)

    return a(a, types.int64), generate
