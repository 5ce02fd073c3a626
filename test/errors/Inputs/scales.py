"""Writes a model with the scale SCALE of its weights: with Q and DQ, as QLinearMatMul, or a Concat.

    scales.py SCALE FILE [qlinear|concat]
"""

import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SCALE, FILE = float(sys.argv[1]), sys.argv[2]
tensors = {"w": np.array([[1], [2]], np.int8), "s": np.array(SCALE, np.float32), "z": np.array(3, np.uint8),
           "t": np.array(0.5, np.float32)}
nodes = [helper.make_node("DequantizeLinear", ["x", "t", "z"], ["a"], name="activations"),
         helper.make_node("DequantizeLinear", ["w", "s"], ["b"], name="weights"),
         helper.make_node("MatMul", ["a", "b"], ["y"])]
form = sys.argv[3] if len(sys.argv) > 3 else ""
result = [TensorProto.FLOAT, [3, 1]]
if form == "qlinear":
    tensors |= {"w": np.array([[1, 3], [2, 4]], np.int8), "s": np.array([0.5, SCALE], np.float32), "wz": np.zeros(2, np.int8)}
    nodes = [helper.make_node("QLinearMatMul", ["x", "t", "z", "w", "s", "wz", "t", "z"], ["y"], name="product")]
    result = [TensorProto.UINT8, [3, 2]]
elif form == "concat":
    tensors |= {"u": np.array(4, np.uint8), "w": np.array([[1], [2], [3], [4]], np.int8)}
    nodes = [helper.make_node("DequantizeLinear", ["x", "t", "z"], ["a"], name="left"),
             helper.make_node("DequantizeLinear", ["x", "t", "u"], ["b"], name="right"),
             helper.make_node("Concat", ["a", "b"], ["c"], name="join", axis=1),
             helper.make_node("DequantizeLinear", ["w", "s"], ["d"], name="weights"), helper.make_node("MatMul", ["c", "d"], ["y"])]
graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.UINT8, [3, 2])],
                          [helper.make_tensor_value_info("y", *result)],
                          [numpy_helper.from_array(v, k) for k, v in tensors.items()])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), FILE)
