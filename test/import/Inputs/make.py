"""Writes a named test model: make.py NAME FILE."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F = TensorProto.FLOAT


def value(name, shape, type=F):
    return helper.make_tensor_value_info(name, type, shape)


def model(nodes, inputs, outputs, constants=(), opset=21, ir=10, functions=(), imports=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(constants))
    return helper.make_model(
        graph, ir_version=ir, functions=list(functions),
        opset_imports=[helper.make_opsetid("", opset), *imports])


def relu(x="x", y="y", **more):
    return helper.make_node("Relu", [x], [y], name="relu", **more)


def unary(shape=("N", 3)):
    return model([relu()], [value("x", shape)], [value("y", shape)])


def placeholders():
    """Dims whose names mean that they are not known."""
    return unary(("?", "?", "None", "None", "-1", "-1", "unknown", "unknown", "n"))


def optional_operands():
    conv = helper.make_node("Conv", ["x", "w"], ["c"], name="conv", kernel_shape=[1, 1])
    pool = helper.make_node("MaxPool", ["c"], ["y"], kernel_shape=[2, 2])
    dead = helper.make_node("Sin", ["x"], ["unused"])
    weights = numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float32), "w")
    extra = numpy_helper.from_array(np.ones(3, np.float32), "not_read")
    return model([conv, pool, dead], [value("x", [1, 3, 4, 4]), value("w", [4, 3, 1, 1])],
                 [value("y", None)], [weights, extra])


def large_weight():
    w = numpy_helper.from_array(np.arange(1024, dtype=np.float32).reshape(32, 32), "w")
    return model([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 32])], [value("y", [1, 32])], [w])


def element_types():
    """Each type in its typed field, as old exporters store them."""
    constants = [
        helper.make_tensor("f16", TensorProto.FLOAT16, [2], [1.0, -2.0]),
        helper.make_tensor("bf16", TensorProto.BFLOAT16, [1], [1.5]),
        helper.make_tensor("u8", TensorProto.UINT8, [2], [1, 255]),
        helper.make_tensor("i4", TensorProto.INT4, [3], [-8, 7, 1]),
        helper.make_tensor("b", TensorProto.BOOL, [2], [True, False]),
        helper.make_tensor("u64", TensorProto.UINT64, [1], [2**63]),
        helper.make_tensor("s", TensorProto.STRING, [2], [b"one", b"two"]),
        helper.make_tensor("c", TensorProto.COMPLEX64, [1], [1 + 2j]),
        helper.make_tensor("f8", TensorProto.FLOAT8E4M3FN, [1], [2.0]),
        helper.make_tensor("empty", F, [0], []),
    ]
    nodes = [helper.make_node("Identity", [c.name], ["o_" + c.name]) for c in constants]
    return model(nodes, [], [value("o_" + c.name, None, c.data_type) for c in constants], constants)


def loop():
    body = helper.make_graph(
        [helper.make_node("Add", ["a", "x"], ["b"]), helper.make_node("Identity", ["k"], ["k2"])], "body",
        [value("i", [], TensorProto.INT64), value("k", [], TensorProto.BOOL), value("a", [3])],
        [value("k2", [], TensorProto.BOOL), value("b", [3]), value("b", [3])])
    m = numpy_helper.from_array(np.array(4, np.int64), "m")
    return model([helper.make_node("Loop", ["m", "", "x"], ["y", "all"], name="loop", body=body)],
                 [value("x", [3])], [value("y", [3]), value("all", [4, 3])], [m])


def function():
    body = helper.make_function("local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
                                [helper.make_opsetid("", 21)])
    return model([helper.make_node("Twice", ["x"], ["y"], domain="local", name="call")],
                 [value("x", [3])], [value("y", [3])], functions=[body], imports=[helper.make_opsetid("local", 1)])


def function_old_opset():
    body = helper.make_function("local", "Drop", ["a"], ["b"], [helper.make_node("Squeeze", ["a"], ["b"], axes=[0])],
                                [helper.make_opsetid("", 11)])
    return model([helper.make_node("Drop", ["x"], ["y"], domain="local", name="call")],
                 [value("x", [1, 3])], [value("y", [3])], functions=[body], imports=[helper.make_opsetid("local", 1)])


def function_recursive():
    body = helper.make_function("local", "Again", ["a"], ["b"],
                                [helper.make_node("Again", ["a"], ["b"], domain="local")],
                                [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)])
    return model([helper.make_node("Again", ["x"], ["y"], domain="local")],
                 [value("x", [3])], [value("y", [3])], functions=[body], imports=[helper.make_opsetid("local", 1)])


def function_explosion():
    """Thirty functions that call the one before ten times each."""
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    functions = [helper.make_function("local", "F0", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], imports)]
    for level in range(1, 30):
        nodes = [helper.make_node(f"F{level - 1}", ["a" if i == 0 else f"v{i}"], ["b" if i == 9 else f"v{i + 1}"], domain="local")
                 for i in range(10)]
        functions.append(helper.make_function("local", f"F{level}", ["a"], ["b"], nodes, imports))
    return model([helper.make_node("F29", ["x"], ["y"], domain="local")], [value("x", [3])], [value("y", [3])],
                 functions=functions, imports=[helper.make_opsetid("local", 1)])


def unknown_ops():
    return model([helper.make_node("Nonsense", ["x"], ["a"], name="first"),
                  helper.make_node("Magic", ["a"], ["y"], name="second", domain="my.domain")],
                 [value("x", [3])], [value("y", [3])], imports=[helper.make_opsetid("my.domain", 1)])


def unsorted():
    return model([relu("a", "y"), helper.make_node("Abs", ["x"], ["a"], name="late")], [value("x", [3])], [value("y", [3])])


def duplicate():
    return model([relu("x", "y"), helper.make_node("Abs", ["x"], ["y"], name="again")], [value("x", [3])], [value("y", [3])])


def short_data():
    m = large_weight()
    m.graph.initializer[0].raw_data = m.graph.initializer[0].raw_data[:100]
    return m


def long_data():
    m = large_weight()
    m.graph.initializer[0].raw_data = m.graph.initializer[0].raw_data + b"1234"
    return m


def negative_dim():
    m = large_weight()
    m.graph.initializer[0].dims[0] = -32
    return m


def overflow_dim():
    m = large_weight()
    m.graph.initializer[0].dims[:] = [2**62, 2**62]
    return m


def negative_input():
    return unary((-7, 3))


def no_graph():
    m = unary()
    m.ClearField("graph")
    return m


def future_opset():
    m = unary()
    m.opset_import[0].version = 999
    return m


def future_ir():
    m = unary()
    m.ir_version = 999
    return m


def old_resize():
    r = numpy_helper.from_array(np.array([], np.float32), "r")
    s = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "s")
    return model([helper.make_node("Resize", ["x", "r", "s"], ["y"], name="resize",
                                   coordinate_transformation_mode="tf_half_pixel_for_nn")],
                 [value("x", [1, 1, 2, 2])], [value("y", None)], [r, s], opset=11, ir=7)


def external(location="weights.bin", offset=None, length=None, size=4096):
    m = large_weight()
    tensor = m.graph.initializer[0]
    file = os.path.join(os.path.dirname(sys.argv[2]), "weights.bin")
    # Never write through a link that someone left there.
    if os.path.lexists(file):
        os.remove(file)
    with open(file, "xb") as out:
        out.write(tensor.raw_data[:size])
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("offset", offset), ("length", length)):
        if text is not None:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(text)
    return m


def external_up():
    return external("../weights.bin")


def external_absolute():
    return external("/etc/passwd")


def external_missing():
    return external("absent.bin")


def external_link():
    """A link out of the model's folder, to a file of this test beside it."""
    folder = os.path.dirname(sys.argv[2])
    outside = os.path.join(folder + ".outside", "secret.bin")
    with open(outside, "wb") as out:
        out.write(bytes(4096))
    link = os.path.join(folder, "link.bin")
    if os.path.lexists(link):
        os.remove(link)
    os.symlink(outside, link)
    return external("link.bin")


