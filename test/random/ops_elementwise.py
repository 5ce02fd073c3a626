"""Elementwise ops, casts and reductions."""

import math

import numpy as np
from onnx import helper

from graph import (BF16, BOOL, F16, F32, F64, FLOATS, I8, I16, I32, I64, INTS, NUMBERS, TYPES, U8, U16, U32, U64, Skip, Value,
                   flag, is_float, numpy_type, op, whole)

#: name: (largest slope, bound of |f(x)| for |x| <= m)
SMOOTH = {
    "Sigmoid": (0.25, lambda m: 1), "Tanh": (1, lambda m: 1), "Erf": (1.13, lambda m: 1), "Softplus": (1, lambda m: m + 1),
    "Softsign": (1, lambda m: 1), "Elu": (1, lambda m: m + 1), "Selu": (1.8, lambda m: 1.8 * m + 2), "Celu": (1, lambda m: m + 1),
    "LeakyRelu": (1, lambda m: m), "HardSigmoid": (0.2, lambda m: 1), "HardSwish": (1.5, lambda m: m + 1),
    "Gelu": (1.2, lambda m: m), "Mish": (1.1, lambda m: m + 1), "Sin": (1, lambda m: 1), "Cos": (1, lambda m: 1),
    "Atan": (1, lambda m: 1.6), "Asinh": (1, lambda m: m),
}
SINCE = {"HardSwish": 14, "Mish": 18, "Gelu": 20, "BitwiseAnd": 18, "BitwiseOr": 18, "BitwiseXor": 18, "BitwiseNot": 18}


def at_least(g, name):
    if SINCE.get(name, 0) > g.opset:
        raise Skip()
    return name


@op(6)
def smooth(g):
    x = g.pick(FLOATS)
    name = at_least(g, g.one(SMOOTH))
    slope, bound = SMOOTH[name]
    if name in ("Sin", "Cos") and x.mag > 50 or name == "Erf" and x.dtype == F64:  # the reference's is one of f32
        raise Skip()
    attributes = {}
    if name in ("Elu", "Celu", "LeakyRelu", "HardSigmoid") and g.chance(0.5):
        attributes["alpha"] = g.one((0.25, 0.5, 1.0))
    err = slope * x.err
    if name == "Gelu" and g.chance(0.5):
        attributes["approximate"] = "tanh"
        err += 1e-7 * (x.mag + 1)  # the constants of the function body are f32, those of the text are not
    g.add(name, [x], [g.rounded(x.dtype, x.shape, bound(x.mag), err)], **attributes)


@op(4)
def keeps_numbers(g):
    """Results are exact where operands are."""
    name = g.one(("Relu", "Abs", "Neg", "Identity", "Identity"))
    types = FLOATS if name == "Relu" else FLOATS + (I8, I32, I64) if name != "Identity" else TYPES
    x = g.pick(types)
    g.add(name, [x], [g.same(x, x.shape)])


@op(2)
def steps(g):
    """Functions that jump."""
    name = g.one(("Floor", "Ceil", "Round", "Sign", "ThresholdedRelu", "Shrink", "IsNaN", "IsInf"))
    x = g.exact(FLOATS)
    if name == "Shrink" and x.dtype == BF16:
        raise Skip()
    if name in ("IsNaN", "IsInf"):
        if name == "IsInf" and x.dtype not in (F32, F64):
            raise Skip()
        g.add(name, [x], [flag(x.shape)], **({"detect_negative": 0} if name == "IsInf" and g.chance(0.3) else {}))
        return
    attributes = {"lambd": 1.0, "bias": 0.5} if name == "Shrink" else {"alpha": 0.5} if name == "ThresholdedRelu" else {}
    frac = max(x.frac, 1) if name == "Shrink" else x.frac if name == "ThresholdedRelu" else 0
    g.add(name, [x], [Value("", x.dtype, x.shape, x.mag + 1, frac, 0, x.special)], **attributes)


