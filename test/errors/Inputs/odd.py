"""Compiles odd models, one by one: odd in their graph, names, attributes, numbers, side files.

    odd.py FOLDER [PATTERN]

Each is compiled as a user would. Fails when a compilation ends by a signal, in more
than 30 s, with an exit code that is not 0 or 1, without a message, or leaves a file
after a failure; or when a case's code is not the one its name is listed with.
"""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
CASES = []


def case(code):
    """Registers a function that makes a model; `code`: 0, 1, or None for either."""
    def add(make):
        CASES.append((make.__name__, code, make))
        return make
    return add


def value(name, dims, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, dims)


def node(op, inputs, outputs, name="", domain="", **attributes):
    return helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes)


def array(name, values, kind=np.float32):
    return numpy_helper.from_array(np.array(values, kind), name)


def model(nodes, inputs=None, outputs=None, weights=(), opset=21, functions=(), domains=()):
    inputs = [value("x", [2, 3])] if inputs is None else inputs
    outputs = [value("y", [2, 3])] if outputs is None else outputs
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return helper.make_model(graph, ir_version=10, functions=list(functions),
                             opset_imports=[helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains])


def field(number, payload):
    """A field of bytes in the wire format, for what Python's protobuf refuses to write."""
    size, length = len(payload), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + payload


# ---- graphs ----------------------------------------------------------------


@case(0)
def no_nodes_output_is_input():
    return model([], outputs=[value("x", [2, 3])])


@case(0)
def output_is_weight():
    return model([], outputs=[value("w", [2])], weights=[array("w", [1, 2])])


@case(None)
def outputs_twice():
    return model([node("Relu", ["x"], ["y"])], outputs=[value("y", [2, 3]), value("y", [2, 3])])


@case(1)
def inputs_twice():
    return model([node("Relu", ["x"], ["y"])], inputs=[value("x", [2, 3]), value("x", [4, 5])])


@case(None)
def no_outputs():
    return model([node("Relu", ["x"], ["y"])], outputs=[])


@case(None)
def nothing():
    return model([], inputs=[], outputs=[])


@case(0)
def no_inputs():
    return model([node("Relu", ["w"], ["y"])], inputs=[], weights=[array("w", [[1, 2, 3]] * 2)])


@case(1)
def output_of_nothing():
    return model([node("Relu", ["x"], ["y"])], outputs=[value("z", [2, 3])])


@case(0)
def node_names_twice():
    return model([node("Relu", ["x"], ["a"], "n"), node("Neg", ["a"], ["y"], "n")])


@case(1)
def name_of_input_is_empty():
    return model([node("Relu", [""], ["y"])], inputs=[value("", [2, 3])])


@case(1)
def required_operand_is_empty():
    return model([node("Add", ["x", ""], ["y"])])


@case(None)
def all_results_are_empty():
    return model([node("Relu", ["x"], [""]), node("Neg", ["x"], ["y"])])


@case(1)
def result_is_weight_too():
    return model([node("Relu", ["x"], ["w"]), node("Neg", ["w"], ["y"])], weights=[array("w", [[1, 2, 3]] * 2)])


@case(1)
def weights_twice():
    return model([node("Add", ["x", "w"], ["y"])], weights=[array("w", [1, 2, 3]), array("w", [1, 2, 3])])


@case(None)
def shadowing_branch():
    then = helper.make_graph([node("Neg", ["x"], ["x2"])], "then", [], [value("x2", [2, 3])])
    other = helper.make_graph([node("Abs", ["x"], ["x2"])], "other", [], [value("x2", [2, 3])])
    return model([node("If", ["c"], ["y"], then_branch=then, else_branch=other)], [value("x", [2, 3]), value("c", [], BOOL)])


@case(None)
def branch_returns_outer_value():
    then = helper.make_graph([], "then", [], [value("x", [2, 3])])
    other = helper.make_graph([node("Abs", ["x"], ["e"])], "other", [], [value("e", [2, 3])])
    return model([node("If", ["c"], ["y"], then_branch=then, else_branch=other)], [value("x", [2, 3]), value("c", [], BOOL)])


@case(1)
def branch_is_missing():
    then = helper.make_graph([node("Neg", ["x"], ["t"])], "then", [], [value("t", [2, 3])])
    return model([node("If", ["c"], ["y"], then_branch=then)], [value("x", [2, 3]), value("c", [], BOOL)])


