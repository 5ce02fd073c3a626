"""The arena of every model over a live-set bound computed from the ONNX graph alone.

    bench/arena [--models all|NAME] [--target ROW]

The bound knows nothing of the compiler: sizes come from a run of unoptimised
ONNX Runtime, the order is the file's. A tensor lives from its node to its last
reader; graph inputs and outputs, and everything that a node reads and writes,
live at that node at the same time. Weights and what follows from weights alone
count nothing; Reshape and its like are views of their input. Compared with it:
the arena plus the inputs and outputs, which the caller holds.
"""

import os
import re
import statistics
import sys

import common
import numpy
import onnx
import onnxruntime
from onnx import helper

VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"}


def measured(path, flags):
    """The model, and the bytes of each of its tensors: from a run of ONNX Runtime on zeros that returns all of them."""
    model = onnx.load(path)
    known = {v.name for v in model.graph.output}
    kept = [v.name for v in model.graph.output]
    for node in model.graph.node:
        for name in node.output:
            if name and name not in known:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
                kept.append(name)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    dims = dict(flag.removeprefix("--dim=").rsplit("=", 1) for flag in flags)
    feeds = {}
    for value in model.graph.input:
        if value.name in {t.name for t in model.graph.initializer}:
            continue
        tensor = value.type.tensor_type
        shape = [
            int(dims.get(f"{value.name}.{i}", dims.get(dim.dim_param, dim.dim_value)))
            for i, dim in enumerate(tensor.shape.dim)
        ]
        feeds[value.name] = numpy.zeros(shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    results = session.run(kept, feeds)
    sizes = {name: value.nbytes for name, value in [*zip(kept, results), *feeds.items()]}
    return onnx.load(path), sizes


def bound(path, flags):
    """Bytes of the bound, and of inputs and outputs."""
    model, sizes = measured(path, flags)
    graph = model.graph
    constants = {t.name for t in graph.initializer}
    base = {}  # view -> the tensor whose bytes it shows
    nodes = []
    for node in graph.node:
        inside = {n for a in node.attribute for g in [a.g, *a.graphs] for m in g.node for n in m.input}
        reads = [name for name in [*node.input, *inside] if name]
        if all(name in constants for name in node.input if name) and not inside:
            constants.update(node.output)
            continue
        if node.op_type in VIEWS and node.input[0] not in constants:
            base[node.output[0]] = base.get(node.input[0], node.input[0])
            continue
        nodes.append((node, reads))
    inputs = [v.name for v in graph.input if v.name not in constants]
    outputs = [base.get(v.name, v.name) for v in graph.output]
    last = {}
    for i, (node, reads) in enumerate(nodes):
        for name in reads:
            last[base.get(name, name)] = i
    for name in [*inputs, *outputs]:
        last[name] = len(nodes)
    live, most = set(inputs) | {o for o in outputs if o not in constants}, 0
    for i, (node, _) in enumerate(nodes):
        live.update(name for name in node.output if name and name in last)
        most = max(most, sum(sizes.get(name, 0) for name in live))
        live = {name for name in live if last[name] > i}
    # An output that shows an input is held twice.
    held = sum(sizes[n] for n in inputs) + sum(sizes[v.name] for v in graph.output)
    return most, held


def main():
    parser = common.parser("arena", __doc__)
    parser.add_argument("--models", default="all")
    parser.add_argument("--target", default="x86_64-linux")
    options = parser.parse_args()
    ratios = []
    for name, path, flags in common.every_model(options.models):
        if options.models == "all" and name in common.models.SINGLES:
            continue  # one node: its input, its output and the layout change between are all there is
        folder = os.path.join(options.work, "arena", name)
        flags = [f"--target={options.target}", "--emit=header", "--name=m", *flags]
        trouble = common.compile_model(options, path, folder, flags)
        if trouble:
            print(f"{name:30} {trouble}", flush=True)
            continue
        with open(common.artefact(folder, ".h")) as header:
            arena = int(re.search(r"#define M_ARENA_BYTES (\d+)", header.read()).group(1))
        least, held = bound(path, [f for f in flags if f.startswith("--dim")])
        ratio = (arena + held) / least
        ratios.append((ratio, name))
        print(f"{name:30} arena {arena:>11,}  with i/o {arena + held:>11,}  bound {least:>11,}  {ratio:6.3f}", flush=True)
    if ratios:
        worst = max(ratios)
        mean = statistics.mean(r for r, _ in ratios)
        print(f"{len(ratios)} models: mean {mean:.3f}, worst {worst[0]:.3f} ({worst[1]})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
