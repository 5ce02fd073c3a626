"""The arena of every model over a live-set bound computed from the ONNX graph alone.

    bench/arena [--models all|NAME] [--target ROW] [--io caller|arena]

The bound knows nothing of the compiler: sizes come from a run of unoptimised
ONNX Runtime, the order is the file's. A tensor lives from its node to its last
reader; graph inputs and outputs, and everything that a node reads and writes,
live at that node at the same time; a node with bodies (If, Loop, Scan) also
holds what is live in the body that needs most, in one iteration. Weights and
what follows from weights alone count nothing; Reshape and its like are views
of their input. Compared with it: the arena plus the inputs and outputs, which
the caller holds, or, with --io=arena, which have their place in it.
"""

import os
import re
import statistics
import sys

import common
import numpy
import onnx
import onnx.numpy_helper
import onnxruntime
from onnx import helper

VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"}


def run(model, feeds):
    """The value of every tensor of the model's graph, by name, from unoptimised ONNX Runtime."""
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
    feeds = {v.name: feeds[v.name] for v in session.get_inputs()}
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    return {**weights, **dict(zip(kept, session.run(kept, feeds))), **feeds}


def zeros(graph, flags):
    """Inputs of the pinned shapes."""
    dims = dict(flag.removeprefix("--dim=").rsplit("=", 1) for flag in flags)
    feeds = {}
    for value in graph.input:
        if value.name in {t.name for t in graph.initializer}:
            continue
        tensor = value.type.tensor_type
        shape = [
            int(dims.get(f"{value.name}.{i}", dims.get(dim.dim_param, dim.dim_value)))
            for i, dim in enumerate(tensor.shape.dim)
        ]
        feeds[value.name] = numpy.zeros(shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return feeds


def body_feeds(node, body, values):
    """What the first iteration of a Loop's or Scan's body is given."""
    given = [values.get(name) for name in node.input]
    if node.op_type == "Loop":
        given = [numpy.int64(0), numpy.bool_(True), *given[2:]]
    elif node.op_type == "Scan":
        scanned = next(a.i for a in node.attribute if a.name == "num_scan_inputs")
        axes = next((list(a.ints) for a in node.attribute if a.name == "scan_input_axes"), [0] * scanned)
        states = len(given) - scanned
        given[states:] = [numpy.take(v, 0, axis) for v, axis in zip(given[states:], axes)]
    return {v.name: numpy.asarray(value) for v, value in zip(body.input, given)}


def least_inside(outer, node, values, constants):
    """The most that is live within the bodies of a node, without what they read from outside."""
    most = 0
    for body in [g for a in node.attribute for g in [a.g, *a.graphs] if g.node]:
        own = {v.name for v in body.input} | {t.name for t in body.initializer} | {n for m in body.node for n in m.output}
        captured = sorted(names_read(body) - own)
        model = onnx.ModelProto(ir_version=outer.ir_version, opset_import=outer.opset_import, functions=outer.functions)
        model.graph.CopyFrom(body)
        feeds = body_feeds(node, body, values)
        for v in model.graph.input:
            v.CopyFrom(described(v.name, feeds[v.name]))
        for name in captured:
            model.graph.input.append(described(name, values[name]))
            feeds[name] = values[name]
        inside = run(onnx.ModelProto.FromString(model.SerializeToString()), feeds)
        most = max(most, live(model, inside, constants, outside=set(captured)))
    return most


def described(name, value):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)


def names_read(graph):
    names = {name for node in graph.node for name in node.input if name} | {v.name for v in graph.output}
    for node in graph.node:
        for body in [g for a in node.attribute for g in [a.g, *a.graphs] if g.node]:
            names |= names_read(body) - {v.name for v in body.input} - {t.name for t in body.initializer} - {
                n for m in body.node for n in m.output}
    return names


def live(model, values, constants, outside=frozenset()):
    """The most bytes live at a node of the model's graph. `outside`: inputs that count elsewhere."""
    graph = model.graph
    constants = set(constants) | {t.name for t in graph.initializer}
    base = {}  # view -> the tensor whose bytes it shows
    nodes = []
    for node in graph.node:
        bodies = [g for a in node.attribute for g in [a.g, *a.graphs] if g.node]
        reads = {name for name in node.input if name} | {n for g in bodies for n in names_read(g)}
        if all(name in constants for name in node.input if name) and not bodies:
            constants.update(node.output)
            continue
        if node.op_type in VIEWS and node.input[0] not in constants:
            base[node.output[0]] = base.get(node.input[0], node.input[0])
            continue
        nodes.append((node, reads, bodies))
    free = constants | set(outside)
    inputs = [v.name for v in graph.input if v.name not in free]
    outputs = [base.get(v.name, v.name) for v in graph.output]
    last = {}
    for i, (node, reads, _) in enumerate(nodes):
        for name in reads:
            last[base.get(name, name)] = i
    for name in [*inputs, *outputs]:
        last[name] = len(nodes)
    held, most = set(inputs) | {o for o in outputs if o not in free}, 0
    for i, (node, _, bodies) in enumerate(nodes):
        held.update(name for name in node.output if name and name in last)
        now = sum(values[name].nbytes for name in held if name in values and name not in free)
        most = max(most, now + (least_inside(model, node, values, constants) if bodies else 0))
        held = {name for name in held if last[name] > i}
    return most


def bound(path, flags):
    """Bytes of the bound, and of inputs and outputs."""
    model = onnx.load(path)
    values = run(onnx.load(path), zeros(model.graph, flags))
    inputs = {v.name for v in model.graph.input} - {t.name for t in model.graph.initializer}
    # An output that shows an input is held twice.
    held = sum(values[n].nbytes for n in inputs) + sum(values[v.name].nbytes for v in model.graph.output)
    return live(model, values, set()), held


def main():
    parser = common.parser("arena", __doc__)
    parser.add_argument("--models", default="all")
    parser.add_argument("--target", default="x86_64-linux")
    parser.add_argument("--io", default="caller", choices=["caller", "arena"])
    options = parser.parse_args()
    ratios = []
    for name, path, flags in common.every_model(options.models):
        if options.models == "all" and name in common.models.SINGLES:
            continue  # one node: its input, its output and the layout change between are all there is
        folder = os.path.join(options.work, "arena", name)
        flags = [f"--target={options.target}", f"--io={options.io}", "--emit=header", "--name=m", *flags]
        trouble = common.compile_model(options, path, folder, flags)
        if trouble:
            print(f"{name:30} {trouble}", flush=True)
            continue
        with open(common.artefact(folder, ".h")) as header:
            arena = int(re.search(r"#define M_ARENA_BYTES (\d+)", header.read()).group(1))
        least, held = bound(path, [f for f in flags if f.startswith("--dim")])
        held = held if options.io == "caller" else 0
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
