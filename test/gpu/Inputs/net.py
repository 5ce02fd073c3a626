"""net.py FILE: a product with bias and Relu, and at FILE.dynamic a Relu of unknown size."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
w = numpy_helper.from_array(rng.standard_normal((32, 64)).astype(np.float32), "w")
b = numpy_helper.from_array(rng.standard_normal(64).astype(np.float32), "b")


def save(path, nodes, x, y, initializers):
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", x), ("y", y))]
    graph = helper.make_graph(nodes, "net", tensors[:1], tensors[1:], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


save(sys.argv[1], [helper.make_node("Gemm", ["x", "w", "b"], ["t"], "gemm"), helper.make_node("Relu", ["t"], ["y"], "relu")],
     [64, 32], [64, 64], [w, b])
save(sys.argv[1] + ".dynamic", [helper.make_node("Relu", ["x"], ["y"], "relu")], ["n", 32], ["n", 32], [])
