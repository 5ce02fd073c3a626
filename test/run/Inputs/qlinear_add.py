"""Writes a QLinearAdd whose result for 110 and 144 lies half way but for the rounding of one product, and its inputs."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

shape = [64]
parameters = {"as": np.float32(0.0853483), "az": np.uint8(109), "bs": np.float32(0.066064544), "bz": np.uint8(116),
              "cs": np.float32(0.05160418), "cz": np.uint8(0)}
node = helper.make_node("QLinearAdd", ["a", "as", "az", "b", "bs", "bz", "cs", "cz"], ["y"], domain="com.microsoft")
graph = helper.make_graph([node], "add", [helper.make_tensor_value_info(n, TensorProto.UINT8, shape) for n in "ab"],
                          [helper.make_tensor_value_info("y", TensorProto.UINT8, shape)],
                          [numpy_helper.from_array(np.asarray(v), k) for k, v in parameters.items()])
opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), sys.argv[1] + "/add.onnx")
np.savez(sys.argv[1] + "/in.npz", a=np.full(shape, 110, np.uint8), b=np.full(shape, 144, np.uint8))
