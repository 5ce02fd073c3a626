#!/usr/bin/env python3
"""Compares the opset adapters' results with ONNX Runtime's.

    test/adapters/run.py [--build DIR] [--filter TEXT] [--through-onnxruntime]

Each case of cases.py is built in an old opset and run by ONNX Runtime as it
is; then onnx-run compiles and runs it and the outputs are compared. With
--through-onnxruntime the upgraded model, as import-dump writes it, is run by
ONNX Runtime instead, which tests the adapters without the compiler behind
them. The last line is "N passed, N failed, N skipped".
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import cases
import contrib_cases  # noqa: F401  (adds to cases)

# An opset that ONNX Runtime runs in full; no form used here changed since.
RUNTIME_OPSET = 21


def build(nodes, inputs, initializers, outputs, opset, file):
    """Writes the model; all shapes of outputs are left to inference."""
    infos = [helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in inputs.items()]
    constants = [numpy_helper.from_array(array, name) for name, array in initializers.items()]
    if opset < 9:  # with the IR of that time, initializers are inputs too
        infos += [helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in initializers.items()]
    # A type is required, but not known here: the shape stays open.
    results = [helper.make_tensor_value_info(name, element, [None] * rank)
               for name, element, rank in outputs]
    graph = helper.make_graph(nodes, "adapter", infos, results, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("ai.onnx.ml", 4)],
                              ir_version=3 if opset < 9 else 8)
    onnx.save(model, file)


def unname(graph):
    """Nodes made by one adapter share the old node's name, which is only for
    messages; ONNX Runtime wants them different."""
    for node in graph.node:
        node.name = ""
        for attribute in node.attribute:
            if attribute.HasField("g"):
                unname(attribute.g)


def session(file):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def reference(function, opset, same_as, folder):
    """ONNX Runtime's outputs, with their types for the model's signature."""
    nodes, inputs, initializers, outputs = function()
    if same_as:
        newer, nodes = same_as
        return run_reference(nodes(), inputs, initializers, outputs, newer, folder)
    return run_reference(nodes, inputs, initializers, outputs, opset, folder)


def run_reference(nodes, inputs, initializers, outputs, opset, folder):
    # Any element type passes the parser when there is none declared.
    graph = helper.make_graph(
        nodes, "reference",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(a, n) for n, a in initializers.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("ai.onnx.ml", 4)], ir_version=8)
    file = str(folder / "reference.onnx")
    onnx.save(model, file)
    return session(file).run(outputs, inputs)


def first_opset(node):
    """The opset that brought the node's op."""
    return min((s.since_version for s in onnx.defs.get_all_schemas_with_history() if (s.name, s.domain) == (node.op_type, node.domain)), default=0)


def through_onnxruntime(tools, model, inputs, outputs, folder):
    upgraded = folder / "upgraded.onnx"
    done = subprocess.run([tools / "import-dump", "--save-upgraded", upgraded, model],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    proto = onnx.load(upgraded)
    proto.ir_version = 10
    for opset in proto.opset_import:
        if opset.domain == "":
            opset.version = max([RUNTIME_OPSET, *map(first_opset, proto.graph.node)])
    unname(proto.graph)
    onnx.save(proto, upgraded)
    return session(str(upgraded)).run(outputs, inputs)


def through_compiler(tools, model, inputs, outputs, folder):
    np.savez(folder / "in.npz", **inputs)
    result = folder / "out.npz"
    done = subprocess.run([tools / "onnx-run", "run", model, "--input", folder / "in.npz", "--output", result],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip() or f"onnx-run ended with {done.returncode}")
    with np.load(result) as arrays:
        return [arrays[name] for name in outputs]


def check(function, opset, same_as, way, tools, folder):
    expected = reference(function, opset, same_as, folder)
    nodes, inputs, initializers, outputs = function()
    model = folder / "model.onnx"
    types = [(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.ndim) for name, array in zip(outputs, expected)]
    build(nodes, inputs, initializers, types, opset, model)
    actual = way(tools, model, inputs, outputs, folder)
    for name, want, got in zip(outputs, expected, actual):
        if want.shape != got.shape or want.dtype != got.dtype:
            raise AssertionError(f"output {name}: got {got.dtype}{got.shape}, wanted {want.dtype}{want.shape}")
        tolerance = 5e-3 if want.dtype == np.float16 else 1e-4
        # ONNX Runtime's quantised operators round before the last step.
        slack = 1 if want.dtype == np.uint8 else 1e-5
        np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=tolerance, atol=slack,
                                   err_msg=f"output {name}")


def table_rows():
    """The rows of the adapters' table, from its sources."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "compiler" / "import" / "adapters"
    rows = set()
    for file in folder.glob("*.cpp"):
        rows |= {f"{op}/{version}" for op, version in re.findall(r'\{"(\w+)", (\d+), \w+\}', file.read_text())}
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", help="the build folder; without it, the tools on PATH")
    parser.add_argument("--filter", default="")
    parser.add_argument("--through-onnxruntime", action="store_true")
    arguments = parser.parse_args()
    found = shutil.which("import-dump" if arguments.through_onnxruntime else "onnx-run")
    tools = pathlib.Path(arguments.build or "build").resolve() / "bin"
    if not arguments.build and found:
        tools = pathlib.Path(found).resolve().parent
    way = through_onnxruntime if arguments.through_onnxruntime else through_compiler

    passed = failed = 0
    for name, (function, _, opsets, same_as) in cases.CASES.items():
        if arguments.through_onnxruntime and name in cases.COMPILED_ONLY:
            continue
        if arguments.filter not in name:
            continue
        for opset in opsets:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    check(function, opset, same_as, way, tools, pathlib.Path(folder))
                    passed += 1
                except Exception as problem:
                    failed += 1
                    print(f"FAIL {name} opset {opset}: {str(problem).strip()[:600]}")
    tested = {row for _, rows, _, _ in cases.CASES.values() for row in rows}
    untested = sorted(table_rows() - tested)
    if untested and not arguments.filter:
        failed += len(untested)
        print("FAIL rows of the adapters' table without a case: " + " ".join(untested))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