@case(1)
def branches_of_different_number():
    then = helper.make_graph([node("Neg", ["x"], ["t"])], "then", [], [value("t", [2, 3])])
    other = helper.make_graph([node("Abs", ["x"], ["e"]), node("Abs", ["x"], ["f"])], "other", [], [value("e", [2, 3]), value("f", [2, 3])])
    return model([node("If", ["c"], ["y"], then_branch=then, else_branch=other)], [value("x", [2, 3]), value("c", [], BOOL)])


@case(1)
def loop_body_without_inputs():
    body = helper.make_graph([node("Identity", ["x"], ["o"])], "body", [], [value("o", [2, 3])])
    return model([node("Loop", ["n", "", "x"], ["y"], body=body)], [value("x", [2, 3]), value("n", [], INT64)])


@case(1)
def loop_body_with_results_missing():
    body = helper.make_graph([node("Identity", ["c"], ["d"])], "body", [value("i", [], INT64), value("c", [], BOOL), value("a", [2, 3])],
                             [value("d", [], BOOL)])
    return model([node("Loop", ["n", "", "x"], ["y"], body=body)], [value("x", [2, 3]), value("n", [], INT64)])


@case(1)
def scan_without_scanned_inputs():
    body = helper.make_graph([node("Identity", ["a"], ["b"])], "body", [value("a", [2, 3])], [value("b", [2, 3])])
    return model([node("Scan", ["x"], ["y"], body=body, num_scan_inputs=5)])


@case(None)
def sequence_as_input():
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, [2, 3]))
    return model([node("ConcatFromSequence", ["s"], ["y"], axis=0)], [helper.make_value_info("s", kind)], [value("y", None)])


@case(1)
def map_as_input():
    kind = onnx.TypeProto()
    kind.map_type.key_type = INT64
    kind.map_type.value_type.tensor_type.elem_type = FLOAT
    return model([node("Identity", ["s"], ["y"])], [helper.make_value_info("s", kind)], [helper.make_value_info("y", kind)])


@case(1)
def type_is_missing():
    made = model([node("Relu", ["x"], ["y"])])
    made.graph.input[0].ClearField("type")
    return made


@case(1)
def element_type_is_zero():
    made = model([node("Relu", ["x"], ["y"])])
    made.graph.input[0].type.tensor_type.elem_type = 0
    return made


# ---- names -----------------------------------------------------------------


@case(None)
def names_with_nul():
    return model([node("Relu", ["a\0b"], ["a\0c"], "n\0m")], [value("a\0b", [2, 3])], [value("a\0c", [2, 3])])


@case(None)
def names_of_no_utf8():
    text = model([node("Relu", ["NAME"], ["y"], "NAME")], [value("NAME", [2, 3])]).SerializeToString()
    return text.replace(b"NAME", b"\xff\xfe\x80\xc0")


@case(0)
def names_of_the_compiler():
    names = ["main", "onnxc.alloc", "llvm.memcpy.p0.p0.i64", "malloc", "arena", "kernel_0", "onnxc.output.0", "model_run", "__asan_init"]
    return model([node("Sum", names, ["main.out"], "main"), node("Relu", ["main.out"], ["_start"], "kernel_0")], [value(n, [2, 3]) for n in names],
                 [value("_start", [2, 3]), value("main.out", [2, 3])])


@case(0)
def names_like_each_other():
    names = ["a.b", "a_b", "a/b", "a b", "a-b", "\u00e4b"]
    return model([node("Sum", names, ["a:b"])], [value(n, [2, 3]) for n in names], [value("a:b", [2, 3])])


@case(0)
def weights_named_alike():
    weights = [array("w" if i else "w_0", np.full((2, 3), i)) for i in range(2)] + [array("", np.ones((2, 3)))]
    return model([node("Sum", ["x", "w", "w_0"], ["y"])], weights=weights[:2])


@case(0)
def name_of_graph_is_empty():
    made = model([node("Relu", ["x"], ["y"])])
    made.graph.name = "\0\n"
    return made


# ---- ops and attributes ----------------------------------------------------


@case(1)
def op_without_name():
    return model([node("", ["x"], ["y"])])


