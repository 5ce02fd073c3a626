"""The float models that the quantised ones are made of.

    find(name, folder)     path of the float model; made in `folder` where it does not exist
    draw(name, seed)       {input: array} of one run, from the range that the model is meant for

Published models come from $ONNX_COMPILE_MODELS. `autoencoder` and `dscnn` have the shapes of MLPerf
Tiny's and seeded weights. The others are exported by PyTorch (export_float.py, in the virtual
environment of test/exports).
"""

import hashlib
import inspect
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TEST = os.path.dirname(HERE)
ROOT = os.path.dirname(TEST)
sys.path.insert(0, os.path.join(TEST, "models"))

import numpy  # noqa: E402
import onnx  # noqa: E402
import onnx.version_converter  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import inputs as model_inputs  # noqa: E402

EXPORTS_VENV = os.path.join(ROOT, "build", "exports-venv")
OPSET = 17

IMAGE_01 = {"kind": "image", "low": 0, "high": 1}
NORMALISED = {"kind": "image", "low": -2.1, "high": 2.6}  # a photograph less its mean, over its deviation

# name: inputs, as test/models/models.json writes them
INPUTS = {
    "resnet8": {"input_1": {"shape": [1, 3, 32, 32], "kind": "image", "low": 0, "high": 255}},
    "vww96": {"input_1": {"shape": [1, 3, 96, 96], **IMAGE_01}},
    "kws": {"serving_default_input:0": {"shape": [1, 1960], "kind": "uniform", "low": 0, "high": 26}},
    "dscnn": {"input": {"shape": [1, 1, 49, 10], "kind": "uniform", "low": -2, "high": 2}},
    "autoencoder": {"input": {"shape": [1, 640], "kind": "uniform", "low": -3, "high": 3}},
    "mobilenet_v2_035": {"input": {"shape": [1, 3, 96, 96], **NORMALISED}},
    "mobilenet_v2": {"input": {"shape": [1, 3, 224, 224], **NORMALISED}},
    "mobilenet_v3_large": {"input": {"shape": [1, 3, 224, 224], **NORMALISED}},
    "efficientnet_b0": {"input": {"shape": [1, 3, 224, 224], **NORMALISED}},
    "resnet50": {"input": {"shape": [1, 3, 224, 224], **NORMALISED}},
    "bert_base": {"input_ids": {"shape": [1, 128], "kind": "int", "low": 0, "high": 30521}},
}
PUBLISHED = {"resnet8": "mlperf_resnet8", "vww96": "mlperf_vww96", "kws": "kws_fp32"}
TYPES = {"bert_base": numpy.int64}


class Missing(Exception):
    """What the model is made from is not here; the text says what to do."""


def draw(name, seed):
    specs = INPUTS[name]
    return model_inputs.draw(specs, {key: TYPES.get(name, numpy.float32) for key in specs}, seed)


class Builder:
    """Nodes and seeded weights of a small network; every method returns the name of its result."""

    def __init__(self, seed):
        self.rng = numpy.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def weight(self, value):
        self.weights.append(numpy_helper.from_array(numpy.asarray(value), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def op(self, kind, *operands, **attributes):
        result = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(operands), [result], result, **attributes))
        return result

    def drawn(self, shape, gain):
        fan_in = int(numpy.prod(shape[1:]))
        return self.weight((self.rng.standard_normal(shape) * numpy.sqrt(gain / fan_in)).astype(numpy.float32))

    def bias(self, count):
        return self.weight(self.rng.normal(0, 0.1, count).astype(numpy.float32))

    def dense(self, x, cin, cout, gain=2.0):
        return self.op("Gemm", x, self.drawn((cout, cin), gain), self.bias(cout), transB=1)

    def conv(self, x, cin, cout, kernel, stride=1, pads=(0, 0, 0, 0), groups=1):
        weight = self.drawn((cout, cin // groups, *kernel), 2.0)
        return self.op("Conv", x, weight, self.bias(cout), kernel_shape=kernel, strides=[stride] * 2, pads=pads, group=groups)

    def save(self, path, input_shape, output_shape):
        self.nodes[-1].output[0] = "output"
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
        graph = helper.make_graph(self.nodes, "main_graph", [value("input", input_shape)], [value("output", output_shape)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def autoencoder(path):
    """MLPerf Tiny's anomaly detector, BatchNormalization folded: 640-128x4-8-128x4-640."""
    b = Builder(11)
    widths = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
    x = "input"
    for i, (cin, cout) in enumerate(zip(widths, widths[1:])):
        last = i == len(widths) - 2
        x = b.dense(x, cin, cout, 1.0 if last else 2.0)
        if not last:
            x = b.op("Relu", x)
    b.save(path, [1, 640], [1, 640])


def dscnn(path):
    """MLPerf Tiny's keyword spotter, BatchNormalization folded: a 10x4 convolution and four separable ones, 64 channels."""
    b = Builder(12)
    x = b.op("Relu", b.conv("input", 1, 64, [10, 4], 2, [4, 1, 5, 1]))
    for _ in range(4):
        x = b.op("Relu", b.conv(x, 64, 64, [3, 3], 1, [1, 1, 1, 1], groups=64))
        x = b.op("Relu", b.conv(x, 64, 64, [1, 1]))
    x = b.op("Flatten", b.op("GlobalAveragePool", x))
    b.op("Softmax", b.dense(x, 64, 12, 40.0))
    b.save(path, [1, 1, 49, 10], [1, 12])


WRITTEN = {"autoencoder": autoencoder, "dscnn": dscnn}


def needs_torch(name):
    return name not in PUBLISHED and name not in WRITTEN


def key(name):
    """Changes with what the float model is made by."""
    if needs_torch(name):
        with open(os.path.join(HERE, "export_float.py")) as stream:
            source = stream.read()
    else:
        source = inspect.getsource(Builder) + inspect.getsource(WRITTEN[name]) if name in WRITTEN else ""
    return hashlib.sha256((source + repr(INPUTS[name])).encode()).hexdigest()[:12]


def raised(source, path):
    """The model in an opset whose DequantizeLinear has an axis."""
    model = onnx.load(source)
    if next(o.version for o in model.opset_import if o.domain == "") >= 13:
        return source
    os.makedirs(os.path.dirname(path), exist_ok=True)
    onnx.save(onnx.version_converter.convert_version(model, OPSET), path)
    return path


def find(name, folder):
    """Raises Missing."""
    if name in PUBLISHED:
        path = os.path.join(os.environ.get("ONNX_COMPILE_MODELS", ""), PUBLISHED[name] + ".onnx")
        if not os.path.exists(path):
            raise Missing(f"{PUBLISHED[name]}.onnx is not in $ONNX_COMPILE_MODELS")
        return raised(path, os.path.join(folder, name + ".onnx"))
    path = os.path.join(folder, f"{name}.{key(name)}.onnx")
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
    if name in WRITTEN:
        WRITTEN[name](path)
        return path
    python = os.path.join(os.environ.get("ONNXC_EXPORTS_VENV", EXPORTS_VENV), "bin", "python")
    if not os.path.exists(python):
        raise Missing("PyTorch is not here; test/exports/run --list makes its environment, or set $ONNXC_EXPORTS_VENV")
    subprocess.run([python, os.path.join(HERE, "export_float.py"), name, path + ".new"], check=True)
    os.replace(path + ".new", path)
    return path
