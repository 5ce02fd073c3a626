"""Builds the benchmark models with onnx.helper and seeded He weights, as PyTorch would export them.

    bench/models.py [NAME...]        writes build/bench/models/<name>.onnx (all by default)

Networks: resnet50, mobilenet_v1, mobilenet_v2 (1x3x224x224, BatchNormalization
kept) and bert_base (12 layers, sequence 128, GELU and LayerNormalization
decomposed). Singles: 20 convolutions and matrix products with odd sizes,
strides and paddings.
"""

import math
import os
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.environ.get("ONNXC_BENCH_MODELS") or os.path.join(ROOT, "build", "bench", "models")
OPSET = 17


class Graph:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self, seed):
        self.rng = numpy.random.default_rng(seed)
        self.nodes, self.weights, self.count = [], [], 0

    def weight(self, value, dtype=numpy.float32):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(value, dtype), name))
        return name

    def he(self, shape, fan_in, gain=2.0):
        return self.weight(self.rng.standard_normal(shape, numpy.float32) * math.sqrt(gain / fan_in))

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        result = f"{kind.lower()}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], result, **attributes))
        return result

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self.nodes, "main_graph", inputs, outputs, self.weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8,
            producer_name="onnx-compile-bench",
        )
        onnx.checker.check_model(model)
        onnx.save(model, path + ".new")
        os.replace(path + ".new", path)

    def conv(self, x, cin, cout, kernel, stride=1, pad=None, groups=1, bias=False, dilation=1):
        kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        fan_in = cin // groups * kh * kw
        operands = [x, self.he((cout, cin // groups, kh, kw), fan_in)]
        if bias:
            operands.append(self.weight(self.rng.normal(0, 0.1, cout)))
        if pad is None:
            pads = [kh // 2, kw // 2, kh // 2, kw // 2]
        else:
            pads = list(pad) if isinstance(pad, tuple) else [pad] * 4
        strides = list(stride) if isinstance(stride, tuple) else [stride] * 2
        return self.op(
            "Conv", *operands, kernel_shape=[kh, kw], strides=strides, pads=pads, group=groups,
            dilations=[dilation, dilation],
        )

    def batch_norm(self, x, channels, low=0.8, high=1.2):
        uniform, normal = self.rng.uniform, self.rng.normal
        return self.op(
            "BatchNormalization", x, self.weight(uniform(low, high, channels)),
            self.weight(normal(0, 0.1, channels)), self.weight(normal(0, 0.1, channels)),
            self.weight(uniform(0.8, 1.2, channels)), epsilon=1e-5,
        )

    def classifier(self, x, channels):
        x = self.op("GlobalAveragePool", x)
        x = self.op("Flatten", x, axis=1)
        return self.linear(x, channels, 1000)

    def linear(self, x, cin, cout):
        return self.op(
            "Gemm", x, self.he((cout, cin), cin, 1.0), self.weight(self.rng.normal(0, 0.1, cout)),
            transB=1,
        )


def value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save_classifier(graph, path, last):
    graph.nodes[-1].output[0] = "output"
    graph.save(path, [value("input", [1, 3, 224, 224])], [value("output", [1, 1000])])


def resnet50(path):
    g = Graph(1)
    x = g.op("Relu", g.batch_norm(g.conv("input", 3, 64, 7, 2, 3), 64))
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    cin = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            step = stride if block == 0 else 1
            y = g.op("Relu", g.batch_norm(g.conv(x, cin, width, 1), width))
            y = g.op("Relu", g.batch_norm(g.conv(y, width, width, 3, step), width))
            # A small last scale keeps the sum of many blocks in range.
            y = g.batch_norm(g.conv(y, width, 4 * width, 1), 4 * width, 0.2, 0.4)
            if block == 0:
                x = g.batch_norm(g.conv(x, cin, 4 * width, 1, step), 4 * width)
            x = g.op("Relu", g.op("Add", y, x))
            cin = 4 * width
    save_classifier(g, path, g.classifier(x, cin))


def mobilenet_v1(path):
    g = Graph(2)
    x = g.op("Relu", g.batch_norm(g.conv("input", 3, 32, 3, 2), 32))
    cin = 32
    layers = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    layers += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    for cout, stride in layers:
        x = g.op("Relu", g.batch_norm(g.conv(x, cin, cin, 3, stride, groups=cin), cin))
        x = g.op("Relu", g.batch_norm(g.conv(x, cin, cout, 1), cout))
        cin = cout
    save_classifier(g, path, g.classifier(x, cin))


def mobilenet_v2(path):
    g = Graph(3)
    zero, six = g.weight(0.0), g.weight(6.0)

    def relu6(x):
        return g.op("Clip", x, zero, six)

    x = relu6(g.batch_norm(g.conv("input", 3, 32, 3, 2), 32))
    cin = 32
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1))
    for expand, cout, repeat, stride in rows:
        for i in range(repeat):
            step = stride if i == 0 else 1
            width = cin * expand
            y = x
            if expand != 1:
                y = relu6(g.batch_norm(g.conv(y, cin, width, 1), width))
            y = relu6(g.batch_norm(g.conv(y, width, width, 3, step, groups=width), width))
            y = g.batch_norm(g.conv(y, width, cout, 1), cout)
            x = g.op("Add", x, y) if step == 1 and cin == cout else y
            cin = cout
    x = relu6(g.batch_norm(g.conv(x, cin, 1280, 1), 1280))
    save_classifier(g, path, g.classifier(x, 1280))


def bert_base(path, layers=12, sequence=128, hidden=768, heads=12, vocabulary=30522):
    g = Graph(4)
    size = hidden // heads
    one, two, half = g.weight(1.0), g.weight(2.0), g.weight(0.5)
    root_two, epsilon = g.weight(math.sqrt(2.0)), g.weight(1e-12)
    root_size = g.weight(math.sqrt(size))

    def normal(shape, deviation=0.02):
        return g.weight(g.rng.standard_normal(shape, numpy.float32) * deviation)

    def dense(x, cin, cout):
        # nn.Linear on three dimensions: MatMul with the transposed weight, bias first in Add.
        y = g.op("MatMul", x, g.he((cin, cout), cin, 1.0))
        return g.op("Add", normal((cout,)), y)

    def layer_norm(x):
        mean = g.op("ReduceMean", x, axes=[-1])
        centred = g.op("Sub", x, mean)
        variance = g.op("ReduceMean", g.op("Pow", centred, two), axes=[-1])
        deviation = g.op("Sqrt", g.op("Add", variance, epsilon))
        scaled = g.op("Mul", g.op("Div", centred, deviation), g.weight(g.rng.uniform(0.8, 1.2, hidden)))
        return g.op("Add", scaled, normal((hidden,)))

    def gelu(x):
        e = g.op("Add", g.op("Erf", g.op("Div", x, root_two)), one)
        return g.op("Mul", g.op("Mul", x, e), half)

    split = g.weight([1, sequence, heads, size], numpy.int64)
    merged = g.weight([1, sequence, hidden], numpy.int64)

    def per_head(x, perm):
        return g.op("Transpose", g.op("Reshape", x, split), perm=perm)

    # Mask: (1 - mask) * lowest, broadcast over heads and rows.
    mask = g.op("Unsqueeze", "attention_mask", g.weight([1, 2], numpy.int64))
    mask = g.op("Sub", one, g.op("Cast", mask, to=TensorProto.FLOAT))
    mask = g.op("Mul", mask, g.weight(-3.4028235e38))

    x = g.op("Gather", normal((vocabulary, hidden)), "input_ids")
    x = g.op("Add", x, g.op("Gather", normal((2, hidden)), "token_type_ids"))
    x = layer_norm(g.op("Add", x, normal((1, sequence, hidden))))
    for _ in range(layers):
        query = per_head(dense(x, hidden, hidden), [0, 2, 1, 3])
        key = per_head(dense(x, hidden, hidden), [0, 2, 3, 1])
        values = per_head(dense(x, hidden, hidden), [0, 2, 1, 3])
        scores = g.op("Div", g.op("MatMul", query, key), root_size)
        weights = g.op("Softmax", g.op("Add", scores, mask), axis=-1)
        context = g.op("Transpose", g.op("MatMul", weights, values), perm=[0, 2, 1, 3])
        context = g.op("Reshape", context, merged)
        x = layer_norm(g.op("Add", dense(context, hidden, hidden), x))
        inner = gelu(dense(x, hidden, 4 * hidden))
        x = layer_norm(g.op("Add", dense(inner, 4 * hidden, hidden), x))
    g.nodes[-1].output[0] = "last_hidden_state"
    first = g.op("Gather", "last_hidden_state", g.weight(0, numpy.int64), axis=1)
    g.op("Tanh", g.linear(first, hidden, hidden))
    g.nodes[-1].output[0] = "pooler_output"
    tokens = [1, sequence]
    g.save(
        path,
        [value(n, tokens, TensorProto.INT64) for n in ("input_ids", "attention_mask", "token_type_ids")],
        [value("last_hidden_state", [1, sequence, hidden]), value("pooler_output", [1, hidden])],
    )


# name: (input channels, height, width, output channels, kernel, stride, pad, groups, dilation)
CONVOLUTIONS = {
    "conv_3x3_35x35x48": (48, 35, 35, 64, 3, 1, 1, 1, 1),
    "conv_3x3_s2_57x57x61": (61, 57, 57, 93, 3, 2, 1, 1, 1),
    "conv_5x5_27x27x31": (31, 27, 27, 45, 5, 1, 2, 1, 1),
    "conv_5x5_s3_71x53x16": (16, 71, 53, 40, 5, 3, 1, 1, 1),
    "conv_1x7_17x17x128": (128, 17, 17, 192, (1, 7), 1, (0, 3, 0, 3), 1, 1),
    "conv_7x1_17x17x128": (128, 17, 17, 192, (7, 1), 1, (3, 0, 3, 0), 1, 1),
    "conv_1x1_29x31x100": (100, 29, 31, 150, 1, 1, 0, 1, 1),
    "conv_1x1_s2_55x55x77": (77, 55, 55, 130, 1, 2, 0, 1, 1),
    "conv_7x7_s2_113x113x3": (3, 113, 113, 37, 7, 2, 3, 1, 1),
    "conv_3x3_d2_33x33x50": (50, 33, 33, 50, 3, 1, 2, 1, 2),
    "conv_3x3_asym_40x25x24": (24, 40, 25, 56, 3, (2, 1), (0, 1, 1, 2), 1, 1),
    "conv_3x3_g4_28x28x84": (84, 28, 28, 84, 3, 1, 1, 4, 1),
    "conv_dw3x3_45x45x99": (99, 45, 45, 99, 3, 1, 1, 99, 1),
    "conv_dw5x5_s2_61x61x66": (66, 61, 61, 66, 5, 2, 2, 66, 1),
}
# name: (shape of A, shape of B), the second a weight unless the name says batched
MATMULS = {
    "matmul_127x255x511": ((127, 255), (255, 511)),
    "matmul_1x1000x777": ((1, 1000), (1000, 777)),
    "matmul_333x77x45": ((333, 77), (77, 45)),
    "matmul_batched_6x65x33x97": ((6, 65, 33), (6, 33, 97)),
    "matmul_batched_3x100x100x100": ((3, 100, 100), (3, 100, 100)),
    "matmul_13x2049x130": ((13, 2049), (2049, 130)),
}


def convolution(path, seed, cin, height, width, cout, kernel, stride, pad, groups, dilation):
    g = Graph(seed)
    g.conv("input", cin, cout, kernel, stride, pad, groups, True, dilation)
    g.nodes[-1].output[0] = "output"
    window = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    steps = stride if isinstance(stride, tuple) else (stride, stride)
    pads = pad if isinstance(pad, tuple) else (pad,) * 4
    extent = [
        (size + pads[i] + pads[i + 2] - dilation * (window[i] - 1) - 1) // steps[i] + 1
        for i, size in enumerate((height, width))
    ]
    g.save(path, [value("input", [1, cin, height, width])], [value("output", [1, cout, *extent])])


def matmul(path, seed, a, b, batched):
    g = Graph(seed)
    g.op("MatMul", "a", "b" if batched else g.he(b, b[-2], 1.0))
    g.nodes[-1].output[0] = "output"
    inputs = [value("a", list(a))] + ([value("b", list(b))] if batched else [])
    g.save(path, inputs, [value("output", list(a[:-1]) + [b[-1]])])


NETWORKS = {
    "resnet50": resnet50,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "bert_base": bert_base,
}
SINGLES = list(CONVOLUTIONS) + list(MATMULS)


def names(text):
    """The models that 'a,b', 'all', 'networks' or 'singles' mean."""
    groups = {"all": list(NETWORKS) + SINGLES, "networks": list(NETWORKS), "singles": SINGLES}
    result = []
    for word in text.split(","):
        if word not in groups and word not in groups["all"]:
            raise SystemExit(f"bench: no model '{word}'; there are: all, networks, singles, " + ", ".join(groups["all"]))
        result += [n for n in groups.get(word, [word]) if n not in result]
    return result


def build(name):
    """The path of a model's file; it is made if it is not there, or older than this script."""
    path = os.path.join(FOLDER, name + ".onnx")
    if os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(os.path.abspath(__file__)):
        return path
    os.makedirs(FOLDER, exist_ok=True)
    print(f"building {name}", file=sys.stderr, flush=True)
    seed = 100 + SINGLES.index(name) if name in SINGLES else 0
    if name in NETWORKS:
        NETWORKS[name](path)
    elif name in CONVOLUTIONS:
        convolution(path, seed, *CONVOLUTIONS[name])
    else:
        matmul(path, seed, *MATMULS[name], "batched" in name)
    return path


def inputs(name, path, seed=0):
    """{name: array}: images 0..1, token ids with a padded tail, normal values for the singles."""
    rng = numpy.random.default_rng(7 + seed)
    model = onnx.load(path)
    result = {}
    for info in model.graph.input:
        shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        if name == "bert_base":
            result[info.name] = {
                "input_ids": lambda: rng.integers(0, 30522, shape),
                "attention_mask": lambda: (numpy.arange(shape[1]) < shape[1] - 11).astype(numpy.int64)[None],
                "token_type_ids": lambda: (numpy.arange(shape[1]) >= shape[1] // 2).astype(numpy.int64)[None],
            }[info.name]()
        elif name in NETWORKS:
            result[info.name] = rng.random(shape, numpy.float32)
        else:
            result[info.name] = rng.standard_normal(shape, numpy.float32)
    return result


if __name__ == "__main__":
    for model in names(",".join(sys.argv[1:]) or "all"):
        print(build(model))