@case(1)
def op_with_a_long_name():
    return model([node("O" * 100000, ["x"], ["y"])])


@case(1)
def attribute_of_unknown_type():
    made = model([node("LeakyRelu", ["x"], ["y"], alpha=0.5)])
    text = made.SerializeToString()
    at = text.index(b"alpha")
    return text[:at] + text[at:].replace(b"\xa0\x01\x01", b"\xa0\x01\x63", 1)


@case(1)
def attribute_of_another_type():
    return model([node("LeakyRelu", ["x"], ["y"], alpha="much")])


@case(None)
def attribute_without_type():
    made = model([node("LeakyRelu", ["x"], ["y"], alpha=0.5)])
    made.graph.node[0].attribute[0].ClearField("type")
    return made


@case(None)
def attribute_twice():
    made = model([node("LeakyRelu", ["x"], ["y"], alpha=0.5)])
    made.graph.node[0].attribute.add().CopyFrom(made.graph.node[0].attribute[0])
    return made


@case(1)
def attribute_nobody_knows():
    return model([node("Relu", ["x"], ["y"], beta=0.5)])


@case(1)
def reference_outside_of_a_function():
    made = model([node("LeakyRelu", ["x"], ["y"], alpha=0.5)])
    made.graph.node[0].attribute[0].ClearField("f")
    made.graph.node[0].attribute[0].ref_attr_name = "slope"
    return made


@case(1)
def constant_of_nothing():
    return model([node("Constant", [], ["c"]), node("Add", ["x", "c"], ["y"])])


@case(1)
def constant_of_two_things():
    return model([node("Constant", [], ["c"], value_float=1.0, value_int=2), node("Add", ["x", "c"], ["y"])])


@case(1)
def permutation_of_nothing():
    return model([node("Transpose", ["x"], ["y"], perm=[7, 7])])


@case(1)
def permutation_that_is_long():
    return model([node("Transpose", ["x"], ["y"], perm=list(range(100000)))])


@case(1)
def groups_of_zero():
    return model([node("Conv", ["x", "w"], ["y"], group=0)], [value("x", [1, 2, 4, 4])], [value("y", None)], [array("w", np.ones((2, 2, 3, 3)))])


@case(1)
def window_of_a_billion():
    return model([node("AveragePool", ["x"], ["y"], kernel_shape=[10**9, 10**9], pads=[10**9] * 4)], [value("x", [1, 1, 4, 4])], [value("y", None)])


@case(1)
def split_into_a_billion():
    return model([node("Split", ["x"], ["y"], num_outputs=10**9)])


@case(1)
def axis_of_2_to_62():
    return model([node("Softmax", ["x"], ["y"], axis=1 << 62)])


@case(1)
def einsum_of_nonsense():
    return model([node("Einsum", ["x"], ["y"], equation="ii...->->,,")], outputs=[value("y", None)])


@case(1)
def einsum_of_length():
    return model([node("Einsum", ["x"], ["y"], equation="a" * 200000)], outputs=[value("y", None)])


@case(1)
def reshape_to_two_unknown():
    return model([node("Reshape", ["x", "s"], ["y"])], outputs=[value("y", None)], weights=[array("s", [-1, -1], np.int64)])


@case(1)
def reshape_to_overflow():
    return model([node("Reshape", ["x", "s"], ["y"])], outputs=[value("y", None)], weights=[array("s", [1 << 62, 1 << 62], np.int64)])


@case(1)
def resize_to_floats():
    return model([node("Resize", ["x", "", "", "s"], ["y"])], [value("x", [1, 1, 2, 2]), value("s", [4])], [value("y", None)])


@case(1)
def shape_of_2_to_31():
    return model([node("Col2Im", ["x", "s", "b"], ["y"])], [value("x", [1, 5, 15]), value("s", [1 << 31], INT64), value("b", [2], INT64)],
                 [value("y", None)])


@case(1)
def reshape_of_2_to_31():
    return model([node("Reshape", ["x", "s"], ["y"])], [value("x", [1, 5]), value("s", [1 << 31], INT64)], [value("y", None)])


@case(None)
def expand_to_the_moon():
    return model([node("Expand", ["x", "s"], ["y"])], [value("x", [1, 1])], [value("y", None)], [array("s", [1 << 31, 1 << 31], np.int64)])


