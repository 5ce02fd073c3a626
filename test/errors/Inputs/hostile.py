"""Writes models that ask for too much, or have odd names, to a folder."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def value(name, dims, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, dims)


def node(op, inputs, outputs, name="", **attributes):
    return helper.make_node(op, inputs, outputs, name=name, **attributes)


def model(nodes, inputs=None, outputs=None, weights=(), sparse=()):
    inputs = [value("x", [2, 3])] if inputs is None else inputs
    outputs = [value("y", [2, 3])] if outputs is None else outputs
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    graph.sparse_initializer.extend(sparse)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def chain():
    names = ["x"] + [f"v{i}" for i in range(20)] + ["y"]
    return model([node("Relu", [a], [b]) for a, b in zip(names, names[1:])])


def nested():
    """Five graphs in one another."""
    graph = helper.make_graph([node("Neg", ["x"], ["o0"])], "inner", [], [value("o0", [2, 3])])
    for level in range(1, 5):
        name = f"o{level}"
        other = helper.make_graph([node("Abs", ["x"], ["e"])], "other", [], [value("e", [2, 3])])
        graph = helper.make_graph([node("If", ["c"], [name], then_branch=graph, else_branch=other)], f"level{level}", [],
                                  [value(name, [2, 3])])
    graph.node.append(node("Relu", ["o4"], ["y"]))
    graph.input.extend([value("x", [2, 3]), value("c", [], TensorProto.BOOL)])
    graph.output[0].name = "y"
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def weight():
    return model([node("MatMul", ["x", "w"], ["y"], "product")], outputs=[value("y", [2, 500])],
                 weights=[numpy_helper.from_array(np.ones((3, 500), np.float32), "w")])


def high_rank():
    return model([node("Relu", ["x"], ["y"])], [value("x", [1] * 70)], [value("y", [1] * 70)])


def wide():
    return model([node("Sum", ["x"] * 6, ["y"], "sum")])


def many_inputs():
    names = [f"x{i}" for i in range(5000)]
    return model([node("Sum", names, ["y"], "sum")], [value(name, [1]) for name in names])


def sparse():
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    indices = numpy_helper.from_array(np.array([[0, 0]], np.int64), "w_at")
    tensor = helper.make_sparse_tensor(values, indices, [1 << 20, 1 << 20])
    return model([node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 1 << 20])], [value("y", [1, 1 << 20])], sparse=[tensor])


def folded():
    """A constant of 4 KB that evaluation makes out of two small ones."""
    weights = [numpy_helper.from_array(np.ones((32, 1), np.float32), "a"), numpy_helper.from_array(np.arange(32, dtype=np.float32)[None], "b")]
    return model([node("Mul", ["a", "b"], ["ab"], "outer"), node("Add", ["x", "ab"], ["y"], "add")], [value("x", [32, 32])],
                 [value("y", [32, 32])], weights)


def long_name():
    name = "n" * 300000
    return model([node("MatMul", [name, name], ["y"], name)], [value(name, [2, 3])])


def long_names():
    """As above, but the model is good."""
    name = "n" * 300000
    return model([node("Relu", [name], [name + "y"])], [value(name, [2, 3])], [value(name + "y", [2, 3])])


def terminal():
    """A name that would clear the screen."""
    return model([node("MatMul", ["x", "x"], ["y"], "\x1b[2J\x07node")])


def reserved():
    names = ["_Bool", "__x", "linux", "I", "errno", "while", "co_await", "INT32_MAX", "_fine", "plain"]
    return model([node("Sum", names, ["NULL"])], [value(n, [2, 3]) for n in names], [value("NULL", [2, 3])])


def hard_link():
    tensor = helper.make_tensor("w", FLOAT, [3, 500], [0.0] * 1500)
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "data.bin"
    return model([node("MatMul", ["x", "w"], ["y"], "product")], outputs=[value("y", [2, 500])], weights=[tensor])


CASES = [chain, nested, weight, high_rank, wide, many_inputs, sparse, folded, long_name, long_names, terminal, reserved, hard_link]


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for case in CASES:
        with open(os.path.join(folder, case.__name__ + ".onnx"), "wb") as out:
            out.write(case().SerializeToString())


main(sys.argv[1])
