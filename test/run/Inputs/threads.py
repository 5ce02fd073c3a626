"""Writes models whose kernels are large enough to be shared out to threads, to a folder."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def value(name, dims):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def weight(name, *dims):
    return numpy_helper.from_array(np.random.RandomState(len(name)).randn(*dims).astype(np.float32), name)


def save(folder, name, nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(weights))
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
              os.path.join(folder, name + ".onnx"))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    node = helper.make_node
    # Convolutions: few and many panels, odd sizes, groups, depthwise; pooling.
    save(
        folder, "convolutions",
        [node("Conv", ["x", "wa"], ["a"], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["b"]),
         node("Conv", ["b", "wbb"], ["c"], group=2, strides=[2, 2]),
         node("Conv", ["c", "wccc"], ["d"], group=96, pads=[1, 1, 1, 1]),
         node("MaxPool", ["d"], ["e"], kernel_shape=[3, 3]), node("Conv", ["e", "wdddd"], ["y"])],
        [value("x", [1, 3, 61, 67])], [value("y", None)],
        [weight("wa", 64, 3, 3, 3), weight("wbb", 96, 32, 3, 3), weight("wccc", 96, 1, 3, 3), weight("wdddd", 33, 96, 1, 1)],
    )
    # Products of two inputs: the kernel packs panels, each thread its own.
    save(
        folder, "products",
        [node("Transpose", ["b"], ["t"], perm=[0, 2, 1]), node("MatMul", ["a", "t"], ["s"]),
         node("Softmax", ["s"], ["p"]), node("MatMul", ["p", "b"], ["y"])],
        [value("a", [3, 130, 70]), value("b", [3, 150, 70])], [value("y", [3, 130, 70])],
    )
    save(
        folder, "elementwise",
        [node("Exp", ["x"], ["a"]), node("Add", ["a", "row"], ["b"]), node("ReduceMean", ["b"], ["y"], axes=[1])],
        [value("x", ["n", 700])], [value("y", ["n", 1])], [weight("row", 700)],
    )


main(sys.argv[1])
