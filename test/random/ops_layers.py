"""Ops with an order of dims of their own: products, convolutions, pooling, normalisation, recurrent and quantised layers."""

import math

import numpy as np

from graph import BOOL, F16, F32, F64, FLOATS, I8, I32, I64, NUMBERS, U8, Skip, Value, is_float, op, whole


def product(g, dtype, shape, a, b, k, more=0.0, more_err=0.0):
    """The result of sums of k products."""
    mag = k * a.mag * b.mag + more
    frac = None if a.frac is None or b.frac is None else a.frac + b.frac
    return Value("", dtype, shape, mag, frac, k * (a.mag * b.err + b.mag * a.err) + more_err)


def added(out, c):
    out.mag += c.mag
    out.err += c.err
    out.frac = None if out.frac is None or c.frac is None else max(out.frac, c.frac)
    return out


@op(5)
def matmul(g):
    a = g.pick((F32, F32, F64, F16, I32), low=1, high=4)
    k = a.shape[-1]
    if a.rank == 1:
        shape = (k,) if g.chance(0.3) else (k, g.dim())
    else:
        batch = [1 if g.chance(0.3) else d for d in a.shape[:-2]]
        batch = batch[g.int(0, len(batch)):]
        shape = (*batch, k, g.dim()) if g.chance(0.8) else (k,)
    b = g.pick((a.dtype,), shape=shape) if g.chance(0.5) else g.new(a.dtype, shape)
    try:
        out = np.matmul(np.zeros(a.shape, np.int8), np.zeros(b.shape, np.int8)).shape
    except ValueError:
        raise Skip()
    g.add("MatMul", [a, b], [product(g, a.dtype, out, a, b, max(k, 1))])


@op(3)
def gemm(g):
    a = g.pick((F32, F32, F64), low=2, high=2)
    ta, tb = g.int(0, 1), g.int(0, 1)
    m, k = a.shape[::-1] if ta else a.shape
    n = g.dim()
    b = g.new(a.dtype, (n, k) if tb else (k, n))
    c = g.new(a.dtype, g.one(((n,), (1, n), (m, 1), (m, n), (), (1,)))) if g.chance(0.7) else None
    alpha, beta = g.one((1.0, 0.5)), g.one((1.0, 2.0))
    out = product(g, a.dtype, (m, n), a, b, max(k, 1))
    out.frac = None if out.frac is None else out.frac + 1
    if c:
        out = added(out, Value("", c.dtype, c.shape, 2 * c.mag, c.frac, 2 * c.err))
    g.add("Gemm", [a, b, c], [out], transA=ta, transB=tb, alpha=alpha, beta=beta)


@op(1.5)
def einsum(g):
    equation, a, b, out = g.one((("ij,jk->ik", "ij", "jk", "ik"), ("bij,bjk->bik", "bij", "bjk", "bik"), ("ij->ji", "ij", None, "ji"),
                                 ("i,i->", "i", "i", ""), ("ij,ij->j", "ij", "ij", "j"), ("bhi,bhj->bij", "bhi", "bhj", "bij")))
    size = {letter: g.int(1, 5) for letter in "bhijk"}
    x = g.pick((F32, F64), shape=[size[c] for c in a])
    ins = [x] + ([g.new(x.dtype, [size[c] for c in b])] if b else [])
    k = math.prod(size[c] for c in set(a + (b or "")) - set(out))
    shape = [size[c] for c in out]
    g.add("Einsum", ins, [product(g, x.dtype, shape, ins[0], ins[1], k) if b else g.same(x, shape)], equation=equation)


# ---- windows

def image(g, types=(F32,), least=1):
    """[n, c, spatial...]"""
    fits = lambda v: v.dtype in types and 3 <= v.rank <= 5 and all(d >= least for d in v.shape[2:]) and v.size
    old = [v for v in g.visible() if fits(v)]
    if old and g.chance(0.75):
        return g.one(old[-6:])
    spatial = g.one((1, 2, 2, 2, 3))
    return g.new(g.dtype(types), (g.int(1, 2), g.one((1, 2, 3, 4, 6, 8)), *(g.int(max(least, 3), 8 if spatial < 3 else 4) for _ in range(spatial))),
                 constant=False if g.chance(0.8) else None)


