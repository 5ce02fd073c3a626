"""Writes the models, arrays and test directories of the onnx-run tests to a folder."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_model(path, nodes, inputs, outputs):
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    model = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
    )
    os.makedirs(os.path.dirname(path), exist_ok=True)
    onnx.save(model, path)


def value(name, dims, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, dims)


def save_test(folder, dims, wanted):
    save_model(
        f"{folder}/model.onnx",
        [helper.make_node("Add", ["x", "x"], ["y"], name="double")],
        [value("x", dims)],
        [value("y", dims)],
    )
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    os.makedirs(f"{folder}/test_data_set_0", exist_ok=True)
    for file, array in (("input_0", x), ("output_0", wanted(x))):
        with open(f"{folder}/test_data_set_0/{file}.pb", "wb") as out:
            out.write(numpy_helper.from_array(array).SerializeToString())


def main(folder):
    double = [helper.make_node("Add", ["x", "x"], ["y"], name="double")]
    save_model(f"{folder}/fixed.onnx", double, [value("x", [2, 3])], [value("y", [2, 3])])
    save_model(
        f"{folder}/dynamic.onnx", double, [value("x", ["batch", 3])], [value("y", ["batch", 3])]
    )
    save_model(
        f"{folder}/unknown.onnx",
        [helper.make_node("NoSuchOp", ["x"], ["y"], name="odd", domain="")],
        [value("x", [2, 3])],
        [value("y", [2, 3])],
    )
    # One output stored in steps of 0.5, one as the integers themselves.
    graph = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["n"]),
            helper.make_node("DequantizeLinear", ["n", "s", "z"], ["d"]),
            helper.make_node("Transpose", ["d"], ["y"]),
        ],
        "g",
        [value("x", [2, 3])],
        [value("y", [3, 2]), value("n", [2, 3], TensorProto.INT8)],
        [numpy_helper.from_array(np.float32(0.5), "s"), numpy_helper.from_array(np.int8(1), "z")],
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
              f"{folder}/stored.onnx")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    one = np.zeros((2, 3), np.float32)
    one[1, 1] = 1
    for steps in (1, 2):
        np.savez(f"{folder}/ref_steps{steps}.npz", y=(x + 0.5 * steps * one).T,
                 n=(2 * x + 1 - steps * one).astype(np.int8))
    np.savez(f"{folder}/in.npz", x=x)
    np.savez_compressed(f"{folder}/in_fortran.npz", x=np.asfortranarray(x))
    np.savez(f"{folder}/in_double.npz", x=x.astype(np.float64))
    np.savez(f"{folder}/in_shape.npz", x=x.reshape(3, 2))
    np.savez(f"{folder}/in_name.npz", z=x)
    np.savez(f"{folder}/ref.npz", y=2 * x)
    np.savez(f"{folder}/ref_wrong.npz", y=2 * x + np.float32(1) * (x == 3))
    save_test(f"{folder}/tests/test_right", [2, 3], lambda x: 2 * x)
    save_test(f"{folder}/tests/test_wrong", [2, 3], lambda x: 3 * x)
    os.makedirs(f"{folder}/tests/test_url", exist_ok=True)
    with open(f"{folder}/tests/test_url/data.json", "w") as out:
        out.write("{}")


main(sys.argv[1])
