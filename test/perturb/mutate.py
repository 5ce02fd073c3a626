"""What is changed about a backend test: one thing at a time.

mutants(model, inputs, wanted) yields (label, model, inputs) of the labels that are wanted, with
    input NAME dim K +1 | -1 | =0      the dims of an input, and its data with them
    input NAME rank +1 | -1            a dim of 1 more at the end, or the last one less
    input NAME absent                  an optional operand left out (and a required one)
    const NAME[K] = V                  an integer input of few elements as a constant
    initializer NAME dim K +1 | -1 | =0
    attr OP.NAME = V, attr OP.NAME[K] = V, attr OP.NAME longer | shorter | empty
    output NAME declared dim K +1      the file says another shape than the model makes
Outputs lose their declared shapes (but in the last form): they would contradict
what the changed model makes.
"""

import numpy
import onnx
from onnx import AttributeProto, helper, numpy_helper

INTS = (0, -1, 2**31, 2**62, -(2**63))
FLOATS = (0.0, -1.0, 1e38, float("nan"))
FEW = 8  # elements of an integer input that is tried as a constant
ELEMENTS = 4  # of a list or constant that are changed, from either end


def _resized(array, shape):
    count = int(numpy.prod(shape))
    flat = numpy.asarray(array).reshape(-1)
    if count == 0 or flat.size == 0:
        return numpy.zeros(shape, array.dtype)
    return numpy.concatenate([flat] * -(-count // flat.size))[:count].reshape(shape)


def _shapes(array):
    """(what, changed array) for every dim and the rank."""
    shape = list(array.shape)
    for k, size in enumerate(shape):
        for what, to in (("+1", size + 1), ("-1", size - 1), ("=0", 0)):
            if to >= 0 and to != size and not (what == "=0" and size == 1):
                yield f"dim {k} {what}", _resized(array, shape[:k] + [to] + shape[k + 1 :])
    yield "rank +1", array.reshape(shape + [1])
    if shape:
        yield "rank -1", _resized(array, shape[:-1])


def _copy(model):
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for graph in graphs(changed.graph):
        del graph.value_info[:]
        for output in graph.output:
            if output.type.HasField("tensor_type"):
                output.type.tensor_type.ClearField("shape")
    return changed


def graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for sub in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from graphs(sub)


def nodes(graph):
    return [node for sub in graphs(graph) for node in sub.node]


def _declare(info, array):
    shape = info.type.tensor_type.shape
    del shape.dim[:]
    info.type.tensor_type.shape.SetInParent()
    for size in array.shape:
        shape.dim.add().dim_value = size


def _places(count):
    return sorted(set(range(min(count, ELEMENTS))) | set(range(max(0, count - ELEMENTS), count)))


def _input_mutants(model, inputs, wanted):
    for k, info in enumerate(model.graph.input):
        array = inputs.get(info.name)
        if array is None or not info.type.HasField("tensor_type"):
            continue
        for what, other in _shapes(array):
            label = f"input {info.name} {what}"
            if wanted(label):
                changed = _copy(model)
                _declare(changed.graph.input[k], other)
                yield label, changed, {**inputs, info.name: other}
        if not wanted(f"input {info.name} absent"):
            continue
        changed = _copy(model)
        del changed.graph.input[k]
        for node in changed.graph.node:
            for i, name in enumerate(node.input):
                if name == info.name:
                    node.input[i] = ""
        if not any(name == info.name for node in nodes(changed.graph) for name in node.input):
            yield f"input {info.name} absent", changed, {n: v for n, v in inputs.items() if n != info.name}


def _constant_mutants(model, inputs, wanted):
    for k, info in enumerate(model.graph.input):
        array = inputs.get(info.name)
        if array is None or array.size > FEW or array.dtype not in (numpy.int32, numpy.int64):
            continue
        rest = {n: v for n, v in inputs.items() if n != info.name}

        def constant(label, value):
            if not wanted(label):
                return
            changed = _copy(model)
            if model.ir_version < 4:  # then every initializer is an input, too
                _declare(changed.graph.input[k], value)
            else:
                del changed.graph.input[k]
            changed.graph.initializer.append(numpy_helper.from_array(value, info.name))
            yield label, changed, rest

        yield from constant(f"const {info.name}", array)
        limits = numpy.iinfo(array.dtype)
        for place in range(array.size):
            for value in INTS:
                if not limits.min <= value <= limits.max or array.reshape(-1)[place] == value:
                    continue
                other = array.copy()
                other.reshape(-1)[place] = value
                yield from constant(f"const {info.name}[{place}] = {value}", other)
        for what, other in _shapes(array):
            yield from constant(f"const {info.name} {what}", other)


def _initializer_mutants(model, inputs, wanted):
    for k, tensor in enumerate(model.graph.initializer):
        try:
            array = numpy_helper.to_array(tensor)
        except Exception:
            continue
        for what, other in _shapes(array):
            label = f"initializer {tensor.name} {what}"
            if not wanted(label):
                continue
            changed = _copy(model)
            changed.graph.initializer[k].CopyFrom(numpy_helper.from_array(other, tensor.name))
            for info in changed.graph.input:
                if info.name == tensor.name:
                    _declare(info, other)
            yield label, changed, inputs


def _attribute_values(attribute):
    """(suffix, function that changes an AttributeProto) for one attribute."""

    def scalar(field, value):
        return lambda a: setattr(a, field, value)

    def entry(field, k, value):
        def change(a):
            getattr(a, field)[k] = value

        return change

    if attribute.type == AttributeProto.INT:
        yield from ((f" = {v}", scalar("i", v)) for v in INTS if v != attribute.i)
    elif attribute.type == AttributeProto.FLOAT:
        yield from ((f" = {v}", scalar("f", v)) for v in FLOATS if v != attribute.f)
    elif attribute.type == AttributeProto.STRING:
        yield from ((f" = '{v}'", scalar("s", v.encode())) for v in ("", "bogus"))
    elif attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS):
        field = "ints" if attribute.type == AttributeProto.INTS else "floats"
        values = getattr(attribute, field)
        for k in _places(len(values)):
            for v in INTS if field == "ints" else FLOATS:
                if v != values[k]:
                    yield f"[{k}] = {v}", entry(field, k, v)
        yield " longer", lambda a: getattr(a, field).append(getattr(a, field)[-1] if getattr(a, field) else 1)
        if len(values):
            yield " shorter", lambda a: getattr(a, field).pop()
        if len(values) > 1:
            yield " empty", lambda a: getattr(a, field).__delitem__(slice(None))
    elif attribute.type == AttributeProto.STRINGS:
        yield " longer", lambda a: a.strings.append(b"bogus")
        if len(attribute.strings):
            yield " shorter", lambda a: a.strings.pop()
            yield "[0] = 'bogus'", lambda a: a.strings.__setitem__(0, b"bogus")
    elif attribute.type == AttributeProto.TENSOR:
        try:
            array = numpy_helper.to_array(attribute.t)
        except Exception:
            return
        for what, other in _shapes(array):
            yield f" {what}", lambda a, other=other: a.t.CopyFrom(numpy_helper.from_array(other))
        if array.dtype == numpy.int64 and array.size <= FEW:
            for place in range(array.size):
                for value in INTS:
                    other = array.copy()
                    other.reshape(-1)[place] = value
                    yield f"[{place}] = {value}", lambda a, other=other: a.t.CopyFrom(numpy_helper.from_array(other))


def _attribute_mutants(model, inputs, wanted):
    for n, node in enumerate(nodes(model.graph)):
        for k, attribute in enumerate(node.attribute):
            for what, change in _attribute_values(attribute):
                place = f"{n}." if n else ""
                label = f"attr {place}{node.op_type}.{attribute.name}{what}"
                if wanted(label):
                    changed = _copy(model)
                    change(nodes(changed.graph)[n].attribute[k])
                    yield label, changed, inputs
    # Integers that the test leaves at their default.
    versions = {opset.domain: opset.version for opset in model.opset_import}
    for n, node in enumerate(nodes(model.graph)):
        try:
            schema = onnx.defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
        except onnx.defs.SchemaError:
            continue
        present = {attribute.name for attribute in node.attribute}
        for name, attribute in sorted(schema.attributes.items()):
            if name in present or attribute.type != onnx.defs.OpSchema.AttrType.INT:
                continue
            for value in INTS:
                place = f"{n}." if n else ""
                label = f"attr {place}{node.op_type}.{name} = {value}"
                if wanted(label):
                    changed = _copy(model)
                    nodes(changed.graph)[n].attribute.append(helper.make_attribute(name, value))
                    yield label, changed, inputs


def _output_mutants(model, inputs, wanted):
    for k, info in enumerate(model.graph.output):
        dims = info.type.tensor_type.shape.dim if info.type.HasField("tensor_type") else []
        for d, dim in enumerate(dims):
            if dim.HasField("dim_value"):
                label = f"output {info.name} declared dim {d} +1"
                if wanted(label):
                    changed = onnx.ModelProto()
                    changed.CopyFrom(model)
                    changed.graph.output[k].type.tensor_type.shape.dim[d].dim_value += 1
                    yield label, changed, inputs
                break


def mutants(model, inputs, wanted=lambda label: True):
    for family in (_input_mutants, _constant_mutants, _initializer_mutants, _attribute_mutants, _output_mutants):
        yield from family(model, inputs, wanted)
