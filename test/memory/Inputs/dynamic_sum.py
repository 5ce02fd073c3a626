"""Writes a product whose reduction has a size that is known at run time only: dynamic_sum.py FILE"""

import sys

import onnx
from onnx import TensorProto, helper

graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "y"], ["z"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, "n"]), helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
    [helper.make_tensor_value_info("z", TensorProto.FLOAT, [4, 4])])
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), sys.argv[1])
