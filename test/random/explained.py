"""Differences that are nobody's fault here; README.md says why for each."""

import re

import numpy as np

#: Ops of the ONNX reference that are wrong, on which it is no judge: name, or name and the newest opset that is wrong.
WRONG_REFERENCE = {"Scan": 99, "GlobalMaxPool": 99, "BatchNormalization": 13, "MatMulInteger": 99, "Erf": 99, "Gelu": 99, "OneHot": 99,
                   "LRN": 99, "ReduceLogSumExp": 99}


def nodes_of(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def reference_judges(case):
    """The ONNX reference alone can say what is right."""
    for node in nodes_of(case.model.graph):
        if case.model.opset_import[0].version <= WRONG_REFERENCE.get(node.op_type, 0):
            return False
        if node.op_type == "Loop" and len(node.output) > len(node.input) - 2:
            return False  # stacked outputs are concatenated
        if node.op_type == "ConvTranspose" and len(node.input) > 2 and any(a.name == "group" and a.i > 1 for a in node.attribute):
            return False  # the bias of one group is in all
        if node.op_type == "Loop" and not node.input[1]:
            return False  # without a condition it does not begin
        if node.op_type == "Clip" and case.model.opset_import[0].version >= 11 and len([i for i in node.input if i]) < 3:
            return False  # a bound that is left out is the type's, and infinities are beyond it
        if node.op_type == "MaxPool" and len(node.output) > 1:
            return False  # indices count within a channel
        if node.op_type in ("MaxPool", "AveragePool", "LpPool") and any(
                a.name == "pads" and list(a.ints[: len(a.ints) // 2]) != list(a.ints[len(a.ints) // 2 :]) for a in node.attribute):
            return False  # of pads that differ at both ends it takes one
        if node.op_type == "Shape" and any(a.name == "end" and a.i < 0 for a in node.attribute):
            return False  # an end before the first dim counts from the last
        if node.op_type == "Conv" and has_odd_numbers(case):
            return False  # NaN of one window are in all
    return True


def has_odd_numbers(case):
    """NaN or infinities come in."""
    from onnx import numpy_helper

    arrays = list(case.feeds.values()) + [numpy_helper.to_array(t) for t in case.model.graph.initializer]
    arrays += [numpy_helper.to_array(a.t) for n in nodes_of(case.model.graph) if n.op_type == "Constant" for a in n.attribute]
    return any(a.dtype.kind not in "biuOSU" and not np.isfinite(a.astype(np.float64)).all() for a in map(np.asarray, arrays))


#: ops that make NaN of finite numbers
MAKES_NAN = {"Log", "Sqrt", "Acos", "Asin", "Acosh", "Atanh", "Div", "Mod", "Pow", "ReduceLogSum", "Reciprocal"}

#: ops that compare: ONNX Runtime does not order NaN in them
COMPARES_NAN = {"ArgMax", "ArgMin", "TopK", "ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceLogSum", "Max", "Min", "Hardmax", "Softmax", "LogSoftmax", "Sign"}


def compares_nan(node):
    return node.op_type in COMPARES_NAN or any(a.name == "reduction" and a.s in (b"max", b"min") for a in node.attribute)


def references_differ(case, message):
    """The cause where ONNX Runtime and the ONNX reference disagree and we are with the reference; None: not explained."""
    nodes = list(nodes_of(case.model.graph))
    if (has_odd_numbers(case) or any(n.op_type in MAKES_NAN for n in nodes)) and any(map(compares_nan, nodes)):
        return "NaN or infinity in an op that compares: ONNX Runtime's answer depends on the order of elements"
    if any(limit in message for limit in ("9223372036854775807", "-9223372036854775808")):
        return "sums of integers that overflow: ONNX Runtime's end at the limit"
    return None


def shortened(text):
    """A refusal without the names of its graph."""
    return re.sub(r"'[^']*'", "'...'", re.sub(r"\s+", " ", text))[:200]
