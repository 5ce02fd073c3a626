"""Writes y = x W with x [4,32], W [32,16]: 512 weights, all 1.5 except W[0,0] = -2.

With the argument "dynamic" the rows of x are the symbol n.
"""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

weight = numpy.full((32, 16), 1.5, numpy.float32)
weight[0, 0] = -2
rows = "n" if "dynamic" in sys.argv[2:] else 4
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 32])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 16])],
    [numpy_helper.from_array(weight, "w")],
)
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), sys.argv[1])