@op(2)
def steep(g):
    """Functions that are steep, or not defined, somewhere: on exact operands."""
    name = g.one(("Sqrt", "Log", "Reciprocal", "Exp", "Sinh", "Cosh", "Asin", "Acos", "Atanh", "Acosh", "Tan"))
    x = g.exact(FLOATS)
    f, special = None, x.special
    if name in ("Exp", "Sinh", "Cosh"):
        if x.mag > 6:
            raise Skip()
        f = math.exp(x.mag)
    elif name in ("Asin", "Acos", "Atanh"):
        x = g.new(g.dtype((F32, F64)), g.shape(), low=-1, high=1)
        f, special = 4, True
    elif name == "Tan":
        if x.mag > 4 or x.frac > 2:
            raise Skip()
        f = 300
    elif name == "Acosh":
        x = g.new(g.dtype((F32, F64)), g.shape(), low=1, high=4)
        f = 3
    elif name == "Reciprocal":
        f, special = 2.0**x.frac, True
    else:
        f, special = max(math.sqrt(x.mag), 1) if name == "Sqrt" else math.log(max(x.mag, 2.0**x.frac)) + 1, True
    g.add(name, [x], [g.rounded(x.dtype, x.shape, f, special=special)])


def broadcast(*values):
    try:
        return np.broadcast_shapes(*(v.shape for v in values))
    except ValueError:
        raise Skip()


@op(10)
def arithmetic(g):
    x = g.pick(NUMBERS)
    y = g.like(x)
    if g.chance(0.5):
        x, y = y, x
    shape = broadcast(x, y)
    name = g.one(("Add", "Add", "Sub", "Mul", "Mul"))
    if name == "Mul":
        mag, err = x.mag * y.mag, x.mag * y.err + y.mag * x.err
        frac = None if x.frac is None or y.frac is None else x.frac + y.frac
    else:
        mag, err = x.mag + y.mag, x.err + y.err
        frac = None if x.frac is None or y.frac is None else max(x.frac, y.frac)
    g.add(name, [x, y], [Value("", x.dtype, shape, mag, frac, err)])


@op(2)
def divide(g):
    x = g.pick(FLOATS + (I32, I64, U8))
    shape = list(x.shape)[g.int(0, max(x.rank, 0)):] if g.chance(0.5) else list(x.shape)
    y = g.new(x.dtype, shape, low=1, high=4)
    if is_float(x.dtype):
        g.add("Div", [x, y], [g.rounded(x.dtype, broadcast(x, y), x.mag, x.err)])
    elif g.chance(0.5):
        g.add("Div", [x, y], [whole(broadcast(x, y), x.dtype, x.mag)])
    else:
        g.add("Mod", [x, y], [whole(broadcast(x, y), x.dtype, 4)])


@op(2)
def many(g):
    """Any number of operands."""
    name = g.one(("Max", "Min", "Sum", "Mean"))
    x = g.pick(FLOATS if name in ("Sum", "Mean") else FLOATS + (I32, I64, U8, I8))
    ins = [x] + [g.like(x) for _ in range(g.int(0, 3))]
    g.rng.shuffle(ins)
    shape = broadcast(*ins)
    mag, err = max(v.mag for v in ins), sum(v.err for v in ins)
    frac = None if any(v.frac is None for v in ins) else max(v.frac for v in ins)
    if name in ("Sum", "Mean"):
        mag *= len(ins)
    if name == "Mean":
        frac = None
    if x.special and name in ("Max", "Min") and not is_float(x.dtype):
        raise Skip()
    g.add(name, ins, [Value("", x.dtype, shape, mag, frac, err)])


@op(1.5)
def power(g):
    x = g.exact(FLOATS + (I32, I64))
    e = g.one((2, 3, 0, 1))
    if max(x.mag, 1) ** e > 1e6:
        raise Skip()
    y = g.constant(np.full(g.one(((), (1,))), e), x.dtype if g.chance(0.7) else g.one((F32, I64)))
    mag = max(x.mag, 1) ** e
    out = g.rounded(x.dtype, broadcast(x, y), mag) if is_float(x.dtype) else whole(broadcast(x, y), x.dtype, mag)
    g.add("Pow", [x, y], [out])


@op(4)
def compare(g):
    x = g.exact(NUMBERS)
    y = g.like(x)
    if not y.exact:
        raise Skip()
    if g.chance(0.5):
        x, y = y, x
    g.add(g.one(("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")), [x, y], [flag(broadcast(x, y))])


