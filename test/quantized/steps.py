"""A quantised model cut at every quantised value, so that each step is compared by itself.

Through a whole model one rounding moves everything behind it. Here what consumes a quantised value
reads a new input, fed with ONNX Runtime's value, and each quantised value is an output: one compiled
model computes every step from the same operands as ONNX Runtime.
"""

import numpy
import onnx
import onnxruntime
from onnx import helper

import graph as graphs

EIGHT_BITS = ("int8", "uint8", "int16", "uint16", "int4", "uint4")


def session(model):
    """ONNX Runtime without optimisations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    text = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])


def watched(model, names):
    """The model with these values as further outputs; ONNX Runtime finds their types."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    there = {v.name for v in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    return copy


def candidates(graph):
    """Names of values that may be quantised activations."""
    return [name for node in graph.nodes for name in node.output
            if name and name not in graph.constant and node.op_type not in ("DequantizeLinear", "Shape")]


class Steps:
    """`model`: what to compile; `inputs(values)` and `wanted(values)`: its operands and results from ONNX Runtime's values."""

    def __init__(self, model, feeds):
        graph = graphs.Graph(model)
        names = candidates(graph)
        values = dict(zip(names, session(watched(model, names)).run(names, feeds)))
        dynamic = {name for node in graph.nodes if node.op_type == "DynamicQuantizeLinear" for name in node.output}
        self.cuts = [n for n in names if values[n].dtype.name in EIGHT_BITS or n in dynamic]
        self.made_by = {n: graph.producer[n] for n in self.cuts}
        self.outputs = [v.name for v in model.graph.output]
        self.reference = session(watched(model, self.cuts))
        self.step_names = {n: n if n in self.outputs else f"step_{i}" for i, n in enumerate(self.cuts)}
        self.cut_names = {n: f"cut_{i}" for i, n in enumerate(self.cuts)}
        self.model = self._cut(model, values)

    def _cut(self, model, values):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        for node in copy.graph.node:
            node.input[:] = [self.cut_names.get(name, name) for name in node.input]
            node.output[:] = [self.step_names.get(name, name) for name in node.output]
        used = {name for node in copy.graph.node for name in node.input}

        def value(name, array):
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

        copy.graph.input.extend(value(self.cut_names[n], values[n]) for n in self.cuts if self.cut_names[n] in used)
        copy.graph.output.extend(value(self.step_names[n], values[n]) for n in self.cuts if n not in self.outputs)
        del copy.graph.value_info[:]
        self.fed = [n for n in self.cuts if self.cut_names[n] in used]
        return copy

    def values(self, feeds):
        names = list(dict.fromkeys([*self.outputs, *self.cuts]))
        return dict(zip(names, self.reference.run(names, feeds)))

    def inputs(self, feeds, values):
        return {**feeds, **{self.cut_names[n]: values[n] for n in self.fed}}

    def compare(self, values, got):
        """[(node, quanta or None, share of what is allowed, elements that differ, elements)] of every step."""
        rows = []
        for name in dict.fromkeys([*self.cuts, *self.outputs]):
            want, have = values[name], got[self.step_names.get(name, name)]
            node = self.made_by.get(name)
            exact = node is not None and graphs.is_integer_op(node)
            rows.append((node.name if node is not None else name, *distance(want, have, exact)))
        return rows


def distance(want, have, exact):
    """(quanta or None, share of what is allowed, elements that differ, elements)

    Integers may be one quantum apart, none where `exact`; floats 1e-5 of the largest value.
    """
    if want.shape != have.shape or want.dtype != have.dtype:
        return None, numpy.inf, want.size, want.size
    if want.dtype.kind != "f":
        off = numpy.abs(want.astype(numpy.int64) - have.astype(numpy.int64))
        worst = int(off.max(initial=0))
        return worst, float(worst) if not exact else float(worst * 2), int((off != 0).sum()), want.size
    off = numpy.abs(want.astype(numpy.float64) - have)
    allowed = 1e-5 * max(float(numpy.abs(want).max(initial=0)), 1e-30)
    worst = float(numpy.nan_to_num(off / allowed, nan=numpy.inf).max(initial=0))
    return None, worst, int((off > allowed).sum()), want.size
