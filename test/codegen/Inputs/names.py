"""Writes int.onnx, math.onnx and logf.onnx to a folder: the sum of tensors whose names mean something in C or C++."""

import os
import sys

import onnx
from onnx import TensorProto, helper

NAMES = ["int", "and", "not", "namespace", "restrict", "NULL", "ins", "outs", "arena", "float", "a.b", "a_b", "1x", "état"]


def value(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])


graph = helper.make_graph([helper.make_node("Sum", NAMES, ["return"])], "g", [value(n) for n in NAMES], [value("return")])
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
for file in ("int.onnx", "math.onnx", "logf.onnx"):
    onnx.save(model, os.path.join(sys.argv[1], file))
