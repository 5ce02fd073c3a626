"""argv[1]: a folder for models whose com.microsoft ops have forms that are not supported."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(1)
hidden, size = 2, 3
weights = {
    "w": rng.integers(-9, 9, (1, size, 4 * hidden)).astype(np.int8), "r": rng.integers(-9, 9, (1, hidden, 4 * hidden)).astype(np.int8),
    "s": np.array([0.01], np.float32), "z": np.zeros(1, np.int8),
}


def lstm(name, **attributes):
    node = helper.make_node("DynamicQuantizeLSTM", ["x", "w", "r", "", "", "", "", "", "s", "z", "s", "z"], ["y"], "cells", domain="com.microsoft",
                            **({"hidden_size": hidden} | attributes))
    graph = helper.make_graph([node], "main_graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 1, size])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 1, 1, hidden])],
                              [numpy_helper.from_array(v, k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8)
    onnx.save(model, os.path.join(sys.argv[1], name + ".onnx"))


def dequantize(name, inputs, domain, imports):
    node = helper.make_node("DequantizeLinear", inputs, ["y"], "bytes", domain=domain)
    graph = helper.make_graph([node], "main_graph", [helper.make_tensor_value_info("x", TensorProto.INT8, [4])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
                              [numpy_helper.from_array(np.float32(0.5), "s"), numpy_helper.from_array(np.int8(0), "z")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in imports.items()], ir_version=8)
    onnx.save(model, os.path.join(sys.argv[1], name + ".onnx"))


os.makedirs(sys.argv[1], exist_ok=True)
lstm("clip", clip=1.0)
lstm("activations", activations=["Relu", "Tanh", "Tanh"])
lstm("hidden", hidden_size=0)
lstm("forget", input_forget=1)
dequantize("many", ["x", "s", "z", ""], "com.microsoft", {"": 17, "com.microsoft": 1})
dequantize("domain", ["x", "s", "z"], "", {"com.microsoft": 1})