@case(None)
def constants_that_grow():
    weights = [array("a", np.ones((100000, 1))), array("b", np.ones((1, 100000)))]
    return model([node("Mul", ["a", "b"], ["m"]), node("ReduceSum", ["m"], ["r"], keepdims=0), node("Add", ["x", "r"], ["y"])], weights=weights)


@case(None)
def constants_that_double():
    nodes = [node("Concat", [f"c{i}", f"c{i}"], [f"c{i + 1}"], axis=0) for i in range(40)]
    return model(nodes + [node("ReduceSum", ["c40"], ["r"], keepdims=0), node("Add", ["x", "r"], ["y"])], weights=[array("c0", [1, 2])])


@case(None)
def range_of_2_to_62():
    weights = [array("a", 0, np.int64), array("b", 1 << 62, np.int64), array("c", 1, np.int64)]
    return model([node("Range", ["a", "b", "c"], ["y"])], outputs=[value("y", None, INT64)], weights=weights)


@case(None)
def range_that_overflows():
    weights = [array("a", -(1 << 63), np.int64), array("b", (1 << 63) - 1, np.int64), array("c", 1, np.int64)]
    return model([node("Range", ["a", "b", "c"], ["y"])], outputs=[value("y", None, INT64)], weights=weights)


@case(None)
def regular_expression_of_nonsense():
    return model([node("RegexFullMatch", ["x"], ["y"], pattern="((((a*)*)*)*")], [value("x", [2], STRING)], [value("y", [2], BOOL)])


@case(None)
def tree_that_is_its_own_child():
    tree = dict(nodes_treeids=[0, 0], nodes_nodeids=[0, 1], nodes_featureids=[0, 0], nodes_values=[0.0, 0.0], nodes_hitrates=[1.0, 1.0],
                nodes_modes=["BRANCH_LEQ", "LEAF"], nodes_truenodeids=[0, 0], nodes_falsenodeids=[0, 0], target_treeids=[0], target_nodeids=[1],
                target_ids=[0], target_weights=[1.0], n_targets=1)
    return model([node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **tree)], outputs=[value("y", [2, 1])], domains=["ai.onnx.ml"])


# ---- functions -------------------------------------------------------------

@case(0)
def a_function_body_behind_another():
    """ONNX's inference gives the result of the first no type."""
    nodes = [node("GroupNormalization", ["x", "s", "s"], ["a"], num_groups=1), node("Relu", ["a"], ["b"]), node("CenterCropPad", ["b", "n"], ["y"])]
    weights = [array("s", [1, 2, 3]), array("n", [2, 3, 4, 4], np.int64)]
    return model(nodes, [value("x", [2, 3, 8, 5])], [value("y", [2, 3, 4, 4])], weights)


def function(name, nodes, inputs=("a",), outputs=("b",), domain="local", opset=21):
    return helper.make_function(domain, name, list(inputs), list(outputs), nodes, [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)])


@case(1)
def functions_call_each_other():
    functions = [function("F", [node("G", ["a"], ["b"], domain="local")]), function("G", [node("F", ["a"], ["b"], domain="local")])]
    return model([node("F", ["x"], ["y"], domain="local")], functions=functions, domains=["local"])


@case(None)
def function_defined_twice():
    functions = [function("F", [node("Neg", ["a"], ["b"])]), function("F", [node("Abs", ["a"], ["b"])])]
    return model([node("F", ["x"], ["y"], domain="local")], functions=functions, domains=["local"])


@case(None)
def function_in_the_place_of_an_op():
    return model([node("Relu", ["x"], ["y"])], functions=[function("Relu", [node("Neg", ["a"], ["b"])], domain="")])


@case(1)
def function_with_too_many_operands():
    return model([node("F", ["x", "x", "x"], ["y"], domain="local")], functions=[function("F", [node("Neg", ["a"], ["b"])])], domains=["local"])


@case(1)
def function_that_does_not_make_its_result():
    return model([node("F", ["x"], ["y"], domain="local")], functions=[function("F", [node("Neg", ["a"], ["c"])])], domains=["local"])


@case(1)
def function_with_parameters_twice():
    return model([node("F", ["x", "x"], ["y"], domain="local")], functions=[function("F", [node("Neg", ["a"], ["b"])], ["a", "a"])], domains=["local"])


