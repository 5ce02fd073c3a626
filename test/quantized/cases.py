"""Seeded single quantised ops of any size, sign, zero point, stride and padding (shapes.py runs them)."""

import dataclasses

import ml_dtypes
import numpy
from onnx import helper

MS = "com.microsoft"


@dataclasses.dataclass
class Case:
    """One op; names of its values begin with `prefix`."""

    prefix: str
    text: str = ""
    nodes: list = dataclasses.field(default_factory=list)
    weights: dict = dataclasses.field(default_factory=dict)
    inputs: dict = dataclasses.field(default_factory=dict)  # name: [array per run]
    outputs: list = dataclasses.field(default_factory=list)
    quanta: int = 0  # that an integer output may be off
    floats: float = 1e-5  # of the largest value, that a float output may be off
    opset: int = 17

    def weight(self, name, value):
        self.weights[self.prefix + name] = numpy.asarray(value)
        return self.prefix + name

    def input(self, name, draw, runs):
        self.inputs[self.prefix + name] = [draw() for _ in range(runs)]
        return self.prefix + name

    def op(self, kind, operands, result, domain="", **attributes):
        name = self.prefix + result
        self.nodes.append(helper.make_node(kind, operands, [name], name, domain=domain, **attributes))
        return name

    def done(self, result):
        self.outputs.append(result)
        return self


class Draw:
    """What the makers draw from."""

    def __init__(self, rng, runs):
        self.rng, self.runs = rng, runs

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def size(self, most):
        """Small sizes as often as large ones."""
        return int(numpy.exp(self.rng.uniform(0, numpy.log(most + 0.99))))

    def integers(self, kind, shape):
        info = numpy.iinfo(kind)
        return self.rng.integers(info.min, info.max, shape, endpoint=True).astype(kind)

    def factors(self, kind, shape):
        """Weights: of any value, without the least one as quantisers write them, or as large as they can be."""
        form, drawn = self.one("any", "symmetric", "symmetric", "large"), self.integers(kind, shape)
        if kind != numpy.int8 or form == "any":
            return drawn
        return numpy.maximum(drawn, -127) if form == "symmetric" else numpy.where(drawn < self.one(-120, 0), -127, 127).astype(kind)

    def values(self, kind, shape):
        return lambda: self.integers(kind, shape)

    def normal(self, shape, scale=1.0):
        return lambda: (self.rng.standard_normal(shape) * scale).astype(numpy.float32)

    def scale(self, low=0.002, high=0.1):
        return numpy.float32(self.rng.uniform(low, high))

    def scales(self, count):
        return self.rng.uniform(0.002, 0.02, count).astype(numpy.float32)

    def zero(self, kind):
        return self.one(self.integers(kind, ()), numpy.asarray({"uint8": 128, "int8": 0}[numpy.dtype(kind).name]).astype(kind), numpy.asarray(0, kind))

    def types(self):
        """Types of activations and weights that ONNX Runtime multiplies."""
        return self.one((numpy.uint8, numpy.int8), (numpy.uint8, numpy.uint8), (numpy.int8, numpy.int8))


def output_scale(reduction, x_scale, w_scale):
    """So that most results are within 8 bits and some are not."""
    return numpy.float32(40.0 * numpy.sqrt(reduction) * float(x_scale) * float(numpy.mean(w_scale)) + 1e-6)


def window(d):
    """Shapes and attributes of a convolution."""
    rank = d.one(1, 2, 2, 2)
    form = d.one("dense", "dense", "pointwise", "depthwise", "grouped")
    group = {"depthwise": d.size(40), "grouped": d.one(2, 3)}.get(form, 1)
    inner, outer = (1, d.one(1, 1, 2)) if form == "depthwise" else (d.size(48 if form != "grouped" else 12), d.size(48 if form != "grouped" else 12))
    kernel = [1] * rank if form == "pointwise" else [d.one(1, 2, 3, 3, 5) for _ in range(rank)]
    strides, dilations = [d.one(1, 1, 2, 3) for _ in range(rank)], [d.one(1, 1, 1, 2) for _ in range(rank)]
    pads = [int(d.rng.integers(0, k)) for k in kernel * 2] if d.one(True, False) else [0] * (2 * rank)
    space = [d.size(20) + (k - 1) * s for k, s in zip(kernel, dilations)]
    x, w = [d.one(1, 1, 1, 2), inner * group, *space], [outer * group, inner, *kernel]
    return form, x, w, dict(kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads, group=group)


