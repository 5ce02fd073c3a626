"""Small networks: weights.py FILE SEED [relu (default), scale, half, wide, quantised, splat]"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

path, seed, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "relu"
rng = np.random.default_rng(seed)


def tensor(name, *dims):
    return numpy_helper.from_array(rng.standard_normal(dims).astype(np.float32), name)


channels = 5 if kind == "wide" else 4
weights = [tensor("w", channels, 3, 3, 3), tensor("b", channels), tensor("v", 2, channels * 36), tensor("c", 2), tensor("one", 1, channels, 1, 1)]
if kind == "splat":
    weights[1] = numpy_helper.from_array(np.full(channels, 0.5, np.float32), "b")
nodes = [helper.make_node("Conv", ["x", "w", "b"], ["h"], pads=[1] * 4), helper.make_node("Relu", ["h"], ["r"])]
if kind in ("scale", "half"):
    weights.append(numpy_helper.from_array(np.float32(3 if kind == "scale" else 0.5), "s"))
    nodes.append(helper.make_node("Mul", ["r", "s"], ["m"]))
else:
    nodes.append(helper.make_node("Mul", ["r", "one"], ["m"]))
if kind == "quantised":
    weights += [numpy_helper.from_array(np.float32(0.01 * (1 + seed)), "q"), numpy_helper.from_array(np.uint8(seed), "z")]
    nodes += [helper.make_node("QuantizeLinear", ["m", "q", "z"], ["mq"]), helper.make_node("DequantizeLinear", ["mq", "q", "z"], ["md"])]
last = "md" if kind == "quantised" else "m"
nodes += [helper.make_node("Flatten", [last], ["f"]), helper.make_node("Gemm", ["f", "v", "c"], ["y"], transB=1)]
graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 6])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])], weights)
onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