def window(g, x, kernel, dilations=None, ceil=False, negative=False):
    """Attributes and the sizes that come out."""
    n = x.rank - 2
    strides = [g.one((1, 1, 2, 3)) for _ in range(n)]
    if any(s > k for s, k in zip(strides, kernel)) and g.chance(0.7):
        strides = [min(s, k) for s, k in zip(strides, kernel)]
    dilations = dilations or [1] * n
    attributes = {"strides": strides}
    if g.chance(0.6) or max(dilations) > 1:
        attributes["dilations"] = dilations
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    auto = g.one(("SAME_UPPER", "SAME_LOWER", "VALID")) if g.chance(0.25) and max(dilations) == 1 and all(s <= k for s, k in zip(strides, kernel)) else None
    out = []
    if auto:
        attributes["auto_pad"] = auto
        for d, s, r in zip(x.shape[2:], strides, reach):
            out.append(-(-d // s) if auto != "VALID" else (d - r) // s + 1)
            if auto == "VALID" and d < r:
                raise Skip()
    else:
        low, high = [g.int(0, k - 1) for k in kernel], [g.int(0, k - 1) for k in kernel]
        if g.chance(0.7):
            attributes["pads"] = low + high
        else:
            low = high = [0] * n
        for d, s, r, p, q in zip(x.shape[2:], strides, reach, low, high):
            if d + p + q < r:
                raise Skip()
            out.append((d + p + q - r) // s + 1)
    return attributes, out


def sees_only_padding(sizes, out, kernel, attributes):
    """Some window has no element of the image."""
    n = len(sizes)
    low, step = attributes.get("pads", [0] * 2 * n), attributes.get("dilations", [1] * n)
    return any(all(not 0 <= o * s - p + k * d < size for k in range(count))
               for size, results, count, s, p, d in zip(sizes, out, kernel, attributes["strides"], low, step)
               for o in range(results))


@op(8)
def conv(g):
    x = image(g)
    c = x.shape[1]
    group = g.one([d for d in (1, 1, 1, 2, c) if c % d == 0])
    o = group * g.int(1, 4)
    kernel = [g.int(1, 3) for _ in x.shape[2:]]
    attributes, out = window(g, x, kernel, [g.one((1, 1, 2)) for _ in kernel])
    w = g.new(x.dtype, (o, c // group, *kernel), constant=None if g.chance(0.2) else True)
    b = g.new(x.dtype, (o,)) if g.chance(0.5) else None
    y = product(g, x.dtype, (x.shape[0], o, *out), x, w, c // group * math.prod(kernel))
    if b:
        y = added(y, b)
    if g.chance(0.5):
        attributes["kernel_shape"] = kernel
    y.special = x.special or w.special
    if w.special:
        raise Skip()  # whether padding is multiplied, and by what, is not said
    g.add("Conv", [x, w, b], [y], group=group, **attributes)


@op(2)
def conv_transpose(g):
    x = image(g)
    c = x.shape[1]
    group = g.one([d for d in (1, 1, c) if c % d == 0])
    o = group * g.int(1, 3)
    kernel = [g.int(1, 3) for _ in x.shape[2:]]
    strides = [g.int(1, 2) for _ in kernel]
    extra = [g.int(0, s - 1) for s in strides]
    low, high = [g.int(0, k - 1) for k in kernel], [g.int(0, k - 1) for k in kernel]
    out = [s * (d - 1) + e + k - p - q for s, d, e, k, p, q in zip(strides, x.shape[2:], extra, kernel, low, high)]
    if min(out) < 1:
        raise Skip()
    w = g.new(x.dtype, (c, o // group, *kernel), constant=None if g.chance(0.2) else True)
    b = g.new(x.dtype, (o,)) if g.chance(0.5) else None
    y = product(g, x.dtype, (x.shape[0], o, *out), x, w, c // group * math.prod(kernel))
    if b:
        y = added(y, b)
    if x.special or w.special:
        raise Skip()
    g.add("ConvTranspose", [x, w, b], [y], group=group, strides=strides, output_padding=extra, pads=low + high, kernel_shape=kernel)


@op(4)
def pool(g):
    x = image(g)
    name = g.one(("MaxPool", "AveragePool", "AveragePool", "LpPool"))
    if name == "LpPool" and (g.opset < 18 or not x.exact):
        raise Skip()
    kernel = [g.int(1, 3) for _ in x.shape[2:]]
    attributes, out = window(g, x, kernel, [g.one((1, 1, 2)) for _ in kernel] if name == "MaxPool" else None)
    if name != "MaxPool":
        attributes.pop("dilations", None)
    if x.special:
        raise Skip()  # NaN beside a maximum: explained, and padding
    shape = (x.shape[0], x.shape[1], *out)
    attributes["kernel_shape"] = kernel
    if name == "MaxPool":
        if sees_only_padding(x.shape[2:], out, kernel, attributes):
            raise Skip()  # the lowest number there is, or -infinity
        outs = [g.same(x, shape)]
        if x.exact and x.dtype == F32 and g.chance(0.2) and "auto_pad" not in attributes:
            outs.append(whole(shape, I64, 2000))
        g.add(name, [x], outs, **attributes)
    elif name == "AveragePool":
        if g.chance(0.5):
            attributes["count_include_pad"] = g.int(0, 1)
        g.add(name, [x], [g.rounded(x.dtype, shape, x.mag, x.err)], **attributes)
    else:
        g.add(name, [x], [g.rounded(x.dtype, shape, math.prod(kernel) * x.mag, 0)], p=g.one((1, 2)), **attributes)


@op(1.5)
def global_pool(g):
    x = image(g)
    name = g.one(("GlobalAveragePool", "GlobalMaxPool"))
    if x.special:
        raise Skip()
    shape = x.shape[:2] + (1,) * (x.rank - 2)
    g.add(name, [x], [g.rounded(x.dtype, shape, x.mag, x.err) if name == "GlobalAveragePool" else g.same(x, shape)])


@op(2)
def resize(g):
    x = image(g, (F32, F32, U8))
    if x.special:
        raise Skip()
    n = x.rank - 2
    mode = g.one(("nearest", "nearest", "linear")) if n <= 2 else "nearest"
    if mode == "linear" and x.dtype == U8:
        raise Skip()
    scale = [g.one((1.0, 2.0, 0.5)) for _ in range(n)]
    if mode == "nearest" and any(s == 0.5 for s in scale):
        coordinate = "asymmetric"
    else:
        coordinate = g.one(("asymmetric", "half_pixel"))
    out = [int(math.floor(d * s)) for d, s in zip(x.shape[2:], scale)]
    if min(out) < 1 or any(s == 0.5 and d % 2 for s, d in zip(scale, x.shape[2:])):
        raise Skip()
    shape = x.shape[:2] + tuple(out)
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinate}
    if mode == "nearest":
        attributes["nearest_mode"] = "floor"
    result = g.same(x, shape) if mode == "nearest" else g.rounded(x.dtype, shape, x.mag, x.err)
    if g.chance(0.5):
        g.add("Resize", [x, None, g.constant(np.array([1.0, 1.0, *scale], np.float32))], [result], **attributes)
    else:
        g.add("Resize", [x, None, None, g.ints(shape)], [result], **attributes)


# ---- normalisation

@op(3)
def batch_norm(g):
    x = image(g) if g.chance(0.8) else g.pick((F32, F64), low=2)
    if x.size == 0:
        raise Skip()
    c = x.shape[1]
    scale, bias, mean = (g.new(x.dtype, (c,), constant=True, low=-2, high=2) for _ in range(3))
    var = g.new(x.dtype, (c,), constant=True, low=0.25, high=2)
    g.add("BatchNormalization", [x, scale, bias, mean, var], [g.rounded(x.dtype, x.shape, 4 * (x.mag + 2) + 2, 4 * x.err)])


@op(3)
def norm(g):
    name = g.one(("InstanceNormalization", "LayerNormalization", "LRN", "LpNormalization", "GroupNormalization", "RMSNormalization"))
    since = {"LayerNormalization": 17, "GroupNormalization": 21, "RMSNormalization": 23}
    if since.get(name, 0) > g.opset:
        raise Skip()
    if name in ("InstanceNormalization", "GroupNormalization", "LRN"):
        x = image(g, (F32,))
    else:
        x = g.pick((F32, F64) if name != "RMSNormalization" else (F32,), low=1)
    if x.special or not x.size or not x.exact:
        raise Skip()
    if name == "LRN":
        g.add(name, [x], [g.rounded(x.dtype, x.shape, x.mag, 0)], size=g.one((1, 3)))
        return
    if name == "LpNormalization":
        x = g.new(x.dtype, x.shape, low=0.5, high=4)
        g.add(name, [x], [g.rounded(x.dtype, x.shape, 1)], axis=g.int(-x.rank, x.rank - 1), p=g.int(1, 2))
        return
    n = x.size
    out = g.rounded(x.dtype, x.shape, 2 * math.sqrt(n) + 2, 1e-5 * math.sqrt(n))
    if name == "InstanceNormalization":
        g.add(name, [x, g.new(x.dtype, (x.shape[1],), constant=True, low=-2, high=2), g.new(x.dtype, (x.shape[1],), constant=True, low=-2, high=2)], [out], epsilon=0.1)
    elif name == "GroupNormalization":
        c = x.shape[1]
        groups = g.one([d for d in range(1, c + 1) if c % d == 0])
        g.add(name, [x, g.new(x.dtype, (c,), constant=True, low=-2, high=2), g.new(x.dtype, (c,), constant=True, low=-2, high=2)], [out], num_groups=groups, epsilon=0.1)
    else:
        axis = g.int(-x.rank, x.rank - 1)
        shape = x.shape[axis % x.rank:]
        ins = [x, g.new(x.dtype, shape, low=-2, high=2)]
        if name == "LayerNormalization" and g.chance(0.5):
            ins.append(g.new(x.dtype, shape, low=-2, high=2))
        g.add(name, ins, [out], axis=axis, epsilon=0.1)


@op(1)
def recurrent(g):
    name, gates = g.one((("RNN", 1), ("GRU", 3), ("LSTM", 4)))
    t, b, i, h = g.int(1, 4), g.int(1, 3), g.int(1, 4), g.int(1, 4)
    x = g.pick((F32,), shape=(t, b, i))
    if x.special or x.mag > 20 or not x.exact:
        raise Skip()
    direction = g.one(("forward", "reverse", "bidirectional"))
    d = 2 if direction == "bidirectional" else 1
    w, r = (g.new(F32, (d, gates * h, n), constant=True, low=-1, high=1) for n in (i, h))
    bias = g.new(F32, (d, 2 * gates * h), constant=True, low=-1, high=1) if g.chance(0.6) else None
    err = 1e-5 * t
    outs = [g.rounded(F32, (t, d, b, h), 1, err), g.rounded(F32, (d, b, h), 1, err)]
    if name == "LSTM":
        outs.append(g.rounded(F32, (d, b, h), t + 1, err * (t + 1)))
    g.add(name, [x, w, r, bias], outs, hidden_size=h, direction=direction)


# ---- quantised

def scale_of(g, count=None):
    values = np.array(2.0 ** -g.rng.integers(1, 4, () if count is None else (count,)), np.float32)
    return g.constant(values)


def even_zero(g, t):
    """A zero point that a result is rounded alike before and after it is added."""
    return g.constant(np.array(2 * g.int(0, 2)), t)


@op(3)
def quantize(g):
    x = g.exact((F32,), special=False)
    t = g.one((U8, I8))
    axis = g.int(0, x.rank - 1) if x.rank and g.chance(0.4) else None
    count = None if axis is None else x.shape[axis]
    if count == 0:
        raise Skip()
    s = scale_of(g, count)
    z = g.new(t, () if count is None else (count,), constant=True)
    ins = [x, s, z] if t == I8 or g.chance(0.8) else [x, s]
    attributes = {} if axis is None else {"axis": axis}
    q = g.add("QuantizeLinear", ins, [whole(x.shape, t, 255)], **attributes)
    if g.chance(0.6):
        ins = [q, s] + ([z] if len(ins) == 3 else [])
        g.add("DequantizeLinear", ins, [Value("", F32, x.shape, 300, 4)], **attributes)


@op(1.5)
def dequantize(g):
    x = g.pick((U8, I8, I32), where=lambda v: not v.err and v.mag < 1000)
    s = scale_of(g)
    z = g.new(x.dtype, (), constant=True) if x.dtype != I32 and g.chance(0.7) else None
    g.add("DequantizeLinear", [x, s, z], [Value("", F32, x.shape, x.mag + 300, 4)])


@op(1.5)
def quantized_product(g):
    name = g.one(("QLinearMatMul", "MatMulInteger"))
    t = g.one((U8, I8))
    a = g.pick((t,), low=2, high=3, where=lambda v: not v.err)
    b = g.new(g.one((U8, I8)) if name == "MatMulInteger" else t, (a.shape[-1], g.int(1, 5)), constant=True)
    if name == "QLinearMatMul" and b.dtype != a.dtype or not a.shape[-1]:
        raise Skip()
    shape = a.shape[:-1] + b.shape[-1:]
    za, zb = g.new(a.dtype, (), constant=True), g.new(b.dtype, (), constant=True)
    if name == "MatMulInteger":
        g.add(name, [a, b, za, zb], [whole(shape, I32, 3e5)])
    else:
        g.add(name, [a, scale_of(g), za, b, scale_of(g), zb, scale_of(g), even_zero(g, t)], [whole(shape, t, 255)])


@op(2)
def quantized_conv(g):
    name = g.one(("QLinearConv", "ConvInteger"))
    x = image(g, (U8,))
    if x.rank != 4 or x.err:
        raise Skip()
    c = x.shape[1]
    group = g.one((1, 1, c)) if name == "QLinearConv" else 1
    o = group * g.int(1, 3)
    kernel = [g.int(1, 3) for _ in x.shape[2:]]
    attributes, out = window(g, x, kernel)
    t = g.one((U8, I8)) if name == "QLinearConv" else U8
    w = g.new(t, (o, c // group, *kernel), constant=True)
    shape = (x.shape[0], o, *out)
    zx, zw = g.new(U8, (), constant=True), g.new(t, (), constant=True)
    if name == "ConvInteger":
        g.add(name, [x, w, zx, zw], [whole(shape, I32, 3e5)], **attributes)
        return
    ins = [x, scale_of(g), zx, w, scale_of(g), zw, scale_of(g), even_zero(g, U8)]
    if g.chance(0.5):
        ins.append(g.new(I32, (o,), constant=True, low=-50, high=50))
    g.add(name, ins, [whole(shape, U8, 255)], group=group, **attributes)
