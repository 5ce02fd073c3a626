"""Writes a small convolution net with known costs to a file."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def value(name, dims):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def weight(name, *dims):
    return numpy_helper.from_array(np.random.RandomState(1).randn(*dims).astype(np.float32), name)


batch = sys.argv[2] if len(sys.argv) > 2 else 1
nodes = [
    helper.make_node("Conv", ["x", "w"], ["a"], name="conv", pads=[1, 1, 1, 1]),
    helper.make_node("Relu", ["a"], ["b"], name="relu"),
    helper.make_node("GlobalAveragePool", ["b"], ["c"], name="pool"),
    helper.make_node("Flatten", ["c"], ["d"], name="flat"),
    helper.make_node("Gemm", ["d", "m"], ["y"], name="fc"),
]
graph = helper.make_graph(nodes, "net", [value("x", [batch, 3, 16, 16])], [value("y", [batch, 10])],
                          [weight("w", 8, 3, 3, 3), weight("m", 8, 10)])
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), sys.argv[1])