def weights(c, d, kind, shape, count, per_channel, reduction_axis_last=False):
    """Names of weights, scale and zero point; per channel they are symmetric where they are signed."""
    w_scale = d.scales(count) if per_channel else d.scale(0.002, 0.02)
    if per_channel:
        zero = numpy.zeros(count, kind) if kind == numpy.int8 or d.one(True, False) else d.integers(kind, count)
    else:
        zero = d.zero(kind)
    return [c.weight("w", d.factors(kind, shape)), c.weight("w_scale", w_scale), c.weight("w_zero", zero)], w_scale


def qlinear_conv(c, d):
    form, x, w, attributes = window(d)
    x_kind, w_kind = d.types()
    x_scale = d.scale()
    per_channel = d.one(True, False) and w_kind == numpy.int8
    parts, w_scale = weights(c, d, w_kind, w, w[0], per_channel)
    y_scale = output_scale(numpy.prod(w[1:]), x_scale, w_scale)
    operands = [c.input("x", d.values(x_kind, x), d.runs), c.weight("x_scale", x_scale), c.weight("x_zero", d.zero(x_kind)), *parts,
                c.weight("y_scale", y_scale), c.weight("y_zero", d.zero(x_kind))]
    if d.one(True, False):
        operands.append(c.weight("bias", d.rng.integers(-5000, 5000, w[0]).astype(numpy.int32)))
    c.text = f"QLinearConv {form} x {numpy.dtype(x_kind).name}{x} w {numpy.dtype(w_kind).name}{w} per channel {per_channel} {attributes}"
    return c.done(c.op("QLinearConv", operands, "y", **attributes))


def conv_integer(c, d):
    form, x, w, attributes = window(d)
    w_kind = d.one(numpy.uint8, numpy.int8)
    operands = [c.input("x", d.values(numpy.uint8, x), d.runs), c.weight("w", d.factors(w_kind, w)), c.weight("x_zero", d.zero(numpy.uint8)),
                c.weight("w_zero", d.zero(w_kind))]
    c.text = f"ConvInteger {form} x {x} w {numpy.dtype(w_kind).name}{w} {attributes}"
    return c.done(c.op("ConvInteger", operands, "y", **attributes))


def product(d):
    return d.size(70), d.size(150), d.size(90), d.one([], [], [2], [2, 3])


def qlinear_matmul(c, d):
    m, k, n, batch = product(d)
    a_kind, b_kind = d.types()
    both = d.one(True, False, False)
    a_scale = d.scale()
    b_shape = [*(batch if both else []), k, n]
    b_scale = d.scale(0.002, 0.02) if both or d.one(True, False) else d.scales(n)
    b_zero = d.zero(b_kind) if b_scale.ndim == 0 else numpy.zeros(n, b_kind)
    b = c.input("b", d.values(b_kind, b_shape), d.runs) if both else c.weight("b", d.factors(b_kind, b_shape))
    operands = [c.input("a", d.values(a_kind, [*batch, m, k]), d.runs), c.weight("a_scale", a_scale), c.weight("a_zero", d.zero(a_kind)),
                b, c.weight("b_scale", b_scale), c.weight("b_zero", b_zero), c.weight("y_scale", output_scale(k, a_scale, b_scale)),
                c.weight("y_zero", d.zero(a_kind))]
    c.text = f"QLinearMatMul {batch} {m}x{k}x{n} {numpy.dtype(a_kind).name} {numpy.dtype(b_kind).name} b is an input {both}, scales of b {b_scale.size}"
    return c.done(c.op("QLinearMatMul", operands, "y"))


