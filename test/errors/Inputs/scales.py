"""Writes a model with the scale SCALE of its weights.

    scales.py SCALE FILE
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
graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.UINT8, [3, 2])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 1])],
                          [numpy_helper.from_array(v, k) for k, v in tensors.items()])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), FILE)
