"""Writes the models of the error tests to a folder: one good one, the others wrong in one way each."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def value(name, dims, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, dims)


def node(op, inputs, outputs, name, **attributes):
    return helper.make_node(op, inputs, outputs, name=name, **attributes)


def model(nodes, inputs=None, outputs=None, weights=(), opsets=(("", 17),)):
    inputs = [value("x", [2, 3])] if inputs is None else inputs
    outputs = [value("y", [2, 3])] if outputs is None else outputs
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid(*o) for o in opsets])


def good():
    return model([node("Relu", ["x"], ["y"], "relu")])


def dynamic():
    return model(
        [node("Relu", ["x"], ["y"], "relu")], [value("x", ["batch", 3])], [value("y", ["batch", 3])]
    )


def cyclic():
    return model([node("Add", ["x", "b"], ["a"], "first"), node("Relu", ["a"], ["b"], "second"),
                  node("Relu", ["b"], ["y"], "third")])


def self_reading():
    return model([node("Add", ["x", "y"], ["y"], "loop")])


def wrong_type():
    return model([node("Conv", ["x", "x"], ["y"], "conv")], [value("x", [1, 2, 3, 3], TensorProto.INT32)],
                 [value("y", [1, 2, 3, 3], TensorProto.INT32)])


def wrong_shape():
    return model([node("MatMul", ["x", "x"], ["y"], "product")])


def wrong_output_type():
    return model([node("Relu", ["x"], ["y"], "relu")], outputs=[value("y", [2, 3], TensorProto.INT64)])


def mixed_types():
    return model([node("Add", ["x", "z"], ["y"], "add")], [value("x", [2, 3]), value("z", [2, 3], TensorProto.INT64)])


def unknown_type():
    made = good()
    made.graph.input[0].type.tensor_type.elem_type = 99
    return made

def missing_attribute():
    return model([node("Cast", ["x"], ["y"], "cast")])


def wrong_attribute():
    return model([node("Concat", ["x", "x"], ["y"], "concat", axis=7)])


def zero_stride():
    return model([node("MaxPool", ["x"], ["y"], "pool", kernel_shape=[2, 2], strides=[0, 0])],
                 [value("x", [1, 1, 4, 4])], [value("y", [1, 1, None, None])])


def huge_kernel():
    return model([node("MaxPool", ["x"], ["y"], "pool", kernel_shape=[1 << 40, 2])],
                 [value("x", [1, 1, 4, 4])], [value("y", [1, 1, None, None])])


def huge_pad():
    return model([node("MaxPool", ["x"], ["y"], "pool", kernel_shape=[2, 2], pads=[1 << 62, 0, 1 << 62, 0])],
                 [value("x", [1, 1, 4, 4])], [value("y", [1, 1, None, None])])


def huge_input():
    dims = [1 << 31, 1 << 31, 1 << 31]
    return model([node("Relu", ["x"], ["y"], "relu")], [value("x", dims)], [value("y", dims)])


def huge_temporary():
    """Inputs and output are small, what lies between has 2**66 elements."""
    shape = numpy_helper.from_array(np.array([1 << 22, 1 << 22, 1 << 22], np.int64), "shape")
    return model([node("Expand", ["x", "shape"], ["a"], "expand"), node("Exp", ["a"], ["b"], "exp"),
                  node("ReduceSum", ["b"], ["y"], "sum", keepdims=0)],
                 [value("x", [1])], [value("y", [])], [shape])


def huge_constant():
    shape = numpy_helper.from_array(np.array([1 << 22, 1 << 22, 1 << 22], np.int64), "shape")
    return model([node("ConstantOfShape", ["shape"], ["a"], "fill"), node("Add", ["x", "a"], ["y"], "add")],
                 [value("x", [1])], [value("y", [1 << 22, 1 << 22, 1 << 22])], [shape])


def wrong_output_shape():
    return model([node("Relu", ["x"], ["y"], "relu")], outputs=[value("y", [2, 4])])


def wrong_flag():
    return model([node("ReduceMax", ["x"], ["y"], "largest", keepdims=-1)], outputs=[value("y", None)])


def wrong_passed_type():
    """Of an output that is an input as well."""
    return model([node("Relu", ["x"], ["y"], "relu")], outputs=[value("y", None), value("x", [2, 3], TensorProto.INT64)])


def wrong_equation():
    return model([node("Einsum", ["x"], ["y"], "sum", equation="i{ -> i")], outputs=[value("y", None)])


def huge_attribute():
    """Of an optimiser of integers."""
    names = ["r", "t", "x", "g", "v"]
    step = node("Momentum", names, ["y", "z"], "step", domain="ai.onnx.preview.training", alpha=1e38, beta=1.0, mode="standard", norm_coefficient=1e38)
    inputs = [value("r", []), value("t", [], TensorProto.INT64), *(value(n, [2], TensorProto.INT32) for n in "xgv")]
    outputs = [value("y", None, TensorProto.INT32), value("z", None, TensorProto.INT32)]
    return model([step], inputs, outputs, opsets=(("", 17), ("ai.onnx.preview.training", 1)))


def outputs_without_inputs():
    """An optimiser of one tensor, by its inputs, and of two, by its outputs."""
    step = node("Adagrad", ["r", "t", "x", "x", "x"], ["y", "u", "v", "w"], "step", domain="ai.onnx.preview.training")
    inputs = [value("r", []), value("t", [], TensorProto.INT64), value("x", [2])]
    return model([step], inputs, [value(n, [2]) for n in "yuvw"], opsets=(("", 17), ("ai.onnx.preview.training", 1)))


def in_function():
    """The body of the op has another node that finds the fault."""
    groups = node("GroupNormalization", ["x", "s", "s"], ["y"], "groups", num_groups=2)
    scale = numpy_helper.from_array(np.ones(5, np.float32), "s")
    return model([groups], [value("x", [1, 4, 3, 3])], [value("y", None)], [scale], (("", 21),))


def in_nested_function():
    """What contradicts is seen in an op of the body that has a body itself."""
    loss = node("SoftmaxCrossEntropyLoss", ["x", "labels"], ["y"], "loss", reduction="none")
    return model([loss], [value("x", [3, 5]), value("labels", [2], TensorProto.INT64)], [value("y", None)], opsets=(("", 21),))


def rotary(dims=(1, 3, 2, 4), cache=(5, 2), **attributes):
    names = ["x", "cos", "sin", "at"]
    inputs = [value("x", dims), value("cos", cache), value("sin", cache), value("at", [1, 2], TensorProto.INT64)]
    return model([node("RotaryEmbedding", names, ["y"], "turn", **attributes)], inputs, [value("y", None)], opsets=(("", 23),))


def function_rank():
    return rotary(cache=(5, 2, 1))


def function_dim():
    return rotary(cache=(5, 3))


def function_vector():
    inputs = [value("theta", [1, 2, 3]), value("size", [5], TensorProto.INT64)]
    return model([node("AffineGrid", ["theta", "size"], ["y"], "grid")], inputs, [value("y", None)], opsets=(("", 20),))


def function_attribute():
    inputs = [value(name, [1, 2, 3, 4]) for name in "qkv"]
    return model([node("Attention", list("qkv"), ["y"], "heads", softcap=-0.5)], inputs, [value("y", None)], opsets=(("", 23),))


def function_choice():
    inputs = [value(name, [1, 2, 3, 4]) for name in "qkv"]
    heads = node("Attention", list("qkv"), ["y", "", "", "z"], "heads", qk_matmul_output_mode=4)
    return model([heads], inputs, [value("y", None), value("z", None)], opsets=(("", 23),))


def function_mask():
    inputs = [value(name, [1, 2, 3, 4]) for name in "qkv"] + [value("mask", [1, 1, 1, 1, 3])]
    return model([node("Attention", [*"qkv", "mask"], ["y"], "heads")], inputs, [value("y", None)], opsets=(("", 23),))


def training_outputs():
    inputs = [value("x", [2, 3])] + [value(name, [3]) for name in "sbmv"]
    norm = node("BatchNormalization", ["x", *"sbmv"], ["y", "mean", "var"], "norm")
    return model([norm], inputs, [value("y", None), value("mean", None), value("var", None)], opsets=(("", 15),))


def loop_rank():
    body = helper.make_graph(
        [node("Identity", ["c"], ["d"], "goes_on"), node("Add", ["v", "one"], ["w"], "add")], "body",
        [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), value("v", [1])],
        [value("d", [], TensorProto.BOOL), value("w", [1])], [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])])
    inputs = [value("m", [], TensorProto.INT64), value("t", [], TensorProto.BOOL), value("x", [])]
    return model([node("Loop", ["m", "t", "x"], ["y"], "loop", body=body)], inputs, [value("y", None)])


def function_sign():
    return model([node("Celu", ["x"], ["y"], "celu", alpha=-1.0)])


def function_number():
    groups = node("GroupNormalization", ["x", "s", "s"], ["y"], "groups", num_groups=0)
    scale = numpy_helper.from_array(np.ones(4, np.float32), "s")
    return model([groups], [value("x", [1, 4, 3, 3])], [value("y", None)], [scale], (("", 21),))


def unknown_mode():
    step = helper.make_node("Momentum", ["r", "t", "x", "x", "x"], ["y", "z"], "step", domain="ai.onnx.preview.training",
                            alpha=0.5, beta=0.5, norm_coefficient=0.0, mode="bogus")
    inputs = [value("r", []), value("t", [], TensorProto.INT64), value("x", [2])]
    return model([step], inputs, [value("y", [2]), value("z", [2])], opsets=(("", 17), ("ai.onnx.preview.training", 1)))


def missing_group():
    """An optimiser without its gradient."""
    names = ["r", "t", "x", "", "h"]
    step = helper.make_node("Adagrad", names, ["y", "z"], "step", domain="ai.onnx.preview.training")
    inputs = [value("r", []), value("t", [], TensorProto.INT64), value("x", [2]), value("h", [2])]
    return model([step], inputs, [value("y", [2]), value("z", [2])], opsets=(("", 17), ("ai.onnx.preview.training", 1)))


def unknown_ops():
    return model([node("Nonsense", ["x"], ["a"], "first"), node("Relu", ["a"], ["b"], "between"),
                  node("Magic", ["b"], ["y"], "second", domain="my.domain")], opsets=(("", 17), ("my.domain", 3)))


def no_lowering():
    return model([node("ImageDecoder", ["x"], ["y"], "decoder")], [value("x", [9], TensorProto.UINT8)],
                 [value("y", [None, None, 3], TensorProto.UINT8)], opsets=(("", 20),))


def sparse_text():
    made = model([node("Size", ["words"], ["n"], "count"), node("Cast", ["n"], ["f"], "cast", to=FLOAT),
                  node("Add", ["x", "f"], ["y"], "add")])
    texts = helper.make_tensor("words", TensorProto.STRING, [1], [b"a"])
    places = helper.make_tensor("places", TensorProto.INT64, [1], [2])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(texts, places, [4]))
    return made


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def nested_too_deep():
    """In the wire format: Python's protobuf refuses to make such a thing."""
    graph = b""
    for _ in range(2000):
        # GraphProto.node, NodeProto.attribute, AttributeProto.g
        graph = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, graph)))
    return field(7, graph)


