"""Prints what the harness says about a small model and compiled forms written by hand (checks.test)."""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "bench")]

import numpy  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import graph  # noqa: E402
import ir  # noqa: E402
import steps  # noqa: E402
import wasm_count  # noqa: E402


def model():
    """DequantizeLinear, Conv, Relu, QuantizeLinear, DequantizeLinear, Softmax, Exp."""
    rng = numpy.random.default_rng(0)
    weights = {
        "w": rng.integers(-9, 9, (16, 16, 3, 3)).astype(numpy.int8), "s": numpy.float32(0.1), "z": numpy.int8(0), "b": numpy.zeros(16, numpy.float32),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["xf"], "dq"), helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"], "dqw"),
        helper.make_node("Conv", ["xf", "wf", "b"], ["c"], "conv", pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("QuantizeLinear", ["r", "s", "z"], ["q"], "quantise"), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["qf"], "dq2"),
        helper.make_node("Softmax", ["qf"], ["m"], "softmax"), helper.make_node("Exp", ["m"], ["y"], "exp"),
    ]
    value = helper.make_tensor_value_info
    made = helper.make_graph(nodes, "g", [value("x", TensorProto.INT8, [1, 16, 8, 8])], [value("y", TensorProto.FLOAT, [1, 16, 8, 8])],
                             [numpy_helper.from_array(numpy.asarray(v), k) for k, v in weights.items()])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])


KERNELS = """module {
  memref.global "private" constant @wide : memref<4096xf32> = dense_resource<wide>
  func.func @main(%arg0: memref<1x8x8x16xi8>, %arg1: memref<1x8x8x16xf32>) {
    %0 = memref.get_global @wide : memref<4096xf32>
    %1 = memref.get_global @bias : memref<16xf32>
    %2 = memref.get_global @weights : memref<2304xi8>
    %alloc = memref.alloc() : memref<1x8x8x16xf32>
    call @k0(%arg0, %0, %1, %2, %alloc) : (memref<1x8x8x16xi8>, memref<4096xf32>, memref<16xf32>, memref<2304xi8>, memref<1x8x8x16xf32>) -> ()
    %view = memref.expand_shape %alloc [[0], [1], [2], [3, 4]] : memref<1x8x8x16xf32> into memref<1x8x8x16x1xf32>
    %alloc_0 = memref.alloc() : memref<1x8x8x16xi8>
    call @k1(%view, %alloc_0) : (memref<1x8x8x16x1xf32>, memref<1x8x8x16xi8>) -> ()
    %alloc_1 = memref.alloc() : memref<1x8x8x16xf32>
    call @k2(%alloc_0, %alloc_1) : (memref<1x8x8x16xi8>, memref<1x8x8x16xf32>) -> ()
    call @k3(%alloc_1, %arg1) : (memref<1x8x8x16xf32>, memref<1x8x8x16xf32>) -> ()
    return
  }
}
"""
REPORT = {"kernels": [{"name": "k0", "nodes": ["conv"]}, {"name": "k1", "nodes": ["relu", "quantise"]}, {"name": "k2", "nodes": ["dq2", "softmax"]},
                      {"name": "k3", "nodes": ["exp"]}]}
ASSEMBLY = "f:\n\tlocal.get\t0\n\ti32.load\t0\n\ti32.const\t4\n\ti32.add\n\tbr_if\t0\n\ti32.load\t0\n\tend_function\n"


def main():
    for found in ir.Check(model(), KERNELS, json.dumps(REPORT)).offenders():
        print(f"wide: {found.kind} memref {found.type}, nodes {', '.join(found.nodes[:1])}")
    print("wide: end")
    a = numpy.array([3, 4], numpy.int8)
    exact, rounded, two = (steps.distance(a, (a + n).astype(numpy.int8), e)[1] for n, e in ((1, True), (1, False), (2, False)))
    print(f"exact by 1: {exact}, rounded by 1: {rounded}, by 2: {two}")
    print("quantised:", ", ".join(sorted(graph.Graph(model()).runs_quantised())))
    print("wasm:", " then ".join(re.findall(r"i64.const\t(\d+)", wasm_count.instrumented(ASSEMBLY))))


if __name__ == "__main__":
    main()