@case(None)
def functions_that_call_in_a_long_row():
    functions = [function(f"F{i}", [node(f"F{i + 1}", ["a"], ["b"], domain="local")]) for i in range(150)]
    functions.append(function("F150", [node("Neg", ["a"], ["b"])]))
    return model([node("F0", ["x"], ["y"], domain="local")], functions=functions, domains=["local"])


# ---- versions --------------------------------------------------------------


@case(1)
def opset_of_zero():
    return model([node("Relu", ["x"], ["y"])], opset=0)


@case(1)
def opset_below_zero():
    return model([node("Relu", ["x"], ["y"])], opset=-(1 << 63))


@case(1)
def opset_beyond_all():
    return model([node("Relu", ["x"], ["y"])], opset=(1 << 63) - 1)


@case(1)
def version_below_zero():
    made = model([node("Relu", ["x"], ["y"])])
    made.ir_version = -1
    return made


# ---- tensors ---------------------------------------------------------------


def weighted(tensor, dims=(2, 3)):
    return model([node("Add", ["x", "w"], ["y"])], outputs=[value("y", None)], weights=[tensor])


@case(1)
def weight_of_no_type():
    tensor = array("w", [1, 2, 3])
    tensor.data_type = 0
    return weighted(tensor)


@case(1)
def weight_of_unknown_type():
    tensor = array("w", [1, 2, 3])
    tensor.data_type = 77
    return weighted(tensor)


@case(1)
def weight_of_negative_size():
    tensor = array("w", [1, 2, 3])
    tensor.dims[0] = -3
    return weighted(tensor)


@case(1)
def weight_of_2_to_62():
    tensor = array("w", [1, 2, 3])
    tensor.dims[:] = [1 << 62]
    return weighted(tensor)


@case(1)
def weight_whose_size_overflows():
    tensor = array("w", [1, 2, 3])
    tensor.dims[:] = [1 << 32, 1 << 32, 3]
    return weighted(tensor)


@case(1)
def weight_whose_size_overflows_to_nothing():
    tensor = array("w", [])
    tensor.dims[:] = [1 << 32, 1 << 32]
    return weighted(tensor)


@case(None)
def weight_of_zero_times_huge():
    tensor = array("w", [])
    tensor.dims[:] = [1 << 62, 1 << 62, 0]
    return model([node("Identity", ["w"], ["y"])], inputs=[], outputs=[value("y", None)], weights=[tensor])


@case(1)
def weight_with_data_of_another_type():
    tensor = TensorProto(name="w", data_type=INT64, dims=[3], float_data=[1, 2, 3])
    return model([node("Add", ["x", "w"], ["y"])], [value("x", [3], INT64)], [value("y", None, INT64)], [tensor])


@case(1)
def weight_with_two_kinds_of_data():
    tensor = array("w", [1, 2, 3])
    tensor.float_data.extend([1, 2, 3])
    return weighted(tensor)


@case(None)
def weight_in_pieces():
    tensor = array("w", [1, 2, 3])
    tensor.segment.begin, tensor.segment.end = 0, 1 << 62
    return weighted(tensor)


@case(1)
def sparse_weight_outside_itself():
    made = model([node("Add", ["x", "w"], ["y"])], outputs=[value("y", None)])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(array("w", [1]), array("i", [[5, 5]], np.int64), [2, 3]))
    return made


@case(1)
def sparse_weight_below_itself():
    made = model([node("Add", ["x", "w"], ["y"])], outputs=[value("y", None)])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(array("w", [1]), array("i", [-1], np.int64), [2, 3]))
    return made


@case(1)
def sparse_weight_of_everything():
    made = model([node("Add", ["x", "w"], ["y"])], outputs=[value("y", None)])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(array("w", [1]), array("i", [0], np.int64), [1 << 40, 1 << 20]))
    return made


@case(None)
def input_of_2_to_62():
    return model([node("Relu", ["x"], ["y"])], [value("x", [1 << 62])], [value("y", [1 << 62])])


@case(None)
def input_whose_size_overflows():
    return model([node("Relu", ["x"], ["y"])], [value("x", [1 << 40, 1 << 40])], [value("y", [1 << 40, 1 << 40])])