def external_short():
    return external(size=100)


def external_offset():
    return external(offset="18446744073709551615")


class Bytes:
    """A model as bytes, for what the onnx package itself refuses to write."""

    def __init__(self, data):
        self.data = data

    def SerializeToString(self):
        return self.data


def field(number, payload):
    """A length-delimited protobuf field."""
    size, data = len(payload), bytes([(number << 3 | 2) & 0x7F | (0x80 if number > 15 else 0)])
    if number > 15:
        data += bytes([number >> 4])
    while size > 127:
        data, size = data + bytes([size & 127 | 128]), size >> 7
    return data + bytes([size]) + payload


def nested_too_deep():
    """If in If, deeper than the limit of nesting."""
    graph = field(2, b"leaf")
    for _ in range(300):
        attribute = field(1, b"then_branch") + field(6, graph)
        graph = field(1, field(4, b"If") + field(5, attribute)) + field(2, b"level")
    return Bytes(b"\x08\x08" + field(7, graph) + field(8, b"\x10\x15"))


def contradicting_types():
    b = numpy_helper.from_array(np.ones((4, 5), np.float32), "b")
    return model([helper.make_node("MatMul", ["x", "b"], ["t"], name="product"), relu("t", "y")],
                 [value("x", [2, 3])], [value("y", None)], [b])


if __name__ == "__main__":
    with open(sys.argv[2], "wb") as out:
        out.write(globals()[sys.argv[1]]().SerializeToString())
