"""Ops that move elements: views and their chains, indexing, scattering, shapes."""

import math

import numpy as np

from graph import BOOL, F32, F64, FLOATS, I8, I32, I64, MOST_ELEMENTS, NUMBERS, TYPES, U8, Skip, Value, flag, is_float, op, whole


@op(5)
def transpose(g):
    x = g.pick(TYPES, low=1)
    perm = [int(p) for p in g.rng.permutation(x.rank)]
    if g.chance(0.1):
        g.add("Transpose", [x], [g.same(x, x.shape[::-1])])
    else:
        g.add("Transpose", [x], [g.same(x, [x.shape[p] for p in perm])], perm=perm)


def factors(g, n, rank):
    """A shape of n elements."""
    shape = []
    for _ in range(rank - 1):
        d = g.one([d for d in range(1, n + 1) if n % d == 0]) if n else g.int(0, 2)
        shape.append(d)
        n = n // d if d else n
    return shape + [n]


@op(6)
def reshape(g):
    x = g.pick(TYPES)
    shape = factors(g, x.size, g.int(1, 5)) if x.size != 1 or g.chance(0.8) else []
    if math.prod(shape) != x.size:
        raise Skip()
    out = g.same(x, shape)
    how = g.int(0, 3)
    if how == 3 and x.size and len(shape):
        # By Shape, Gather and Concat, as exporters write it.
        s = g.add("Shape", [x], [whole((x.rank,))])
        where = [i for i in range(min(len(shape), x.rank)) if shape[i] == x.shape[i]]
        if where:
            i = g.one(where)
            d = g.add("Gather", [s, g.constant(np.array([i], np.int64))], [whole((1,))], axis=0)
            rest = [shape[k] if k < i else -1 for k in range(len(shape)) if k != i] if len(shape) == i + 2 else [shape[k] for k in range(len(shape)) if k != i]
            parts = ([g.constant(np.array(rest[:i], np.int64))] if i else []) + [d] + ([g.constant(np.array(rest[i:], np.int64))] if rest[i:] else [])
            c = g.add("Concat", parts, [whole((len(shape),))], axis=0)
            g.add("Reshape", [x, c], [out])
            return
    asked = list(shape)
    if asked and x.size and how >= 1:
        asked[g.int(0, len(asked) - 1)] = -1
    if x.size and how == 2:
        for i in range(min(len(asked), x.rank)):
            if asked[i] == x.shape[i] and g.chance(0.5):
                asked[i] = 0
    zero = {"allowzero": 1} if 0 in shape and 0 in asked else {}
    if zero and g.opset < 14:
        raise Skip()
    g.add("Reshape", [x, g.ints(asked)], [out], **zero)


@op(2)
def flatten(g):
    x = g.pick(TYPES)
    axis = g.int(-x.rank, x.rank)
    a = axis + x.rank if axis < 0 else axis
    g.add("Flatten", [x], [g.same(x, (math.prod(x.shape[:a]), math.prod(x.shape[a:])))], axis=axis)


@op(4)
def squeeze(g):
    if g.chance(0.5):
        x = g.pick(TYPES, where=lambda v: 1 in v.shape)
        ones = [i for i, d in enumerate(x.shape) if d == 1]
        axes = sorted(g.rng.permutation(ones)[: g.int(1, len(ones))].tolist())
        shape = [d for i, d in enumerate(x.shape) if i not in axes]
        if len(axes) == len(ones) and g.chance(0.3) and not g.options.dynamic:
            g.add("Squeeze", [x], [g.same(x, shape)])
        else:
            g.add("Squeeze", [x, g.ints(axes)], [g.same(x, shape)])
    else:
        x = g.pick(TYPES, high=4)
        count = g.int(1, 2)
        axes = sorted(g.rng.permutation(x.rank + count)[:count].tolist())
        rest = iter(x.shape)
        shape = [1 if i in axes else next(rest) for i in range(x.rank + count)]
        g.add("Unsqueeze", [x, g.ints([a - len(shape) if g.chance(0.3) else a for a in axes])], [g.same(x, shape)])


