"""argv[1]: MatMulNBits of 4 bits, and a Gemm whose weights of int8 are dequantised per column."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

K, N, BLOCK = 256, 64, 32
rng = np.random.default_rng(3)
weights = {
    "b": rng.integers(0, 256, (N, K // BLOCK, BLOCK // 2)).astype(np.uint8),
    "scales": rng.uniform(0.01, 0.02, N * K // BLOCK).astype(np.float32),
    "zeros": rng.integers(0, 256, N * K // BLOCK // 2).astype(np.uint8),
    "w": rng.integers(-128, 128, (N, N)).astype(np.int8),
    "w_scale": rng.uniform(0.01, 0.02, N).astype(np.float32),
    "bias": rng.standard_normal(N).astype(np.float32),
}
nodes = [
    helper.make_node("MatMulNBits", ["a", "b", "scales", "zeros"], ["x"], "nbits", domain="com.microsoft", K=K, N=N, bits=4, block_size=BLOCK),
    helper.make_node("DequantizeLinear", ["w", "w_scale"], ["wf"], "dequantize", axis=0),
    helper.make_node("Gemm", ["x", "wf", "bias"], ["y"], "gemm", transB=1),
]
value = lambda n, s: helper.make_tensor_value_info(n, TensorProto.FLOAT, s)  # noqa: E731
graph = helper.make_graph(nodes, "main_graph", [value("a", [1, K])], [value("y", [1, N])], [numpy_helper.from_array(v, k) for k, v in weights.items()])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8), sys.argv[1])