def matmul_integer(c, d):
    m, k, n, batch = product(d)
    a_kind, b_kind = d.one((numpy.uint8, numpy.int8), (numpy.uint8, numpy.uint8), (numpy.int8, numpy.int8))
    both = d.one(True, False, False)
    shape = [*(batch if both else []), k, n]
    b = c.input("b", d.values(b_kind, shape), d.runs) if both else c.weight("b", d.factors(b_kind, shape))
    operands = [c.input("a", d.values(a_kind, [*batch, m, k]), d.runs), b, c.weight("a_zero", d.zero(a_kind)), c.weight("b_zero", d.zero(b_kind))]
    c.text = f"MatMulInteger {batch} {m}x{k}x{n} {numpy.dtype(a_kind).name} {numpy.dtype(b_kind).name} b is an input {both}"
    return c.done(c.op("MatMulInteger", operands, "y"))


def qgemm(c, d):
    m, k, n, _ = product(d)
    a_kind, b_kind = d.types()
    transposed, to_float = d.one(0, 1), d.one(True, False, False)
    a_scale, per_channel = d.scale(), d.one(True, False)
    parts, b_scale = weights(c, d, b_kind, [n, k] if transposed else [k, n], n, per_channel and b_kind == numpy.int8)
    operands = [c.input("a", d.values(a_kind, [m, k]), d.runs), c.weight("a_scale", a_scale), c.weight("a_zero", d.zero(a_kind)), *parts,
                c.weight("c", d.rng.integers(-3000, 3000, n).astype(numpy.int32))]
    if not to_float:
        operands += [c.weight("y_scale", output_scale(k, a_scale, b_scale)), c.weight("y_zero", d.zero(a_kind))]
    c.text = f"QGemm {m}x{k}x{n} {numpy.dtype(a_kind).name} {numpy.dtype(b_kind).name} transB {transposed} scales of b {b_scale.size} to float {to_float}"
    return c.done(c.op("QGemm", operands, "y", MS, transB=transposed))


def to_float(c, d):
    m, k, n, batch = product(d)
    kind = d.one("DynamicQuantizeMatMul", "MatMulIntegerToFloat")
    b_kind = d.one(numpy.uint8, numpy.int8)
    per_channel = d.one(True, False)
    b_scale = d.scales(n) if per_channel else d.scale()
    b_zero = numpy.zeros(n, b_kind) if per_channel else d.zero(b_kind)
    b = [c.weight("b", d.factors(b_kind, [k, n])), c.weight("b_scale", b_scale), c.weight("b_zero", b_zero)]
    bias = [c.weight("bias", d.normal(n)())] if d.one(True, False) else []
    if kind == "DynamicQuantizeMatMul":
        operands = [c.input("a", d.normal([*batch, m, k]), d.runs), *b, *bias]
    else:
        operands = [c.input("a", d.values(numpy.uint8, [*batch, m, k]), d.runs), b[0], c.weight("a_scale", d.scale()), b[1],
                    c.weight("a_zero", d.zero(numpy.uint8)), b[2], *bias]
    c.text = f"{kind} {batch} {m}x{k}x{n} {numpy.dtype(b_kind).name} per channel {per_channel} bias {bool(bias)}"
    return c.done(c.op(kind, operands, "y", MS))