@op(3)
def expand(g):
    x = g.pick(TYPES, high=4)
    shape = [g.dim() if d == 1 else d for d in x.shape]
    asked = [1 if d == e and g.chance(0.3) else e for d, e in zip(x.shape, shape)]
    more = [g.dim() for _ in range(g.int(0, 2))] if g.chance(0.4) else []
    if not more and g.chance(0.2):
        k = g.int(0, len(asked))
        if all(asked[i] in (1, x.shape[i]) for i in range(k)):
            asked = asked[k:]
            shape = list(x.shape[:k]) + shape[k:]
    g.add("Expand", [x, g.ints(more + asked)], [g.same(x, more + shape)])


@op(2)
def tile(g):
    x = g.pick(TYPES, low=1)
    repeats = [g.one((1, 1, 2, 3)) if not g.zeros or g.chance(0.9) else 0 for _ in x.shape]
    g.add("Tile", [x, g.ints(repeats)], [g.same(x, [d * r for d, r in zip(x.shape, repeats)])])


@op(7)
def slice_(g):
    x = g.pick(TYPES, low=1)
    axes = sorted(g.rng.permutation(x.rank)[: g.int(1, x.rank)].tolist())
    starts, ends, steps, shape = [], [], [], list(x.shape)
    for a in axes:
        n = x.shape[a]
        step = g.one((1, 1, 1, 2, 3, -1, -2))
        start, end = g.int(-n - 1, n + 1), g.one((g.int(-n - 1, n + 1), 2**31 - 1 if step > 0 else -(2**31)))
        if g.chance(0.6) and step > 0:
            start, end = g.int(0, max(n // 2, 0)), g.one((n, g.int((n + 1) // 2, n), 2**63 - 1))
        shape[a] = len(range(*slice(start if step > 0 or start >= -n else start, end, step).indices(n)))
        if step < 0 and start < -n:
            shape[a] = 0 if True else shape[a]
            start = 0
            shape[a] = len(range(*slice(start, end, step).indices(n)))
        starts.append(start), ends.append(end), steps.append(step)
    plain = steps == [1] * len(steps)
    ins = [x, g.ints(starts), g.ints(ends)]
    if plain and axes == list(range(len(axes))) and g.chance(0.5):
        pass
    else:
        ins.append(g.ints([a - x.rank if g.chance(0.3) else a for a in axes]))
        if not plain or g.chance(0.5):
            ins.append(g.ints(steps))
    g.add("Slice", ins, [g.same(x, shape)])


@op(5)
def split(g):
    x = g.pick(TYPES, low=1)
    axis = g.int(0, x.rank - 1)
    n = x.shape[axis]
    parts = g.int(1, 3)
    cuts = sorted(g.int(0, n) for _ in range(parts - 1))
    if not g.zeros and len(set([0, *cuts, n])) != parts + 1:
        raise Skip()
    sizes = [b - a for a, b in zip([0] + cuts, cuts + [n])]
    attributes = {"axis": axis - x.rank if g.chance(0.3) else axis}
    ins = [x, g.ints(sizes)]
    if n and n % parts == 0 and g.chance(0.3) and n // parts:
        sizes, ins = [n // parts] * parts, [x]
        if g.opset >= 18:
            attributes["num_outputs"] = parts
    g.add("Split", ins, [g.same(x, x.shape[:axis] + (s,) + x.shape[axis + 1:]) for s in sizes], **attributes)


@op(5)
def concat(g):
    x = g.pick(TYPES, low=1)
    axis = g.int(0, x.rank - 1)
    ins = [x]
    for _ in range(g.int(0, 3)):
        def fits(v):
            return v.dtype == x.dtype and v.rank == x.rank and all(a == b for i, (a, b) in enumerate(zip(v.shape, x.shape)) if i != axis)
        old = [v for v in g.visible() if fits(v)]
        if old and g.chance(0.7):
            ins.append(g.one(old))
        else:
            ins.append(g.new(x.dtype, x.shape[:axis] + (g.dim(),) + x.shape[axis + 1:]))
    frac = None if any(v.frac is None for v in ins) else max(v.frac for v in ins)
    shape = x.shape[:axis] + (sum(v.shape[axis] for v in ins),) + x.shape[axis + 1:]
    g.add("Concat", ins, [Value("", x.dtype, shape, max(v.mag for v in ins), frac, max(v.err for v in ins))], axis=axis)


@op(4)
def pad(g):
    x = g.pick(NUMBERS if g.chance(0.5) else (F32,), low=1)
    modes = ["constant", "constant", "reflect", "edge"] + (["wrap"] if g.opset >= 19 else [])
    mode = g.one(modes)
    axes = list(range(x.rank))
    given = g.opset >= 18 and g.chance(0.3)
    if given:
        axes = sorted(g.rng.permutation(x.rank)[: g.int(1, x.rank)].tolist())
    low, high = [], []
    for a in axes:
        n = x.shape[a]
        least = -2 if mode == "constant" and g.chance(0.4) else 0
        most = 2 if mode in ("constant", "edge") else min(2, max(n - 1, 0))
        if mode != "constant" and n == 0:
            most = 0
        low.append(g.int(least, most)), high.append(g.int(least, most))
    shape = list(x.shape)
    for a, p, q in zip(axes, low, high):
        shape[a] += p + q
        if shape[a] < 0 or -p > x.shape[a] or -q > x.shape[a] or -p - q > x.shape[a]:
            raise Skip()
    ins = [x, g.ints(low + high)]
    value = None
    if mode == "constant" and g.chance(0.5):
        value = g.new(x.dtype, (), low=0, high=2)
        ins.append(value)
    if given:
        ins += [None] if len(ins) == 2 else []
        ins.append(g.ints(axes))
    frac = None if x.frac is None else max(x.frac, 2)
    g.add("Pad", ins, [Value("", x.dtype, shape, max(x.mag, 2), frac, x.err, x.special)], mode=mode)


# ---- by index



def index_tensor(g, n, shape, negative=True, dtype=I64):
    if n == 0 and math.prod(shape):
        raise Skip()
    data = g.rng.integers(-n if negative and g.chance(0.4) else 0, max(n, 1), shape)
    return g.constant(np.asarray(data), dtype) if g.chance(0.6) or g.options.freeze else g.input(np.asarray(data), dtype)


@op(4)
def gather(g):
    x = g.pick(TYPES, low=1)
    axis = g.int(0, x.rank - 1)
    shape = g.shape(0, 2)
    i = index_tensor(g, x.shape[axis], shape, dtype=g.one((I64, I32)))
    g.add("Gather", [x, i], [g.same(x, x.shape[:axis] + i.shape + x.shape[axis + 1:])], axis=axis - x.rank if g.chance(0.3) else axis)


@op(2)
def gather_elements(g):
    x = g.pick(TYPES, low=1)
    axis = g.int(0, x.rank - 1)
    shape = [g.int(min(1, d), d) for d in x.shape]
    shape[axis] = g.int(1, 4)
    i = index_tensor(g, x.shape[axis], shape)
    g.add("GatherElements", [x, i], [g.same(x, shape)], axis=axis)


def tuples(g, dims, lead):
    """Indices of elements or slices: tuples along the last axis, no two the same."""
    n = math.prod(dims)
    count = math.prod(lead)
    if count > n:
        raise Skip()
    flat = g.rng.permutation(n)[:count]
    data = np.stack(np.unravel_index(flat, dims), -1).reshape(list(lead) + [len(dims)]) if dims else np.zeros(list(lead) + [0])
    if g.chance(0.3):
        data = np.where(g.rng.random(data.shape) < 0.4, data - np.array(dims), data)
    return data.astype(np.int64)


@op(2)
def gather_nd(g):
    x = g.pick(TYPES, low=1)
    batch = g.int(0, min(1, x.rank - 1))
    k = g.int(1, x.rank - batch)
    lead = list(x.shape[:batch]) + [g.int(1, 3)]
    if math.prod(x.shape[batch:batch + k]) == 0:
        raise Skip()
    data = np.stack([g.rng.integers(0, d, lead) for d in x.shape[batch:batch + k]], -1)
    i = g.constant(data) if g.chance(0.6) or g.options.freeze else g.input(data)
    i.fixed = True
    g.add("GatherND", [x, i], [g.same(x, lead + list(x.shape[batch + k:]))], batch_dims=batch)


def updates(g, x, shape):
    return g.pick((x.dtype,), shape=shape)


def scattered(x, u, times=1):
    frac = None if x.frac is None or u.frac is None else max(x.frac, u.frac)
    return Value("", x.dtype, x.shape, x.mag + times * u.mag, frac, x.err + times * u.err, x.special or u.special)


def reduction_of(g, x):
    if g.opset < 16 or g.chance(0.5) or x.dtype not in (F32, F64, I32, I64):
        return {}
    return {"reduction": g.one(("add", "mul", "max", "min") if g.opset >= 18 else ("add", "mul"))}


@op(5)
def scatter_nd(g):
    x = g.pick(TYPES, low=1)
    k = g.int(1, x.rank)
    lead = [g.int(1, 3) for _ in range(g.int(0, 2))]
    i = tuples(g, x.shape[:k], lead)
    i = g.constant(i) if g.chance(0.6) or g.options.freeze else g.input(i)
    i.fixed = True
    u = updates(g, x, lead + list(x.shape[k:]))
    how = reduction_of(g, x)
    if how.get("reduction") == "mul" and not (x.exact and u.exact):
        raise Skip()
    if how.get("reduction") in ("max", "min") and (x.special or u.special):
        raise Skip()  # neither reference lets NaN win, as numpy does
    out = scattered(x, u)
    if how.get("reduction") == "mul":
        out.mag, out.frac = max(x.mag, 1) * max(u.mag, 1), None if out.frac is None else x.frac + u.frac
    g.add("ScatterND", [x, i, u], [out], **how)


@op(5)
def scatter_elements(g):
    x = g.pick(TYPES, low=1)
    axis = g.int(0, x.rank - 1)
    shape = [g.int(min(1, d), d) for d in x.shape]
    n = x.shape[axis]
    # Along the axis, no index twice.
    data = np.argsort(g.rng.random(shape[:axis] + [n] + shape[axis + 1:]), axis=axis).take(range(shape[axis]), axis=axis)
    if g.chance(0.3):
        data = np.where(g.rng.random(data.shape) < 0.4, data - n, data)
    i = g.constant(data.astype(np.int64)) if g.chance(0.6) or g.options.freeze else g.input(data.astype(np.int64))
    u = updates(g, x, shape)
    how = reduction_of(g, x)
    if how.get("reduction") == "mul" and not (x.exact and u.exact):
        raise Skip()
    if how.get("reduction") in ("max", "min") and (x.special or u.special):
        raise Skip()  # neither reference lets NaN win, as numpy does
    out = scattered(x, u)
    if how.get("reduction") == "mul":
        out.mag, out.frac = max(x.mag, 1) * max(u.mag, 1), None if out.frac is None else x.frac + u.frac
    g.add("ScatterElements", [x, i, u], [out], axis=axis - x.rank if g.chance(0.3) else axis, **how)


@op(1)
def compress(g):
    x = g.pick(TYPES, low=1)
    axis = g.int(0, x.rank - 1) if g.chance(0.7) else None
    n = x.size if axis is None else x.shape[axis]
    data = g.data(BOOL, (g.int(0, n),))
    c = g.constant(data) if g.options.freeze or g.chance(0.5) else g.input(data)
    count = int(data.sum())
    shape = (count,) if axis is None else x.shape[:axis] + (count,) + x.shape[axis + 1:]
    g.add("Compress", [x, c], [g.same(x, shape)], axis=axis)


@op(1)
def non_zero(g):
    x = g.exact((F32, I64, BOOL, I32), special=False, low=1)
    if x.data is None:
        raise Skip()
    g.add("NonZero", [x], [whole((x.rank, int(np.count_nonzero(x.data))), I64, 20)])


@op(1)
def one_hot(g):
    depth = g.int(1, 5)
    i = index_tensor(g, depth, g.shape(1, 3), dtype=g.one((I64, I32)))
    values = g.new(g.dtype((F32, I32, I64)), (2,), low=-4, high=4)
    axis = g.int(-i.rank - 1, i.rank)
    shape = list(i.shape)
    shape.insert(axis if axis >= 0 else axis + i.rank + 1, depth)
    g.add("OneHot", [i, g.constant(np.array(depth, np.int64)), values], [g.same(values, shape)], axis=axis)


@op(1)
def trilu(g):
    x = g.pick((F32, F64, I64, I32, BOOL), low=2)
    ins = [x] + ([g.constant(np.array(g.int(-2, 2), np.int64))] if g.chance(0.6) else [])
    if g.opset < 14:
        raise Skip()
    g.add("Trilu", ins, [g.same(x, x.shape)], upper=g.int(0, 1))


@op(1)
def reverse_sequence(g):
    x = g.pick((F32, I32, I64, F64), low=2)
    time = g.int(0, 1)
    n, b = x.shape[time], x.shape[1 - time]
    if n == 0:
        raise Skip()
    lengths = g.new(I64, (b,), low=1, high=n)
    g.add("ReverseSequence", [x, lengths], [g.same(x, x.shape)], time_axis=time, batch_axis=1 - time)


@op(1)
def center_crop_pad(g):
    if g.opset < 18:
        raise Skip()
    x = g.pick((F32, I32), low=1)
    shape = [g.dim() for _ in x.shape]
    g.add("CenterCropPad", [x, g.ints(shape)], [g.same(x, shape)])


@op(1)
def blocks(g):
    s = 2
    if g.chance(0.5):
        x = g.pick((F32, F64), shape=(g.int(1, 2), 4 * g.int(1, 3), g.int(1, 4), g.int(1, 4)))
        n, c, h, w = x.shape
        g.add("DepthToSpace", [x], [g.same(x, (n, c // 4, h * s, w * s))], blocksize=s, mode=g.one(("DCR", "CRD")))
    else:
        x = g.pick((F32, F64), shape=(g.int(1, 2), g.int(1, 3), 2 * g.int(1, 4), 2 * g.int(1, 4)))
        n, c, h, w = x.shape
        g.add("SpaceToDepth", [x], [g.same(x, (n, c * 4, h // s, w // s))], blocksize=s)


# ---- shapes

@op(3)
def shape_of(g):
    x = g.pick(TYPES)
    if g.chance(0.25):
        v = g.add("Size", [x], [whole((), I64, x.size)])
        v.data = np.array(x.size)
        return
    attributes, dims = {}, list(x.shape)
    if g.opset >= 15 and g.chance(0.4):
        start, end = g.int(-x.rank - 1, x.rank), g.int(-x.rank - 1, x.rank + 1)
        attributes = {"start": start, "end": end}
        clamp = lambda v: min(max(v + x.rank if v < 0 else v, 0), x.rank)
        dims = dims[clamp(start):max(clamp(end), clamp(start))]
    g.add("Shape", [x], [whole((len(dims),), I64, 2000)], **attributes)


@op(1.5)
def fill(g):
    shape = g.shape(0, 4)
    how = g.one(("ConstantOfShape", "Range", "EyeLike"))
    if how == "ConstantOfShape":
        from onnx import numpy_helper
        dtype = g.dtype((F32, F64, I64, I32, BOOL, U8))
        data = g.data(dtype, (1,))
        out = Value("", dtype, shape, float(np.abs(data.astype(np.float64)).max()), 2)
        g.add(how, [g.ints(shape)], [out], value=numpy_helper.from_array(data, "value"))
    elif how == "Range":
        dtype = g.one((F32, I64, I32))
        start, step, n = g.int(-3, 3), g.one((1, 2, -1)), g.int(0 if g.zeros else 1, 6)
        make = lambda v: (g.input if g.options.dynamic and g.chance(0.4) and not g.options.freeze else g.constant)(np.array(v), dtype)
        g.add(how, [make(start), make(start + step * n), make(step)], [Value("", dtype, (n,), 20, 0)])
    else:
        x = g.pick((F32, I32, I64), low=2, high=2)
        g.add(how, [x], [Value("", x.dtype, x.shape, 1, 0)], k=g.int(-1, 1))
