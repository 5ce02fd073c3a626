"""argv[1]: Softmax between DequantizeLinear and QuantizeLinear."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SHAPE = [4, 64, 96]
weights = {"s": np.array(0.05, np.float32), "z": np.array(3, np.int8), "t": np.array(1 / 256, np.float32), "u": np.array(-128, np.int8)}
nodes = [
    helper.make_node("DequantizeLinear", ["x", "s", "z"], ["f"], "dequantize"),
    helper.make_node("Softmax", ["f"], ["p"], "softmax", axis=-1),
    helper.make_node("QuantizeLinear", ["p", "t", "u"], ["y"], "quantize"),
]
value = lambda n: helper.make_tensor_value_info(n, TensorProto.INT8, SHAPE)  # noqa: E731
graph = helper.make_graph(nodes, "main_graph", [value("x")], [value("y")], [numpy_helper.from_array(v, k) for k, v in weights.items()])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
