"""Replaces the constant weights of a `light_*` model by seeded random ones.

The files were published with every weight tensor filled with one value (mostly
by ConstantOfShape nodes), so that their output hardly depends on their input.
Convolutions and matrix products get He-scaled normal values; scales and
variances values around one; biases and means small ones.
"""

import math

import numpy
import onnx
from onnx import numpy_helper

LAST_LAYER = {"Softmax", "Reshape", "Squeeze", "Flatten", "GlobalAveragePool"}


def _role(model_graph, name, consumers):
    """(operator, operand number) that uses a tensor, seen through Unsqueeze and friends."""
    for node in consumers.get(name, []):
        if node.op_type in ("Unsqueeze", "Squeeze", "Reshape", "Identity"):
            return _role(model_graph, node.output[0], consumers)
        return node, list(node.input).index(name)
    return None, -1


def _values(rng, shape, node, operand, is_last, is_residual):
    if node is not None:
        if node.op_type in ("Conv", "Gemm", "MatMul") and operand == 1:
            fan_in = int(numpy.prod(shape[1:]))
            gain = 0.2 if is_last else 2.0  # small logits, so that a softmax does not saturate
            return rng.normal(0, math.sqrt(gain / max(fan_in, 1)), shape)
        if node.op_type == "BatchNormalization" and operand == 1 and is_residual:
            return rng.uniform(0.2, 0.4, shape)  # keeps the sum of many blocks in range
        if node.op_type == "BatchNormalization" and operand in (1, 4):
            return rng.uniform(0.5, 1.5, shape)
        if node.op_type == "Mul":
            return rng.uniform(0.5, 1.5, shape)
    return rng.normal(0, 0.02, shape)


def randomise(source, target, seed=1):
    """Writes `source` to `target` with random weights; returns how many tensors were replaced."""
    model = onnx.load(source)
    graph = model.graph
    rng = numpy.random.default_rng(seed)
    consumers = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    initial = {tensor.name: tensor for tensor in graph.initializer}

    constants = {}  # name -> (shape, dtype)
    for node in graph.node:
        if node.op_type == "ConstantOfShape" and node.input[0] in initial:
            shape = numpy_helper.to_array(initial[node.input[0]]).tolist()
            fill = next((numpy_helper.to_array(a.t) for a in node.attribute if a.name == "value"), None)
            dtype = numpy.float32 if fill is None else fill.dtype
            if numpy.issubdtype(dtype, numpy.floating):
                constants[node.output[0]] = (shape, dtype)
    from_nodes = set(constants)
    for name, tensor in initial.items():
        value = numpy_helper.to_array(tensor)
        if numpy.issubdtype(value.dtype, numpy.floating) and value.size > 1 and value.min() == value.max():
            constants[name] = (list(value.shape), value.dtype)

    replaced = []
    for name in sorted(constants):
        shape, dtype = constants[name]
        node, operand = _role(graph, name, consumers)
        following = consumers.get(node.output[0], []) if node is not None else []
        is_last = node is not None and all(use.op_type in LAST_LAYER for use in following)
        is_residual = any(use.op_type in ("Sum", "Add") for use in following)
        value = _values(rng, shape, node, operand, is_last, is_residual).astype(dtype)
        replaced.append(numpy_helper.from_array(value, name))

    kept = [node for node in graph.node if not (set(node.output) & from_nodes)]
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in graph.node for name in node.input}
    tensors = [t for t in graph.initializer if t.name not in constants and t.name in used]
    del graph.initializer[:]
    graph.initializer.extend(tensors + replaced)
    present = {tensor.name for tensor in graph.initializer}
    inputs = [i for i in graph.input if i.name in present or i.name not in initial]
    del graph.input[:]
    graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 4)  # earlier ones want initializers among the inputs
    onnx.save(model, target)
    return len(replaced)
