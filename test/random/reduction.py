"""The smallest graph that still goes wrong in the same way."""

import copy
import time

import numpy as np
import onnx
from onnx import helper, numpy_helper

import generate


def kind_of(text):
    """What must stay the same: where it went wrong, and roughly how."""
    return text.split(":")[0]


def used_names(graph):
    names = {o.name for o in graph.output}
    for node in graph.node:
        names |= generate.names_used(node)
    return names


def pruned(model):
    """Without nodes, inputs and constants that nothing needs."""
    model = copy.deepcopy(model)
    graph = model.graph
    while True:
        used = used_names(graph)
        dead = [n for n in graph.node if not any(o in used for o in n.output if o)]
        for n in dead:
            graph.node.remove(n)
        if not dead:
            break
    used = used_names(graph)
    for field in (graph.input, graph.initializer):
        for item in [i for i in field if i.name not in used]:
            field.remove(item)
    return model


def smaller(case):
    """Cases that are a little simpler, the boldest first."""
    graph = case.model.graph

    def variant(change, feeds=None):
        model = copy.deepcopy(case.model)
        change(model.graph)
        model = pruned(model)
        if not model.graph.output or not model.graph.node:
            return None
        names = {i.name for i in model.graph.input}
        outs = {o.name for o in model.graph.output}
        source = feeds or case.feeds
        return generate.Case(case.name, model, {k: v for k, v in source.items() if k in names},
                             {k: v for k, v in case.tolerance.items() if k in outs})

    if len(graph.output) > 1:
        for i in range(len(graph.output)):
            def only(g, i=i):
                keep = g.output[i]
                del g.output[:]
                g.output.append(keep)
            yield variant(only)
        for i in range(len(graph.output)):
            yield variant(lambda g, i=i: g.output.pop(i) and None)
    # The result of a node as an input, with the values that it has.
    if case.values:
        for k in reversed(range(len(graph.node))):
            node = graph.node[k]
            outs = [o for o in node.output if o]
            if not outs or any(o not in case.values for o in outs) or any(o in [x.name for x in graph.output] for o in outs):
                continue
            for constant in ((True, False) if node.op_type != "Constant" else ()):
                def cut(g, k=k, outs=outs, constant=constant):
                    del g.node[k]
                    for o in outs:
                        a = case.values[o]
                        if constant:
                            g.initializer.append(numpy_helper.from_array(a, o))
                        else:
                            dims = [f"{o}_{d}" for d in range(a.ndim)] if "d" in case.name else a.shape
                            g.input.append(helper.make_tensor_value_info(o, helper.np_dtype_to_tensor_dtype(a.dtype), dims))
                yield variant(cut, {**case.feeds, **{o: case.values[o] for o in outs}})
    for i, info in enumerate(graph.input):
        def freeze(g, i=i, info=info):
            del g.input[i]
            g.initializer.append(numpy_helper.from_array(np.asarray(case.feeds[info.name]), info.name))
        yield variant(freeze)
        dims = info.type.tensor_type.shape.dim
        if any(not d.HasField("dim_value") for d in dims):
            def pin(g, i=i, info=info):
                for d, n in zip(g.input[i].type.tensor_type.shape.dim, np.shape(case.feeds[info.name])):
                    d.Clear()
                    d.dim_value = n
            yield variant(pin)


def with_values(case):
    """`case`, with the values of its nodes as the ONNX reference has them."""
    case.values = {}
    try:
        from onnx.reference import ReferenceEvaluator

        model = copy.deepcopy(case.model)
        names = [o for n in model.graph.node for o in n.output if o]
        known = {o.name for o in model.graph.output}
        model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
        wanted = [o.name for o in model.graph.output]
        case.values = {n: np.asarray(v) for n, v in zip(wanted, ReferenceEvaluator(model).run(None, case.feeds))}
    except Exception:
        pass
    return case


def reduce(case, judge, text, seconds=60):
    kind, end = kind_of(text), time.monotonic() + seconds
    case = with_values(case)
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        candidates = []
        for c in smaller(case):
            if c is not None:
                c.values = case.values
                candidates.append(c)
        for first in range(0, len(candidates), 8):
            group = candidates[first:first + 8]
            for i, c in enumerate(group):
                c.name = f"reduce{i}" + ("d" if "d" in case.name.replace("random", "").replace("reduce", "") else "")
            verdicts = judge.judge(group)
            hit = next((c for c in group if verdicts[c.name][0] == "failed" and kind_of(verdicts[c.name][1]) == kind), None)
            if hit:
                case, progress = hit, True
                break
            if time.monotonic() > end:
                break
    return case
