"""Writes a model with a temporary and a constant for the tests of --sanitize, and inputs and outputs of it."""

import os
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def main(folder):
    os.makedirs(folder, exist_ok=True)
    weight = np.arange(1, 10, dtype=np.float32).reshape(3, 3)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Softmax", ["a"], ["b"]), helper.make_node("MatMul", ["b", "w"], ["y"])]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3]) for n in "xy")
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weight, "w")])
    with open(os.path.join(folder, "model.onnx"), "wb") as out:
        out.write(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    given = np.array([[1, 2, 3], [0, 0, 1]], np.float32) / 10
    product = given @ weight
    soft = np.exp(product - product.max(1, keepdims=True))
    np.savez(os.path.join(folder, "in.npz"), x=given)
    np.savez(os.path.join(folder, "ref.npz"), y=soft / soft.sum(1, keepdims=True) @ weight)


main(sys.argv[1])
