"""Whether the nodes that compare NaN are all that differs from ONNX Runtime, where the ONNX reference cannot run the whole graph.

Each of them is run alone on the operands that ONNX Runtime has for it. Where the results differ there, the reference must have
ours; then its result is frozen to that of ONNX Runtime, and everything else must be the same, the operands of what was frozen
included.
"""

import copy
import os

import numpy as np
import onnx
from onnx import helper, numpy_helper

import explained
import generate
import reduction


def declared(name, kind):
    return helper.make_tensor_value_info(name, kind, None)


def with_outputs(model, names, types):
    model = copy.deepcopy(model)
    del model.graph.output[:]
    model.graph.output.extend(declared(n, types[n]) for n in names)
    return model


def variant(case, model, feeds, outputs):
    model = reduction.pruned(model)
    inputs = {i.name for i in model.graph.input}
    error = max(case.tolerance.values())
    return generate.Case(case.name, model, {k: v for k, v in feeds.items() if k in inputs}, {o: case.tolerance.get(o, error) for o in outputs})


def explains(case, write, right, same):
    """True when the differences of `case` from ONNX Runtime are those of nodes that compare NaN.

    write(case) -> folder; right(folder, kind): that reference writes its outputs; same(folder): our compiler has the same.
    """
    graph = case.model.graph
    inferred = onnx.shape_inference.infer_shapes(case.model).graph
    types = {v.name: v.type.tensor_type.elem_type for v in [*inferred.value_info, *inferred.output] if v.type.HasField("tensor_type")}
    made = [o for n in graph.node for o in n.output if types.get(o)]
    folder = write(variant(case, with_outputs(case.model, made, types), case.feeds, made))
    if not right(folder, "ort"):
        return False
    values = dict(case.feeds) | {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for i, name in enumerate(made):
        with open(os.path.join(folder, "test_data_set_0", f"output_{i}.pb"), "rb") as stream:
            values[name] = numpy_helper.to_array(onnx.TensorProto.FromString(stream.read()))
    frozen, rest = set(), copy.deepcopy(case.model)
    for node in graph.node:
        outputs = [o for o in node.output if o]
        if not explained.compares_nan(node) or not all(o in types for o in outputs) or not all(i in values for i in node.input if i):
            continue
        alone = with_outputs(case.model, outputs, types)
        del alone.graph.node[:], alone.graph.initializer[:], alone.graph.input[:]
        alone.graph.node.append(node)
        operands = sorted({i for i in node.input if i})
        alone.graph.initializer.extend(numpy_helper.from_array(np.asarray(values[i]), i) for i in operands)
        folder = write(variant(case, alone, {}, outputs))
        if not right(folder, "ort"):
            return False
        if same(folder):
            continue
        if not right(folder, "onnx") or not same(folder):
            return False
        frozen.update(outputs)
        rest.graph.node.remove(node)
        rest.graph.initializer.extend(numpy_helper.from_array(values[o], o) for o in outputs)
        kept = {o.name for o in rest.graph.output}
        rest.graph.output.extend(declared(i, types[i]) for i in operands if i in made and i not in kept)
    outputs = [o.name for o in rest.graph.output if o.name not in frozen]
    if not frozen:
        return False
    if not outputs:
        return True
    folder = write(variant(case, with_outputs(rest, outputs, types), case.feeds, outputs))
    return right(folder, "ort") and same(folder)
