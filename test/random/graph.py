"""A graph under construction: values whose shape, size and rounding error are known, and nodes that make them."""

import math

import numpy as np
from onnx import TensorProto, helper, numpy_helper

F16, F32, F64, BF16 = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.BFLOAT16
I8, I16, I32, I64 = TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64
U8, U16, U32, U64, BOOL = TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64, TensorProto.BOOL
FLOATS = (F32, F64, F16, BF16)
INTS = (I64, I32, I8, I16, U8, U16, U32, U64)
NUMBERS = FLOATS + INTS
TYPES = NUMBERS + (BOOL,)
#: Bits of the mantissa, the hidden one included.
MANTISSA = {F16: 11, BF16: 8, F32: 24, F64: 53}
MOST = {F16: 2e4, BF16: 1e12, F32: 1e12, F64: 1e12}
MOST_ELEMENTS = 1500


class Skip(Exception):
    """An op does not fit the graph as it is; another one is tried."""


def numpy_type(t):
    return helper.tensor_dtype_to_np_dtype(t)


def is_float(t):
    return t in MANTISSA


class Value:
    """A tensor of the graph.

    mag: no finite element is larger; frac: every element is a multiple of 2^-frac, None: it was rounded;
    err: the largest error that two right implementations can make; special: holds NaN or infinities, perhaps;
    data: the elements, where they are known.
    """

    def __init__(self, name, dtype, shape, mag=0.0, frac=None, err=0.0, special=False, data=None):
        self.name, self.dtype, self.shape = name, dtype, tuple(int(d) for d in shape)
        self.mag, self.frac, self.err, self.special, self.data = float(mag), frac, float(err), special, data
        self.fixed = False  #: an input whose dims are always known: how many there are decides a rank

    @property
    def rank(self):
        return len(self.shape)

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def exact(self):
        return self.frac is not None or not is_float(self.dtype) and self.err == 0


