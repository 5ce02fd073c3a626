"""Models whose output's size only the run knows, and is declared: declared.py FOLDER makes them, declared.py FOLDER check TOOL
runs each with what it declares right and wrong. Wrong is wrong for every input of some of them (a part of 4 rows in 3)."""

import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

DATA = np.arange(12, dtype=np.float32).reshape(4, 3)
PARTS = np.array([1, 3])
ONE, ROWS = np.array([1]), np.arange(3, dtype=np.float32).reshape(1, 3)
node, split = h.make_node, h.make_node("Split", ["x", "s"], ["t", "u"], name="parts", axis=0)


def graph(nodes, result, name="branch"):
    return h.make_graph(nodes, name, [], [h.make_tensor_value_info(result, T.FLOAT, None)])


def body(nodes):
    state = [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("before", T.BOOL, []), h.make_tensor_value_info("v", T.FLOAT, None)]
    outputs = [h.make_tensor_value_info("on", T.BOOL, []), h.make_tensor_value_info("w", T.FLOAT, None)]
    return h.make_graph([*nodes, node("Identity", ["before"], ["on"])], "body", state, outputs)


# name: nodes that make y of x and the other inputs, right dims, wrong dims
MODELS = {
    "first": ([split, node("Identity", ["t"], ["y"])], {}, [1, 3], [9, 3]),
    "last": ([split, node("Identity", ["u"], ["y"])], {}, [3, 3], [9, 3]),
    "relu": ([split, node("Relu", ["t"], ["y"])], {}, [1, 3], [9, 3]),
    "softmax": ([split, node("Softmax", ["t"], ["y"], axis=0)], {}, [1, 3], [9, 3]),
    "transpose": ([split, node("Transpose", ["t"], ["y"])], {}, [3, 1], [3, 9]),
    "product": ([split, node("MatMul", ["t", "w"], ["y"])], {"w": np.eye(3, dtype=np.float32)}, [1, 3], [9, 3]),
    "slice": ([node("Slice", ["x", "zero", "s"], ["y"])], {"zero": np.array([0, 0])}, [1, 3], [9, 3]),
    "squeeze": ([node("Squeeze", ["z", "one"], ["y"])], {"z": DATA.reshape(4, 1, 3), "one": ONE}, [4, 3], [4, 9]),
    "unsqueeze": ([node("Unsqueeze", ["x", "one"], ["y"])], {"one": ONE}, [4, 1, 3], [4, 1, 5]),
    "reshape": ([node("Reshape", ["x", "s"], ["y"])], {"s": np.array([2, 6])}, [2, 6], [5, 6]),
    "concat": ([split, node("Concat", ["x", "t"], ["y"], axis=0)], {}, [5, 3], [3, 3]),
    "concat_nothing": ([split, node("Concat", ["x", "t"], ["y"], axis=0)], {"s": np.array([0, 4])}, [4, 3], [5, 3]),
    "concat_then_scatter": ([split, node("Concat", ["x", "t"], ["c"], axis=0), node("ScatterND", ["c", "at", "row"], ["y"])],
                            {"at": np.array([[1]]), "row": ROWS}, [5, 3], [3, 3]),
    "pad": ([split, node("Pad", ["t", "p"], ["y"])], {"p": np.array([5, 0, 5, 0])}, [11, 3], [3, 3]),
    "branch": ([split, node("If", ["c"], ["y"], then_branch=graph([node("Concat", ["x", "t"], ["a"], axis=0)], "a"),
                            else_branch=graph([node("Concat", ["t", "t"], ["b"], axis=0)], "b"))], {"c": np.array(True)}, [5, 3], [3, 3]),
    "loop": ([split, node("Concat", ["x", "t"], ["c"], axis=0), node("Loop", ["n", "go", "c"], ["y"], body=body([node("ScatterND", ["v", "at", "row"], ["w"])]))],
             {"n": np.array(2), "go": np.array(True), "at": np.array([[1]]), "row": ROWS}, [5, 3], [3, 3]),
}
CONSTANT = {"zero", "p"}  # known when compiling


def write(folder):
    for name, (nodes, more, right, wrong) in MODELS.items():
        feeds = {"x": DATA, "s": PARTS, **more}
        used = {i for n in nodes for i in n.input} | {i for n in nodes for a in n.attribute for m in a.g.node for i in m.input}
        feeds = {k: v for k, v in feeds.items() if k in used}
        inputs = [h.make_tensor_value_info(k, h.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in feeds.items() if k not in CONSTANT]
        constants = [onnx.numpy_helper.from_array(v, k) for k, v in feeds.items() if k in CONSTANT]
        for suffix, dims in (("right", right), ("wrong", wrong)):
            model = h.make_graph(nodes, "g", inputs, [h.make_tensor_value_info("y", T.FLOAT, dims)], constants)
            onnx.save(h.make_model(model, ir_version=8, opset_imports=[h.make_opsetid("", 17)]), f"{folder}/{name}-{suffix}.onnx")
        np.savez(f"{folder}/{name}.npz", **{k: v for k, v in feeds.items() if k not in CONSTANT})


def check(folder, tool):
    from onnx.reference import ReferenceEvaluator

    for name, (_, _, right, wrong) in MODELS.items():
        def run(suffix):
            command = [tool, "run", f"{folder}/{name}-{suffix}.onnx", f"--input={folder}/{name}.npz", f"--output={folder}/y.npz", "--opt-level=1"]
            return subprocess.run(command, capture_output=True, text=True)
        done = run("right")
        wanted = ReferenceEvaluator(onnx.load(f"{folder}/{name}-right.onnx")).run(None, dict(np.load(f"{folder}/{name}.npz")))[0]
        assert done.returncode == 0, (name, done.stderr)
        got = np.load(f"{folder}/y.npz")["y"]
        assert got.shape == wanted.shape == tuple(right) and np.allclose(got, wanted), (name, got, wanted)
        done = run("wrong")
        dim = next(d for d, (a, b) in enumerate(zip(right, wrong)) if a != b)
        assert done.returncode == 1 and f"output 'y': dim {dim} of the result: got {right[dim]}, wanted {wrong[dim]}" in done.stderr, (name, done.stderr)
    print(f"{len(MODELS)} models")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        check(sys.argv[1], sys.argv[3])
    else:
        os.makedirs(sys.argv[1], exist_ok=True)
        write(sys.argv[1])
