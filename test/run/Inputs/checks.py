"""Models with sizes and indices that only the run knows, and inputs that do not fit: checks.py FOLDER"""

import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

f32 = np.float32


def write(name, op, node, feeds, dims, feed=True):
    """`dims`: what the model declares of its inputs."""
    inputs = [h.make_tensor_value_info(k, h.np_dtype_to_tensor_dtype(np.asarray(v).dtype), dims[k]) for k, v in feeds.items()]
    graph = h.make_graph([h.make_node(op, list(feeds), ["y"], name=node)], "g", inputs, [h.make_tensor_value_info("y", T.FLOAT, None)])
    onnx.save(h.make_model(graph, ir_version=8, opset_imports=[h.make_opsetid("", 17)]), f"{sys.argv[1]}/{name}.onnx")
    if feed:
        np.savez(f"{sys.argv[1]}/{name}.npz", **feeds)


pair = dict(a=np.ones(3, f32), b=np.ones(2, f32))
write("add", "Add", "sum", pair, dict(a=["n"], b=["m"]))
write("symbol", "Add", "sum", pair, dict(a=["n"], b=["n"]), feed=False)
write("gather", "Gather", "pick", dict(x=np.arange(8, dtype=f32).reshape(4, 2), i=np.array([-5, 3])), dict(x=["n", 2], i=["k"]))
write("tile", "Tile", "repeat", dict(x=np.ones((2, 3), f32), r=np.array([2**32, 2**32])), dict(x=["n", "m"], r=[2]))
write("fill", "ConstantOfShape", "fill", dict(s=np.array([-2, 3])), dict(s=[2]))
