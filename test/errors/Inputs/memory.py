"""Writes two models that take much memory: a sparse tensor of a few bytes, a file with a long hole."""

import os
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def main(folder):
    os.makedirs(folder, exist_ok=True)
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    indices = numpy_helper.from_array(np.array([[0, 0]], np.int64), "w_at")
    size = 15000
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y])
    graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [size, size]))
    with open(os.path.join(folder, "sparse.onnx"), "wb") as out:
        out.write(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())

    def field(number, size):
        """Tag and length of a field whose payload has `size` bytes."""
        data = bytes([number << 3 | 2])
        while size > 127:
            data += bytes([size & 127 | 128])
            size >>= 7
        return data + bytes([size])

    raw = 1 << 30
    tensor = field(9, raw)  # TensorProto.raw_data
    initializer = field(5, len(tensor) + raw)
    with open(os.path.join(folder, "large.onnx"), "wb") as out:
        out.write(field(7, len(initializer) + len(tensor) + raw) + initializer + tensor)
        out.truncate(out.tell() + raw)


main(sys.argv[1])