class Graph:
    """One graph, or the body of a control-flow op inside `parent`."""

    def __init__(self, rng, options, parent=None):
        self.rng, self.options, self.parent = rng, options, parent
        self.root = parent.root if parent else self
        self.nodes, self.values, self.inputs, self.constants = [], [], [], {}
        if parent is None:
            self.count = 0
            self.opset = int(rng.choice(options.opsets))
            self.specials = rng.random() < 0.1
            self.zeros = rng.random() < 0.15
        else:
            self.opset, self.specials, self.zeros = parent.opset, parent.specials, parent.zeros

    # -- chance
    def chance(self, p):
        return self.rng.random() < p

    def int(self, low, high):
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def one(self, choices):
        choices = list(choices)
        if not choices:
            raise Skip()
        return choices[int(self.rng.integers(len(choices)))]

    def dim(self):
        if self.zeros and self.chance(0.2):
            return 0
        return self.one((1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 16, 17))

    def shape(self, low=0, high=6):
        rank = self.one([r for r in (0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6) if low <= r <= high])
        dims = [self.dim() for _ in range(rank)]
        while math.prod(dims) > MOST_ELEMENTS:
            dims[self.int(0, rank - 1)] = 1
        return tuple(dims)

    def dtype(self, types=TYPES):
        """Mostly f32."""
        if F32 in types and self.chance(0.6):
            return F32
        usual = [t for t in (I64, I64, I64, I32, I32, F64, BOOL, BOOL, U8, I8, F16) if t in types]
        return self.one(usual) if usual and self.chance(0.85) else self.one(types)

    # -- values
    def name(self, prefix="v"):
        self.root.count += 1
        return f"{prefix}{self.root.count}"

    def visible(self):
        return self.values + (self.parent.visible() if self.parent else [])

    def data(self, dtype, shape, low=-4.0, high=4.0, nonzero=False):
        """Random elements; floats are multiples of a quarter."""
        if dtype == BOOL:
            return self.rng.random(shape) < 0.5
        if is_float(dtype):
            a = np.asarray(self.rng.integers(math.ceil(low * 4), math.floor(high * 4) + 1, shape) / 4)
        else:
            low = max(low, 0) if dtype in (U8, U16, U32, U64) else low
            a = np.asarray(self.rng.integers(math.ceil(low), math.floor(high) + 1, shape))
        if nonzero:
            a = np.where(a == 0, 1, a)
        return a.astype(numpy_type(dtype))

    def constant(self, data, dtype=None):
        """A tensor of the model: an initializer, or a Constant node."""
        data = np.asarray(data)
        dtype = dtype or helper.np_dtype_to_tensor_dtype(data.dtype)
        data = data.astype(numpy_type(dtype))
        name = self.name("c")
        tensor = numpy_helper.from_array(data, name)
        if self.chance(0.7):
            self.root.constants[name] = tensor
        else:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        return self._known(name, dtype, data)

    def input(self, data, dtype=None):
        data = np.asarray(data)
        dtype = dtype or helper.np_dtype_to_tensor_dtype(data.dtype)
        name = self.name("x")
        v = self._known(name, dtype, data.astype(numpy_type(dtype)))
        self.root.inputs.append(v)
        self.root.values.append(v)
        return v

    def _known(self, name, dtype, data):
        if not is_float(dtype):
            mag = float(np.abs(data.astype(np.float64)).max()) if data.size else 0
            return Value(name, dtype, data.shape, mag, 0, data=data)
        wide = data.astype(np.float64)
        finite = wide[np.isfinite(wide)]
        mag = float(np.abs(finite).max()) if finite.size else 0
        frac = next((k for k in range(12) if np.all(finite * 2.0**k == np.floor(finite * 2.0**k))), None)
        return Value(name, dtype, data.shape, mag, frac, special=finite.size != wide.size, data=data)

    def new(self, dtype, shape, constant=None, **how):
        """A fresh input or constant."""
        data = self.data(dtype, shape, **how)
        if self.specials and is_float(dtype) and not how and data.size and self.chance(0.7):
            mask = self.rng.random(shape) < 0.25
            odd = self.rng.choice(np.array([np.nan, np.inf, -np.inf, -0.0]), shape)
            data = np.where(mask, odd, data.astype(np.float64)).astype(numpy_type(dtype))
        if constant is None:
            constant = self.chance(0.45)
        if self.options.freeze:
            constant = True
        return self.constant(data, dtype) if constant else self.input(data, dtype)

    def pick(self, types=TYPES, low=0, high=6, where=lambda v: True, shape=None):
        """A value there is, rather a late one, or a new one."""
        fits = [v for v in self.visible() if v.dtype in types and low <= v.rank <= high and where(v)]
        if shape is not None:
            fits = [v for v in fits if v.shape == tuple(shape)]
        if fits and self.chance(0.85):
            back = min(int(self.rng.geometric(0.35)), len(fits))
            return fits[-back] if self.chance(0.8) else self.one(fits)
        v = self.new(self.dtype(types), self.shape(low, high) if shape is None else tuple(shape))
        if not where(v):
            raise Skip()
        return v

    def exact(self, types=TYPES, special=True, **how):
        """As pick(): a value without rounding errors, on which functions may jump."""
        return self.pick(types, where=lambda v: v.exact and (special or not v.special), **how)

    def like(self, v, dtype=None):
        """A value that broadcasts with `v`."""
        shape = list(v.shape)
        for i in range(len(shape)):
            if self.chance(0.25):
                shape[i] = 1
        if self.chance(0.4):
            shape = shape[self.int(0, len(shape)):]
        dtype = dtype or v.dtype

        def fits(w):
            try:
                return math.prod(np.broadcast_shapes(v.shape, w.shape)) <= MOST_ELEMENTS
            except ValueError:
                return False

        old = [w for w in self.visible() if w.dtype == dtype and fits(w)]
        return self.one(old) if old and self.chance(0.6) else self.new(dtype, shape)

    def ints(self, values, dtype=I64):
        """A vector of integers that says how an op works: constant, or known only at run time."""
        data = np.asarray(values, numpy_type(dtype))
        if not self.options.freeze and self.chance(0.35 if self.options.dynamic else 0.03):
            v = self.input(data, dtype)
            v.fixed = True
            return v
        return self.constant(data, dtype)

    # -- nodes
    def add(self, op, ins, outs, domain="", **attributes):
        """Appends a node. outs: Values without a name, which are given one; None for an output that is left out.
        Returns the values, one of them by itself."""
        for v in outs:
            if v is None:
                continue
            if v.size > MOST_ELEMENTS:
                raise Skip()
            if is_float(v.dtype):
                if not v.mag <= MOST[v.dtype]:
                    raise Skip()
                if v.frac is not None and (v.frac > 20 or max(v.mag, 1) * 2.0**v.frac > 2.0 ** MANTISSA[v.dtype]):
                    v.frac = None
                if v.frac is None:
                    v.err = max(v.err, 0) + 2.0 ** (1 - MANTISSA[v.dtype]) * max(v.mag, 1e-3)
                if v.err > 0.02 * max(v.mag, 1e-3):
                    raise Skip()
            v.special = v.special or any(w is not None and w.special and is_float(w.dtype) for w in ins) and is_float(v.dtype)
        for v in outs:
            if v is not None:
                v.name = self.name()
        inputs, outputs = [v.name if v else "" for v in ins], [v.name if v else "" for v in outs]
        while inputs and not inputs[-1]:
            inputs.pop()
        while outputs and not outputs[-1]:
            outputs.pop()
        attributes = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(helper.make_node(op, inputs, outputs, name=f"{op}_{outs[0].name if outs[0] else self.name()}", domain=domain, **attributes))
        made = [v for v in outs if v is not None]
        self.values += made
        return made[0] if len(made) == 1 else made

    def same(self, v, shape, dtype=None):
        """The result of an op that only moves elements of `v`."""
        return Value("", dtype or v.dtype, shape, v.mag, v.frac, v.err, v.special)

    def rounded(self, dtype, shape, mag, err=0.0, special=False):
        return Value("", dtype, shape, mag, None, err, special)


def flag(shape):
    return Value("", BOOL, shape, 1, 0)


def whole(shape, dtype=I64, mag=1e6):
    """Integers."""
    return Value("", dtype, shape, mag, 0)


#: op templates: (name, weight, function of the graph)
TEMPLATES = []


def op(weight=1.0):
    def register(function):
        TEMPLATES.append((function.__name__, weight, function))
        return function

    return register
