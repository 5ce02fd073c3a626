"""Writes a quantised convolution behind another: u8 images, i8 weights."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def layer(x, y, name, channels, weights, initializers):
    parameters = {
        "xs": np.float32(0.02), "xz": np.uint8(7), "w": weights, "ws": np.full(channels, 0.01, np.float32),
        "wz": np.zeros(channels, np.int8), "ys": np.float32(0.5), "yz": np.uint8(3),
        "b": np.arange(channels, dtype=np.int32),
    }
    initializers += [numpy_helper.from_array(np.asarray(v), name + k) for k, v in parameters.items()]
    size = weights.shape[2]
    return helper.make_node("QLinearConv", [x] + [name + k for k in parameters], [y], name, kernel_shape=[size, size])


random = np.random.RandomState(1)
initializers = []
nodes = [
    layer("x", "h", "first", 32, random.randint(-127, 128, (32, 32, 1, 1)).astype(np.int8), initializers),
    layer("h", "y", "second", 16, random.randint(-127, 128, (16, 32, 3, 3)).astype(np.int8), initializers),
]
graph = helper.make_graph(
    nodes, "quantised",
    [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 32, 12, 12])],
    [helper.make_tensor_value_info("y", TensorProto.UINT8, [1, 16, 10, 10])], initializers)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
onnx.save(model, sys.argv[1])
