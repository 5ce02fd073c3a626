"""Checks a quantised model: check.py FLOAT.onnx QUANTISED.onnx INPUTS.npz [--cosine C] [--batch N]

ONNX's checker accepts it, ONNX Runtime loads it, and without its optimisations
computes nearly what it computes of the float model. Prints the ops and the
types of the initialisers, and how many values have which scale.
"""

import argparse
import collections

import numpy as np
import onnx
import onnxruntime

parser = argparse.ArgumentParser()
parser.add_argument("float")
parser.add_argument("quantised")
parser.add_argument("inputs")
parser.add_argument("--cosine", type=float, default=0.99)
arguments = parser.parse_args()

model = onnx.load(arguments.quantised)
onnx.checker.check_model(model, full_check=True)
opset = [entry.version for entry in model.opset_import if not entry.domain][0]
print("opset", opset)
print("ops", *sorted(f"{op}:{n}" for op, n in collections.Counter(n.op_type for n in model.graph.node).items()))
names = collections.Counter(onnx.TensorProto.DataType.Name(t.data_type) for t in model.graph.initializer)
print("constants", *sorted(f"{name}:{n}" for name, n in names.items()))
for node in model.graph.node:
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        print(node.op_type, "(", *node.input, ")", "->", *node.output)
stored = {}
for node in model.graph.node:
    if node.op_type == "QuantizeLinear":
        stored[node.input[0]] = node.input[1]
print("scales", *sorted(f"{value}={scale}" for value, scale in stored.items()))


def session(path, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


levels = onnxruntime.GraphOptimizationLevel
wanted = session(arguments.float, levels.ORT_ENABLE_ALL)
plain = session(arguments.quantised, levels.ORT_DISABLE_ALL)
fast = session(arguments.quantised, levels.ORT_ENABLE_ALL)
with np.load(arguments.inputs) as archive:
    arrays = {name: archive[name] for name in archive.files}
feeds = {}
for value in wanted.get_inputs():
    array = arrays[value.name]
    if array.ndim > len(value.shape):
        array = array[0]
    feeds[value.name] = array
cosine = lambda a, b: float(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)))
for name, a, b, c in zip(*([[o.name for o in wanted.get_outputs()]] + [s.run(None, feeds) for s in (wanted, plain, fast)])):
    assert b.shape == a.shape and b.dtype == a.dtype, (name, a.shape, b.shape)
    for kind, other in (("unoptimised", b), ("optimised", c)):
        assert cosine(a, other) >= arguments.cosine, (name, kind, cosine(a, other))
print("right")
