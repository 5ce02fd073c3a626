"""Writes a static model with a temporary: y = Softmax(x @ w), x and y float [2, 3]."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def value(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3])


nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Softmax", ["a"], ["y"])]
weights = [numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")]
graph = helper.make_graph(nodes, "fixed", [value("x")], [value("y")], weights)
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), sys.argv[1])
