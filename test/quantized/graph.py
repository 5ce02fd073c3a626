"""What the checks ask about an ONNX graph: types, constants, which nodes are quantised."""

import numpy
import onnx
from onnx import numpy_helper

QUANTISERS = ("QuantizeLinear", "DynamicQuantizeLinear")


def is_integer_op(node):
    """An op that is defined on quantised values: QLinearConv, QGemm, MatMulInteger and their like."""
    kind = node.op_type
    return kind.startswith("QLinear") or kind in ("QGemm", "QAttention") or kind.endswith("Integer") or "Integer" in kind


class Graph:
    def __init__(self, model):
        self.graph = model.graph
        self.nodes = list(model.graph.node)
        self.producer = {out: n for n in self.nodes for out in n.output if out}
        self.consumers = {}
        for node in self.nodes:
            for name in filter(None, node.input):
                self.consumers.setdefault(name, []).append(node)
        self.initial = {t.name: t for t in self.graph.initializer}
        self.outputs = {v.name for v in self.graph.output}
        self.constant = set(self.initial)
        for node in self.nodes:
            if all(name in self.constant for name in node.input if name):
                self.constant.update(node.output)

    def array(self, name):
        return numpy_helper.to_array(self.initial[name])

    def runs_quantised(self):
        """Names of the nodes that no value reaches or leaves but through 8 bits.

        Integer ops, and those between DequantizeLinear and QuantizeLinear: every float operand is a constant
        or comes from DequantizeLinear or another such node, every result goes to QuantizeLinear or another.
        """
        kept = {id(n): n for n in self.nodes
                if n.op_type not in (*QUANTISERS, "DequantizeLinear") and not self.constant.issuperset(n.output) and not is_integer_op(n)}

        def inside(node):
            for name in filter(None, node.input):
                if name in self.constant:
                    continue
                made = self.producer.get(name)
                if made is None or not (made.op_type == "DequantizeLinear" or id(made) in kept):
                    return False
            return all(name not in self.outputs and name in self.consumers
                       and all(user.op_type in QUANTISERS or id(user) in kept for user in self.consumers[name])
                       for name in filter(None, node.output))

        while True:
            leaving = [key for key, node in kept.items() if not inside(node)]
            if not leaving:
                break
            for key in leaving:
                del kept[key]
        return {n.name for n in kept.values()} | {n.name for n in self.nodes if is_integer_op(n)}

    def channels(self, node):
        """Output channels of a node with weights, elements of its longest vector of one dim; 0 without either."""
        longest = 0
        for name in node.input[1:]:
            made = self.producer.get(name)
            source = made.input[0] if made is not None and made.op_type == "DequantizeLinear" else name
            if source in self.initial and self.initial[source].dims:
                dims = self.initial[source].dims
                longest = max(longest, dims[0], dims[-1] if len(dims) == 2 else 0)
        return longest

    def users(self, node, quantised):
        """Nodes that read a node's results, and behind those outside the quantised part the next, up to its edge."""
        found, open_nodes = {}, [node]
        while open_nodes:
            for name in filter(None, open_nodes.pop().output):
                for user in self.consumers.get(name, ()):
                    if id(user) not in found:
                        found[id(user)] = user
                        if user.name not in quantised and user.op_type not in (*QUANTISERS, "DequantizeLinear"):
                            open_nodes.append(user)
        return list(found.values())


def multiply_adds(path):
    """Multiply-adds of convolutions and matrix products, from the shapes of a float model."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    shape = {t.name: list(t.dims) for t in model.graph.initializer}
    for v in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        shape.setdefault(v.name, [d.dim_value for d in v.type.tensor_type.shape.dim])
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            total += int(numpy.prod(shape[node.output[0]]) * numpy.prod(shape[node.input[1]][1:]))
        elif node.op_type in ("Gemm", "MatMul"):
            transposed = any(a.name == "transA" and a.i for a in node.attribute)
            total += int(numpy.prod(shape[node.output[0]]) * shape[node.input[0]][-2 if transposed else -1])
    return total