@case(1)
def input_of_negative_size():
    return model([node("Relu", ["x"], ["y"])], [value("x", [-(1 << 63)])], [value("y", None)])


@case(0)
def input_of_nothing():
    return model([node("Relu", ["x"], ["y"])], [value("x", [0, 3])], [value("y", [0, 3])])


@case(1)
def input_with_a_million_dims():
    return model([node("Relu", ["x"], ["y"])], [value("x", [1] * 1000000)], [value("y", None)])


# ---- side files ------------------------------------------------------------


def external(**entries):
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, text in entries.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return weighted(tensor)


for number, entries in enumerate([
    dict(location="data.bin", offset="18446744073709551615"), dict(location="data.bin", offset="18446744073709551616"),
    dict(location="data.bin", offset="-5"), dict(location="data.bin", offset="4", length="9223372036854775807"),
    dict(location="data.bin", offset="16380"), dict(location="data.bin", length="-1"), dict(location="data.bin", length="12a"),
    dict(location=""), dict(location="."), dict(location=".."), dict(location="/"), dict(location="/dev/zero"), dict(location="folder"),
    dict(location="data.bin/"), dict(location="./folder/../../data.bin"), dict(location="data.bin\0.txt"), dict(location="a" * 100000),
    dict(offset="0"), dict(), dict(location="pipe"), dict(location="\\\\server\\share"), dict(location="C:\\data.bin"),
]):
    CASES.append((f"external_{number}", 1, lambda entries=entries: external(**entries)))


@case(0)
def external_that_is_good():
    return external(location="data.bin", offset="16", length="12", checksum="nonsense", other="x")


# ---- files -----------------------------------------------------------------


@case(1)
def file_of_zeros():
    return b"\0" * 1000


@case(1)
def file_of_json():
    return b'{"graph": {"node": []}}'


@case(1)
def file_of_unknown_fields():
    return field(60 % 16, b"x" * 1000)


@case(1)
def file_that_claims_too_much():
    return b"\x3a\xff\xff\xff\xff\x07" + b"x" * 100


@case(1)
def groups_that_nest():
    return b"\x0b" * 100000


def compile_once(path, out):
    """(exit code, what is wrong with how the compiler took the model or None, what it said)."""
    try:
        done = subprocess.run(["onnx-compile", path, "-o", out, "--name=m"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30)
    except subprocess.TimeoutExpired:
        return None, "does not come to an end", ""
    said = done.stderr.decode(errors="surrogateescape")
    left = sorted(os.listdir(out)) if os.path.isdir(out) else []
    shutil.rmtree(out, ignore_errors=True)
    wrong = None
    if done.returncode not in (0, 1):
        wrong = f"exit code {done.returncode}"
    elif done.returncode == 1 and not said.startswith("onnx-compile: error: "):
        wrong = "no message"
    elif len(said) > 10000 or not said.isprintable() and not said.replace("\n", "").isprintable():
        wrong = "a message that nobody can read"
    elif left != (["m.h", "m.o"] if done.returncode == 0 else []):
        wrong = f"exit code {done.returncode} with the files {left}"
    return done.returncode, wrong, said


def main(folder, pattern="."):
    os.makedirs(os.path.join(folder, "folder"), exist_ok=True)
    with open(os.path.join(folder, "data.bin"), "wb") as out:
        out.write(bytes(16384))
    if not os.path.exists(os.path.join(folder, "pipe")):
        os.mkfifo(os.path.join(folder, "pipe"))
    failures = 0
    for name, code, make in CASES:
        if not re.search(pattern, name):
            continue
        path = os.path.join(folder, name + ".onnx")
        made = make()
        with open(path, "wb") as out:
            out.write(made if isinstance(made, bytes) else made.SerializeToString())
        got, wrong, said = compile_once(path, os.path.join(folder, "out"))
        if not wrong and code is not None and got != code:
            wrong = f"exit code {got}, wanted {code}"
        print(f"{name}: {got}: {said[:400].strip()}" + (f"\n  WRONG: {wrong}" if wrong else ""), flush=True)
        failures += bool(wrong)
    print(f"{len(CASES)} models, {failures} wrong")
    return 1 if failures else 0


sys.exit(main(*sys.argv[1:]))
