"""A chain of convolutions of all kinds, with a residual and pooling, whose values are small integers: chain.py OUT"""

import sys

import numpy
import onnx
from onnx import helper, numpy_helper

random = numpy.random.default_rng(1)
nodes, weights = [], []


def conv(x, y, shape, **attributes):
    weights.append(numpy_helper.from_array(random.integers(-2, 3, shape).astype("float32"), y + "_w"))
    nodes.append(helper.make_node("Conv", [x, y + "_w"], [y], **attributes))
    nodes.append(helper.make_node("Clip", [y, "low", "high"], [y + "_c"]))
    return y + "_c"


weights.append(numpy_helper.from_array(numpy.float32(-3), "low"))
weights.append(numpy_helper.from_array(numpy.float32(3), "high"))
x = conv("x", "first", (8, 3, 3, 3), pads=[0, 0, 1, 1], strides=[2, 2])
x = conv(x, "depthwise", (8, 1, 3, 3), pads=[1, 1, 1, 1], group=8)
x = conv(x, "pointwise", (16, 8, 1, 1))
x = conv(x, "halves", (16, 1, 3, 3), pads=[0, 0, 1, 1], strides=[2, 2], group=16)
y = conv(x, "expand", (48, 16, 1, 1))
y = conv(y, "within", (48, 1, 3, 3), pads=[1, 1, 1, 1], group=48)
y = conv(y, "project", (16, 48, 1, 1))
nodes.append(helper.make_node("Add", [x, y], ["sum"]))
y = conv("sum", "full", (12, 16, 3, 3), pads=[1, 1, 1, 1])
nodes.append(helper.make_node("MaxPool", [y], ["out"], kernel_shape=[2, 2], strides=[2, 2]))
value = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
graph = helper.make_graph(nodes, "chain", [value("x", [1, 3, 48, 40])], [value("out", [1, 12, 6, 5])], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), sys.argv[1])
