"""From a seed to a model, its inputs, and how far each output may be off."""

import dataclasses

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import graph
import ops_control
import ops_elementwise  # noqa: F401: registers its templates
import ops_layers  # noqa: F401
import ops_movement  # noqa: F401
from graph import FLOATS, Graph, is_float


@dataclasses.dataclass
class Options:
    dynamic: bool = False
    freeze: bool = False  #: no inputs: everything folds
    opsets: tuple = (13, 16, 17, 18, 21, 23)
    nodes: tuple = (3, 15)


@dataclasses.dataclass
class Case:
    name: str
    model: object
    feeds: dict
    tolerance: dict  #: output name: absolute error that right implementations can make
    values: dict = None  #: of all nodes, for reduction


def dims_of(g, v, symbols):
    if not g.options.dynamic or v.fixed or g.chance(0.15):
        return list(v.shape)
    dims = []
    for i, d in enumerate(v.shape):
        if g.chance(0.15):
            dims.append(d)
        elif g.chance(0.15):
            dims.append(None)
        else:  # sizes that are the same by name, or by chance
            dims.append(symbols.setdefault(d, f"s{d}") if g.chance(0.3) else f"{v.name}_{i}")
    return dims


def build(g, name):
    used = {i for node in g.nodes for i in names_used(node)}
    leaves = [v for v in g.values if v.name not in used and v not in g.inputs]
    made = [v for v in g.values if v not in g.inputs]
    if not leaves:
        raise graph.Skip()
    outs = list(leaves)
    # Values that are used inside too; the same value twice; an input, as it is.
    for v in made:
        if v not in outs and g.chance(0.2):
            outs.append(v)
    if g.chance(0.15):
        v = g.one(outs)
        outs.append(g.add("Identity", [v], [g.same(v, v.shape)]))
    if g.inputs and g.chance(0.08):
        v = g.one(g.inputs)
        outs.append(g.add("Identity", [v], [g.same(v, v.shape)]))
    # ONNX Runtime has no bfloat16 in numpy.
    outs = [v if v.dtype != graph.BF16 else g.add("Cast", [v], [g.same(v, v.shape, graph.F32)], to=graph.F32) for v in outs]
    g.rng.shuffle(outs)
    used = {i for node in g.nodes for i in names_used(node)}
    g.inputs = [v for v in g.inputs if v.name in used]
    symbols = {}
    ins = [helper.make_tensor_value_info(v.name, v.dtype, dims_of(g, v, symbols)) for v in g.inputs]
    declared = g.chance(0.5) and not g.options.dynamic
    results = [helper.make_tensor_value_info(v.name, v.dtype, v.shape if declared else [None] * v.rank) for v in outs]
    constants = [t for n, t in g.constants.items() if n in used]
    model = helper.make_model(helper.make_graph(g.nodes, name, ins, results, constants),
                              opset_imports=[helper.make_opsetid("", g.opset)])
    model.ir_version = 10 if g.opset >= 21 else 8
    return Case(name, model, {v.name: v.data for v in g.inputs}, {v.name: 4 * v.err for v in outs})


def names_used(node):
    names = set(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            names |= {i for inner in attribute.g.node for i in names_used(inner)} | {o.name for o in attribute.g.output}
    return names


def make(seed, options):
    """The case of `seed`; the same one for the same options."""
    rng = np.random.default_rng([seed, options.dynamic, options.freeze])
    for _ in range(100):
        g = Graph(rng, options)
        wanted = min(g.int(*options.nodes), g.int(*options.nodes))
        tries = 0
        while sum(n.op_type != "Constant" for n in g.nodes) < wanted and tries < 10 * wanted:
            tries += 1
            ops_control.attempt(g)
        try:
            return build(g, f"random{seed}{'d' if options.dynamic else ''}")
        except graph.Skip:
            continue
    raise RuntimeError(f"seed {seed}: no graph in 100 attempts")
