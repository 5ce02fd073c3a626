"""Quantised models, made by ONNX Runtime's own quantiser from seeded calibration data.

    test/quantized/quantize.py [NAME...]      makes build/quantized/NAME.onnx and prints the path

A name is NETWORK.FORM (floats.py: INPUTS; FORMS below). Made files stay until what makes them changes.
"""

import hashlib
import inspect
import logging
import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import numpy  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402

import floats  # noqa: E402

FOLDER = os.environ.get("ONNXC_QUANTIZED_MODELS") or os.path.join(floats.ROOT, "build", "quantized", "models")
CALIBRATION_SEEDS = range(100, 108)

# form: (QDQ or QOperator nodes, type of activations); weights are s8, per channel
STATIC = {"qdq": ("QDQ", "QUInt8"), "qdq_s8": ("QDQ", "QInt8"), "qop": ("QOperator", "QUInt8"), "qop_s8": ("QOperator", "QInt8")}
# `edge`: qdq_s8 with 8-bit inputs and outputs, as a microcontroller runs it. `dynamic`: ranges found in the run.
FORMS = (*STATIC, "edge", "dynamic")
TINY = ("resnet8", "vww96", "kws", "dscnn", "autoencoder", "mobilenet_v2_035")
SMALL = tuple(n for n in TINY if not floats.needs_torch(n))
EDGE = tuple(n for n in TINY if n != "kws")  # whose input is quantised before anything else
LARGE = ("mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "resnet50", "bert_base")


def names():
    """Every model of the figures."""
    result = []
    for network in (*TINY, *LARGE):
        forms = [*STATIC] + (["edge"] if network in EDGE else []) + (["dynamic"] if network == "bert_base" else [])
        if network == "bert_base":
            forms = ["qdq", "qop", "dynamic"]
        result += [f"{network}.{form}" for form in forms]
    return result


class Calibration:
    """What ONNX Runtime's quantiser calls a CalibrationDataReader."""

    def __init__(self, network):
        self.draws = iter([floats.draw(network, seed) for seed in CALIBRATION_SEEDS])

    def get_next(self):
        return next(self.draws, None)


def quantise(source, network, form, path):
    from onnxruntime import quantization as q

    if form == "dynamic":
        q.quantize_dynamic(source, path, weight_type=q.QuantType.QInt8, per_channel=True)
        return
    nodes, activations = STATIC[form]
    q.quantize_static(
        source, path, Calibration(network), quant_format=q.QuantFormat[nodes], per_channel=True,
        activation_type=q.QuantType[activations], weight_type=q.QuantType.QInt8,
    )


def without_edges(source, path):
    """The model without the QuantizeLinear of its input and the DequantizeLinear of its output."""
    model = onnx.load(source)
    graph = model.graph
    (first,) = [n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == graph.input[0].name]
    (last,) = [n for n in graph.node if graph.output[0].name in n.output]
    if last.op_type != "DequantizeLinear":
        raise RuntimeError(f"{source}: the output comes from {last.op_type} '{last.name}', wanted DequantizeLinear")
    for value, node, name in ((graph.input[0], first, first.output[0]), (graph.output[0], last, last.input[0])):
        zero = next(t for t in graph.initializer if t.name == node.input[2])
        value.name, value.type.tensor_type.elem_type = name, zero.data_type
        graph.node.remove(node)
    onnx.save(model, path)


def key(network, form):
    """Changes with what the file is made by."""
    sources = [inspect.getsource(part) for part in (quantise, without_edges, Calibration)]
    text = "\n".join([*sources, repr((STATIC, CALIBRATION_SEEDS, form)), floats.key(network), onnxruntime.__version__])
    return hashlib.sha256(text.encode()).hexdigest()


def build(name, folder=FOLDER):
    """The path of a quantised model. Raises floats.Missing."""
    network, form = name.split(".")
    path, stamp = os.path.join(folder, name + ".onnx"), os.path.join(folder, name + ".key")
    wanted = key(network, form)
    if os.path.exists(path) and os.path.exists(stamp) and open(stamp).read() == wanted:
        return path
    os.makedirs(folder, exist_ok=True)
    if form == "edge":
        without_edges(build(network + ".qdq_s8", folder), path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger().setLevel(logging.ERROR)  # advice on preparing models that are prepared
            quantise(floats.find(network, os.path.join(folder, "float")), network, form, path)
    with open(stamp, "w") as out:
        out.write(wanted)
    return path


def draw(name, seed):
    """{input: array} of a run of a quantised model."""
    network, form = name.split(".")
    values = floats.draw(network, seed)
    if form != "edge":
        return values
    graph = onnx.load(build(network + ".qdq_s8")).graph
    (first,) = [n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == graph.input[0].name]
    scale, zero = (onnx.numpy_helper.to_array(next(t for t in graph.initializer if t.name == n)) for n in first.input[1:])
    value = numpy.rint(values[graph.input[0].name] / scale) + zero
    return {first.output[0]: numpy.clip(value, -128, 127).astype(numpy.int8)}


if __name__ == "__main__":
    for wanted in sys.argv[1:] or names():
        print(build(wanted), flush=True)