@op(2)
def logic(g):
    x = g.pick((BOOL,))
    if g.chance(0.3):
        g.add("Not", [x], [flag(x.shape)])
        return
    y = g.like(x)
    g.add(g.one(("And", "Or", "Xor")), [x, y], [flag(broadcast(x, y))])


@op(1)
def bits(g):
    if g.chance(0.4):
        x = g.pick((U8, U16, U32, U64))
        y = g.new(x.dtype, x.shape[g.int(0, x.rank):], low=0, high=5)
        g.add("BitShift", [x, y], [whole(broadcast(x, y), x.dtype)], direction=g.one(("LEFT", "RIGHT")))
        return
    name = at_least(g, g.one(("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot")))
    x = g.exact(INTS)
    if name == "BitwiseNot":
        g.add(name, [x], [whole(x.shape, x.dtype)])
        return
    y = g.like(x)
    g.add(name, [x, y], [whole(broadcast(x, y), x.dtype)])


@op(3)
def where(g):
    x = g.pick(TYPES)
    y, c = g.like(x), g.like(x, BOOL)
    if g.chance(0.5):
        x, y = y, x
    frac = None if x.frac is None or y.frac is None else max(x.frac, y.frac)
    g.add("Where", [c, x, y], [Value("", x.dtype, broadcast(c, x, y), max(x.mag, y.mag), frac, max(x.err, y.err), x.special or y.special)])


@op(1.5)
def clip(g):
    x = g.pick(FLOATS + (I32, I64, U8, I8))
    low = g.new(x.dtype, (), low=-3, high=0) if g.chance(0.7) else None
    high = g.new(x.dtype, (), low=1, high=3) if g.chance(0.7) else None
    frac = None if x.frac is None else max(x.frac, 2)
    g.add("Clip", [x, low, high], [Value("", x.dtype, x.shape, max(x.mag, 3), frac, x.err)])


@op(1)
def prelu(g):
    x = g.pick((F32, F64, F16))
    # Finite slopes: both references multiply zeros by them too, which the specification does not.
    s = g.new(x.dtype, [1 if g.chance(0.4) else d for d in x.shape][g.int(0, x.rank):], low=-4, high=4)
    g.add("PRelu", [x, s], [Value("", x.dtype, broadcast(x, s), x.mag * max(s.mag, 1), None if x.frac is None or s.frac is None else x.frac + s.frac, x.err * max(s.mag, 1))])


@op(4)
def cast(g):
    to = g.one(TYPES)
    if is_float(to):
        x = g.pick(TYPES, where=lambda v: v.mag < 1e4)
        out = Value("", to, x.shape, x.mag, x.frac if is_float(x.dtype) else 0, x.err, x.special)
        if not is_float(x.dtype) and x.err:
            raise Skip()
    else:
        x = g.pick(TYPES, where=lambda v: v.exact and (to == BOOL or not v.special) and v.mag < 100)
        if to in (U8, U16, U32, U64) and is_float(x.dtype):
            raise Skip()  # negative numbers: not defined
        out = flag(x.shape) if to == BOOL else whole(x.shape, to, x.mag if to not in (U8, U16, U32, U64) else 1e6)
    if g.opset >= 15 and g.chance(0.2):
        g.add("CastLike", [x, g.pick((to,))], [out])
    else:
        g.add("Cast", [x], [out], to=to)


# ---- reductions

def axes_of(g, rank, some=True):
    count = g.int(1 if some else 0, rank) if rank else 0
    axes = sorted(int(a) for a in g.rng.permutation(rank)[:count])
    return [a - rank if g.chance(0.4) else a for a in axes]