def matmul_nbits(c, d):
    bits, block = d.one(4, 4, 4, 8, 2), d.one(16, 32, 64, 128)
    k, n, m = d.size(300), d.size(90), d.one(1, 1, 2, 5)
    blocks = -(-k // block)
    operands = [c.input("a", d.normal([m, k]), d.runs), c.weight("b", d.integers(numpy.uint8, [n, blocks, block * bits // 8])),
                c.weight("scales", d.scales(n * blocks))]
    zeros = d.one(True, False)
    if zeros:
        operands.append(c.weight("zeros", d.integers(numpy.uint8, n * -(-blocks * bits // 8))))
    c.text = f"MatMulNBits {m}x{k}x{n} {bits} bits, blocks of {block}, zero points {zeros}"
    return c.done(c.op("MatMulNBits", operands, "y", MS, K=k, N=n, bits=bits, block_size=block))


def weight_only(c, d):
    """Float activations, weights behind a DequantizeLinear: blocked, per column or per tensor."""
    kind = d.one(numpy.int8, numpy.uint8, ml_dtypes.int4, ml_dtypes.uint4)
    least, most = {8: (0, 256), 4: (0, 16)}[ml_dtypes.iinfo(kind).bits]
    if ml_dtypes.iinfo(kind).min < 0:
        least, most = -most // 2, most // 2
    block, m, n = d.one(0, 0, 16, 32), d.one(1, 1, 3, 20), d.size(100)
    k = block * d.size(12) if block else d.size(300)
    turned = d.one(True, False)
    axis = 1 if turned else 0  # along k
    shape, parameters = [k, n], [k // block, n] if block else [n]
    if turned:
        shape, parameters = shape[::-1], parameters[::-1]
    if not block and d.one(True, False):
        parameters = []
    draw = lambda of: d.rng.integers(least, most, of).astype(kind)  # noqa: E731
    operands = [c.weight("w", draw(shape)), c.weight("w_s", d.scales(int(numpy.prod(parameters))).reshape(parameters))]
    zeros = d.one(True, False)
    if zeros:
        operands.append(c.weight("w_z", draw(parameters)))
    attributes = {"axis": axis, "block_size": block} if block else {"axis": 1 - axis}
    weight = c.op("DequantizeLinear", operands, "w_f", **attributes)
    value = c.input("a", d.normal([m, k]), d.runs)
    gemm = d.one(True, False)
    if turned and not gemm:
        weight = c.op("Transpose", [weight], "w_t", perm=[1, 0])
    product = c.op("Gemm", [value, weight, c.weight("bias", d.normal(n)())], "y", transB=int(turned)) if gemm else c.op("MatMul", [value, weight], "y")
    c.opset = 21
    c.text = f"weights of {kind.__name__} {m}x{k}x{n} blocks of {block}, scales {parameters}, zero points {zeros}, Gemm {gemm}, transposed {turned}"
    return c.done(product)


def quantised(c, d, name, value, kind, scale, zero):
    return c.op("QuantizeLinear", [value, c.weight(name + "_scale", scale), c.weight(name + "_zero", zero)], name + "_q")


def activation(c, d, name, shape, kind):
    """A dequantised input, and its scale."""
    scale = d.scale()
    q = c.input(name, d.values(kind, shape), d.runs)
    return c.op("DequantizeLinear", [q, c.weight(name + "_s", scale), c.weight(name + "_z", d.zero(kind))], name + "_f"), scale


def qdq_conv(c, d):
    form, x, w, attributes = window(d)
    kind = d.one(numpy.uint8, numpy.int8)
    value, x_scale = activation(c, d, "x", x, kind)
    w_scale = d.scales(w[0])
    weight = c.op("DequantizeLinear", [c.weight("w", d.factors(numpy.int8, w)), c.weight("w_s", w_scale), c.weight("w_z", numpy.zeros(w[0], numpy.int8))],
                  "w_f", axis=0)
    operands = [value, weight]
    if d.one(True, False):
        bias = [c.weight("bias", d.rng.integers(-5000, 5000, w[0]).astype(numpy.int32)), c.weight("bias_s", (x_scale * w_scale).astype(numpy.float32)),
                c.weight("bias_z", numpy.zeros(w[0], numpy.int32))]
        operands.append(c.op("DequantizeLinear", bias, "bias_f", axis=0))
    y = c.op("Conv", operands, "y_f", **attributes)
    after = d.one("", "Relu", "Clip", "HardSwish", "Sigmoid")
    if after == "Clip":
        y = c.op("Clip", [y, c.weight("low", numpy.float32(0)), c.weight("high", numpy.float32(6))], "a_f")
    elif after:
        y = c.op(after, [y], "a_f")
    c.quanta = 1
    c.text = f"QDQ Conv {form} x {numpy.dtype(kind).name}{x} w {w} {attributes} {after}"
    return c.done(quantised(c, d, "y", y, kind, output_scale(numpy.prod(w[1:]), x_scale, w_scale), d.zero(kind)))


def qdq_conv_transpose(c, d):
    rank, group, inner, outer = d.one(1, 2, 2), d.one(1, 1, 2), d.size(12), d.size(12)
    kernel, strides, turned = [d.one(1, 2, 3, 4) for _ in range(rank)], [d.one(1, 2, 2, 3) for _ in range(rank)], d.one(True, False)
    dilations = [d.one(1, 2) for _ in range(rank)] if all(s == 1 for s in strides) else [1] * rank
    extents = [(k - 1) * s + 1 for k, s in zip(kernel, dilations)]
    pads = [int(d.rng.integers(0, n)) for n in extents * 2] if turned else [0] * (2 * rank)
    more = [int(d.rng.integers(0, s)) for s in strides]
    x, w = [d.one(1, 2), group * inner, *[d.size(8) + 3 for _ in range(rank)]], [group * inner, outer, *kernel]
    kind, per_channel = d.one(numpy.uint8, numpy.int8), d.one(True, False) and group == 1
    value, x_scale = activation(c, d, "x", x, kind)
    w_scale = d.scales(outer) if per_channel else d.scale(0.002, 0.02)
    weight = c.op("DequantizeLinear", [c.weight("w", d.factors(numpy.int8, w)), c.weight("w_s", w_scale), c.weight("w_z", numpy.zeros(numpy.shape(w_scale), numpy.int8))],
                  "w_f", axis=1)
    bias = [c.weight("bias", d.normal(group * outer, 0.5)())] if d.one(True, False) else []
    attributes = dict(kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads, output_padding=more, group=group)
    y = c.op("ConvTranspose", [value, weight, *bias], "y_f", **attributes)
    c.quanta = 1
    c.text = f"QDQ ConvTranspose x {numpy.dtype(kind).name}{x} w {w} {attributes} bias {bool(bias)} per channel {per_channel}"
    return c.done(quantised(c, d, "y", y, kind, output_scale(numpy.prod(w) / outer / group, x_scale, w_scale), d.zero(kind)))


def qdq_binary(c, d):
    kind, op = d.one(numpy.uint8, numpy.int8), d.one("Add", "Sub", "Mul", "Concat", "MatMul")
    shape = [d.size(4), d.size(20), d.size(20), d.size(20)]
    other = list(shape) if op in ("Concat",) or d.one(True, False) else [1, shape[1], 1, 1]
    if op == "MatMul":
        other = [*shape[:2], shape[3], d.size(20)]
    a, a_scale = activation(c, d, "a", shape, kind)
    b, b_scale = activation(c, d, "b", other, kind)
    y = c.op(op, [a, b], "y_f", **({"axis": 1} if op == "Concat" else {}))
    scale = {"Mul": a_scale * b_scale * 80, "MatMul": output_scale(shape[3], a_scale, b_scale)}.get(op, (a_scale + b_scale) / 2)
    c.quanta = 1
    c.text = f"QDQ {op} {numpy.dtype(kind).name} {shape} {other}"
    return c.done(quantised(c, d, "y", y, kind, numpy.float32(scale), d.zero(kind)))


def qdq_unary(c, d):
    kind = d.one(numpy.uint8, numpy.int8)
    op = d.one("Relu", "LeakyRelu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", "Softmax", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean",
               "Transpose", "Slice", "Pad", "Resize", "Gelu", "Clip", "Elu")
    if op == "Gelu":
        c.opset = 20
    shape = [d.size(3), d.size(20), d.size(12) + 2, d.size(12) + 2]
    x, scale = activation(c, d, "x", shape, kind)
    attributes, more, out = {}, [], scale
    if op in ("MaxPool", "AveragePool"):
        attributes = dict(kernel_shape=[d.one(1, 2, 3), d.one(2, 3)], strides=[d.one(1, 2), d.one(1, 2)], pads=[d.one(0, 1), 0, 0, d.one(0, 1)])
        attributes["pads"] = [min(p, k - 1) for p, k in zip(attributes["pads"], attributes["kernel_shape"] * 2)]
    elif op == "ReduceMean":
        attributes = dict(axes=d.one([2, 3], [1], [-1]), keepdims=d.one(0, 1))
    elif op == "Transpose":
        attributes = dict(perm=[int(v) for v in d.rng.permutation(4)])
    elif op == "Slice":
        more = [c.weight(k, numpy.array(v, numpy.int64)) for k, v in (("starts", [1]), ("ends", [999]), ("axes", [2]))]
    elif op == "Pad":
        more = [c.weight("pads", numpy.array([0, 0, 1, 2, 0, 0, 0, 1], numpy.int64))]
    elif op == "Resize":
        more, attributes = ["", c.weight("factors", numpy.array([1, 1, 2, 2], numpy.float32))], dict(mode=d.one("nearest", "linear"))
    elif op == "Clip":
        more = [c.weight("low", numpy.float32(-1)), c.weight("high", numpy.float32(1.5))]
    elif op == "Softmax":
        attributes = dict(axis=d.one(-1, 1))
    if op in ("Sigmoid", "Softmax", "HardSigmoid"):
        out = numpy.float32(1 / 256)
    elif op == "Tanh":
        out = numpy.float32(1 / 128)
    y = c.op(op, [x, *more], "y_f", **attributes)
    c.quanta = 1
    c.text = f"QDQ {op} {numpy.dtype(kind).name} {shape} {attributes}"
    return c.done(quantised(c, d, "y", y, kind, out, d.zero(kind)))


def qlinear_binary(c, d):
    kind, op = d.one(numpy.uint8, numpy.int8), d.one("QLinearAdd", "QLinearMul")
    shape = [d.size(3), d.size(20), d.size(20)]
    other = list(shape) if d.one(True, False) else [1, shape[1], 1]
    a_scale, b_scale = d.scale(), d.scale()
    y_scale = numpy.float32((a_scale + b_scale) / 2 if op == "QLinearAdd" else a_scale * b_scale * 80)
    operands = [c.input("a", d.values(kind, shape), d.runs), c.weight("a_s", a_scale), c.weight("a_z", d.zero(kind)),
                c.input("b", d.values(kind, other), d.runs), c.weight("b_s", b_scale), c.weight("b_z", d.zero(kind)),
                c.weight("y_s", y_scale), c.weight("y_z", d.zero(kind))]
    c.text = f"{op} {numpy.dtype(kind).name} {shape} {other}"
    return c.done(c.op(op, operands, "y", MS))


def qlinear_unary(c, d):
    kind = d.one(numpy.uint8, numpy.int8)
    op = d.one("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearReduceMean")
    shape = [d.size(3), d.size(20), d.size(12) + 2, d.size(12) + 2]
    attributes = {
        "QLinearLeakyRelu": dict(alpha=0.1), "QLinearSoftmax": d.one(dict(axis=-1, opset=13), dict(axis=1, opset=13), dict(opset=12), dict(opset=13)),
        "QLinearAveragePool": dict(kernel_shape=[2, d.one(2, 3)], strides=[d.one(1, 2), 1], count_include_pad=d.one(0, 1), pads=[d.one(0, 1), 0, 0, 1]),
        "QLinearReduceMean": dict(axes=d.one([2, 3], [1]), keepdims=d.one(0, 1)),
    }.get(op, {})
    scale = d.scale()
    y_scale = numpy.float32(1 / 256) if op in ("QLinearSigmoid", "QLinearSoftmax") else scale
    y_zero = numpy.asarray(-128 if kind == numpy.int8 else 0, kind) if op in ("QLinearSigmoid", "QLinearSoftmax") else d.zero(kind)
    operands = [c.input("x", d.values(kind, shape), d.runs), c.weight("x_s", scale), c.weight("x_z", d.zero(kind)), c.weight("y_s", y_scale),
                c.weight("y_z", y_zero)]
    c.text = f"{op} {numpy.dtype(kind).name} {shape} {attributes}"
    return c.done(c.op(op, operands, "y", MS, **attributes))


MAKERS = {
    "qlinear_conv": qlinear_conv, "conv_integer": conv_integer, "qlinear_matmul": qlinear_matmul, "matmul_integer": matmul_integer, "qgemm": qgemm,
    "to_float": to_float, "matmul_nbits": matmul_nbits, "weight_only": weight_only, "qdq_conv": qdq_conv,
    "qdq_conv_transpose": qdq_conv_transpose, "qdq_binary": qdq_binary, "qdq_unary": qdq_unary,
    "qlinear_binary": qlinear_binary, "qlinear_unary": qlinear_unary,
}


def make(kind, seed, prefix, runs):
    case = Case(prefix)
    return MAKERS[kind](case, Draw(numpy.random.default_rng([seed, *kind.encode()]), runs))
