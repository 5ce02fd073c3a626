"""Writes a model over n x h x w pixels: convolutions, pooling, a concatenation; all sizes follow from n, h, w.

With the argument "unk" the sizes have names as type inference makes them up.
"""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

def name(symbol):
    return "unk__" + symbol if "unk" in sys.argv[2:] else symbol


random = numpy.random.RandomState(0)
weights = {"w": random.randn(8, 3, 3, 3), "v": random.randn(16, 8, 3, 3)}
graph = helper.make_graph(
    [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "v"], ["d"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["d"], ["e"]),
        helper.make_node("Concat", ["d", "e"], ["y"], axis=1),
        helper.make_node("GlobalAveragePool", ["y"], ["z"]),
    ],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [name("n"), 3, name("h"), name("w")])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 32, "p", "q"]),
     helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 32, 1, 1])],
    [numpy_helper.from_array(value.astype("f4"), name) for name, value in weights.items()],
)
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), sys.argv[1])