@op(6)
def reduce(g):
    name = g.one(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
                  "ReduceLogSumExp", "ReduceLogSum"))
    types = FLOATS + (I32, I64) if name in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceSumSquare") else FLOATS
    x = g.pick(types)
    axes = axes_of(g, x.rank)
    keep = g.int(0, 1)
    gone = {a % x.rank for a in axes}
    whole_tensor = not axes or g.chance(0.15)
    if whole_tensor:
        gone = set(range(x.rank))
    n = math.prod(x.shape[a] for a in gone)
    shape = [1 if i in gone else d for i, d in enumerate(x.shape) if i not in gone or keep]
    if n == 0 and name not in ("ReduceSum", "ReduceProd", "ReduceL1", "ReduceSumSquare"):
        raise Skip()
    m, frac, err = x.mag, x.frac, x.err
    if name in ("ReduceSum", "ReduceL1"):
        m, err = n * m, n * err
    elif name == "ReduceMean":
        frac = None
    elif name in ("ReduceSumSquare", "ReduceL2"):
        err, m, frac = 2 * n * m * err, n * m * m, None if frac is None else 2 * frac
        if name == "ReduceL2":
            if not x.exact:
                raise Skip()
            m, frac = math.sqrt(m), None
    elif name == "ReduceProd":
        if not x.exact or n * math.log(max(m, 1)) > 11:
            raise Skip()
        m, frac = max(m, 1) ** n, None
    elif name == "ReduceLogSum":
        x = g.new(x.dtype, x.shape, low=0.5, high=4)
        m, frac, err = 5 + math.log(n), None, 0
    elif name == "ReduceLogSumExp":
        m, frac = m + math.log(n) + 1, None
    out = Value("", x.dtype, shape, m, frac, err) if is_float(x.dtype) else whole(shape, x.dtype, m)
    attributes = {"keepdims": keep}
    if whole_tensor:
        g.add(name, [x], [out], **attributes)
    elif g.opset >= 18 or name == "ReduceSum":
        g.add(name, [x, g.ints(axes)], [out], **attributes)
    else:
        g.add(name, [x], [out], axes=axes, **attributes)


@op(2)
def arg(g):
    x = g.exact(FLOATS + (I32, I64, U8), low=1)
    axis = g.int(-x.rank, x.rank - 1)
    if x.shape[axis] == 0:
        raise Skip()
    keep = g.int(0, 1)
    shape = list(x.shape)
    shape[axis] = 1
    if not keep:
        del shape[axis % x.rank]
    attributes = {"select_last_index": 1} if g.chance(0.3) else {}
    g.add(g.one(("ArgMax", "ArgMin")), [x], [whole(shape, I64, 20)], axis=axis, keepdims=keep, **attributes)


@op(3)
def softmax(g):
    x = g.pick((F32, F64, F16), low=1)
    name = g.one(("Softmax", "LogSoftmax", "Hardmax"))
    axis = g.int(-x.rank, x.rank - 1)
    if x.shape[axis] == 0 or name == "Hardmax" and (not x.exact or x.special):
        raise Skip()
    if name == "Hardmax":
        out = Value("", x.dtype, x.shape, 1, 0)
    else:
        out = g.rounded(x.dtype, x.shape, 1 if name == "Softmax" else 2 * x.mag + 4, 2 * x.err)
    g.add(name, [x], [out], axis=axis)


@op(1.5)
def cumsum(g):
    x = g.pick((F32, F64, I32, I64), low=1)
    axis = g.int(-x.rank, x.rank - 1)
    n = x.shape[axis]
    out = Value("", x.dtype, x.shape, x.mag * n, x.frac, x.err * n)
    g.add("CumSum", [x, g.constant(np.array(axis, np.int64))], [out], exclusive=g.int(0, 1), reverse=g.int(0, 1))


@op(2)
def topk(g):
    x = g.exact((F32, F64, I64, I32), low=1)
    axis = g.int(-x.rank, x.rank - 1)
    k = g.int(0, x.shape[axis])
    shape = list(x.shape)
    shape[axis] = k
    g.add("TopK", [x, g.ints([k])], [g.same(x, shape), whole(shape, I64, 20)], axis=axis, largest=g.int(0, 1), sorted=1)


@op(0.7)
def unique(g):
    x = g.exact((F32, F64, I64, I8), special=False)
    if x.size == 0 or g.parent:
        raise Skip()
    flat = x.data
    if flat is None:
        raise Skip()
    if g.chance(0.5) or x.rank == 0:
        y, first, inverse, count = np.unique(flat, True, True, True)
        attributes = {"sorted": g.int(0, 1)}
        inverse_shape = (x.size,)
    else:
        axis = g.int(-x.rank, x.rank - 1)
        y, first, inverse, count = np.unique(flat, True, True, True, axis=axis)
        attributes, inverse_shape = {"axis": axis, "sorted": 1}, (x.shape[axis],)
    g.add("Unique", [x], [g.same(x, y.shape), whole(first.shape), whole(inverse_shape), whole(count.shape)], **attributes)