def nested_ifs(depth):
    def graph(level):
        if level == 0:
            return helper.make_graph([node("Relu", ["x"], [f"o{level}"], f"n{level}")], "g", [], [value(f"o{level}", [2, 3])])
        inner = node("If", ["c"], [f"o{level}"], f"n{level}", then_branch=graph(level - 1),
                     else_branch=helper.make_graph([node("Neg", ["x"], [f"e{level}"], f"m{level}")], "g", [],
                                                   [value(f"e{level}", [2, 3])]))
        return helper.make_graph([inner], "g", [], [value(f"o{level}", [2, 3])])

    top = graph(depth)
    return model(list(top.node), [value("x", [2, 3]), value("c", [], TensorProto.BOOL)], [value(f"o{depth}", [2, 3])])


def nested():
    return nested_ifs(20)


def long_chain():
    names = ["x"] + [f"t{i}" for i in range(999)] + ["y"]
    ops = ["Relu", "Neg", "Abs", "Floor"]
    return model([node(ops[i % 4], [names[i]], [names[i + 1]], f"n{i}") for i in range(1000)])


def external(location):
    made = model([node("Add", ["x", "w"], ["y"], "add")])
    weight = made.graph.initializer.add(name="w", data_type=FLOAT, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    return made


def external_missing():
    return external("absent.bin")


def external_up():
    return external("../outside.bin")


def external_absolute():
    return external("/outside.bin")


CASES = [good, dynamic, cyclic, self_reading, wrong_type, wrong_shape, wrong_output_type, mixed_types, unknown_type,
         missing_attribute, wrong_attribute, wrong_output_shape, wrong_flag, wrong_passed_type, wrong_equation, huge_attribute, outputs_without_inputs,
         in_function, in_nested_function,
         function_rank, function_dim, function_vector, function_attribute,
         function_choice, function_mask, training_outputs, loop_rank, function_sign, function_number, unknown_mode, missing_group, zero_stride, huge_kernel, huge_pad, huge_input, huge_temporary, huge_constant,
         unknown_ops, no_lowering, sparse_text, nested, nested_too_deep, long_chain, external_missing, external_up,
         external_absolute]


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for case in CASES:
        with open(os.path.join(folder, case.__name__ + ".onnx"), "wb") as out:
            made = case()
            out.write(made if isinstance(made, bytes) else made.SerializeToString())
    with open(os.path.join(folder, "cut.onnx"), "wb") as out:
        out.write(good().SerializeToString()[:-20])
    with open(os.path.join(folder, "noise.onnx"), "wb") as out:
        out.write(np.random.RandomState(1).bytes(4096))


main(sys.argv[1])
