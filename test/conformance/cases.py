"""Writes the backend test cases of the installed onnx package as files.

Each case becomes a folder build/conformance/cases/<name> in the layout of the
ONNX backend tests:

    model.onnx
    data.json                          rtol, atol
    test_data_set_<n>/input_<i>.pb     TensorProto, SequenceProto, OptionalProto or MapProto
    test_data_set_<n>/output_<i>.pb

The node tests exist only in memory in the package, so they are generated (with
a fixed seed); the others (simple, pytorch-operator, pytorch-converted) are
shipped as files and copied. index.json lists the cases with their operators.
The folder is made once per onnx version.
"""

import json
import os
import re
import shutil
import sys
import warnings

KINDS_ON_DISK = ("simple", "pytorch-operator", "pytorch-converted")
LAYOUT = 3  # raised when what is written changes


def _operators(graph):
    """(domain, op_type) of every node, subgraphs included, in order of appearance."""
    seen = []
    for node in graph.node:
        key = (node.domain or "ai.onnx", node.op_type)
        if key not in seen:
            seen.append(key)
        for attribute in node.attribute:
            for sub in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                seen += [k for k in _operators(sub) if k not in seen]
    return seen


def _value_proto(value, info):
    """The protobuf message of one input or output, by the type the model declares."""
    import numpy
    import onnx
    from onnx import numpy_helper

    if isinstance(value, onnx.TensorProto):
        message = onnx.TensorProto()
        message.CopyFrom(value)
        message.name = info.name
        return message
    kind = info.type.WhichOneof("value")
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    return numpy_helper.from_array(numpy.asarray(value), info.name)


def _write_node_case(case, folder):
    os.makedirs(folder)
    with open(os.path.join(folder, "model.onnx"), "wb") as out:
        out.write(case.model.SerializeToString())
    with open(os.path.join(folder, "data.json"), "w") as out:
        json.dump({"rtol": case.rtol, "atol": case.atol}, out)
    graph = case.model.graph
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = os.path.join(folder, f"test_data_set_{number}")
        os.makedirs(data)
        for prefix, values, infos in (
            ("input", inputs, graph.input),
            ("output", outputs, graph.output),
        ):
            for i, (value, info) in enumerate(zip(values, infos)):
                with open(os.path.join(data, f"{prefix}_{i}.pb"), "wb") as out:
                    out.write(_value_proto(value, info).SerializeToString())


def _write_disk_case(case, folder):
    shutil.copytree(case.model_dir, folder)
    with open(os.path.join(folder, "data.json"), "w") as out:
        json.dump({"rtol": case.rtol, "atol": case.atol}, out)


def subject(name, operators, by_name):
    """The operator that a test is about.

    A single operator: that one. A model of several (the `_expanded` forms): the
    operator of the test that it expands, else the one its name spells, else the
    first.
    """
    if len(operators) == 1:
        return operators[0]
    base = re.sub(r"_expanded.*$", "", name)
    if base != name and base in by_name and len(by_name[base]) == 1:
        return by_name[base][0]
    spelled = re.sub(r"^test_(training_)?", "", base).replace("_", "")
    known = {key for keys in by_name.values() if len(keys) == 1 for key in keys} | set(operators)
    matches = [k for k in known if spelled.startswith(k[1].lower())]
    if matches:
        return max(matches, key=lambda k: (len(k[1]), k))
    return operators[0] if operators else ("ai.onnx", "(none)")


def generate(root, say=lambda text: print(text, flush=True)):
    """Makes root/cases when it is not there for this onnx version; returns the index."""
    import onnx

    stamp = f"onnx {onnx.__version__} layout {LAYOUT}"
    index_path = os.path.join(root, "index.json")
    if os.path.exists(index_path):
        with open(index_path) as stream:
            index = json.load(stream)
        if index["stamp"] == stamp:
            return index

    say(f"writing the test cases of onnx {onnx.__version__} to {os.path.relpath(root)}/cases")
    import numpy
    from onnx.backend.test.loader import load_model_tests

    numpy.random.seed(0)
    cases_dir = os.path.join(root, "cases")
    shutil.rmtree(cases_dir, ignore_errors=True)
    os.makedirs(cases_dir)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        node_cases = load_model_tests(kind="node")

    entries, failures = {}, []
    for case in node_cases:
        try:
            _write_node_case(case, os.path.join(cases_dir, case.name))
            entries[case.name] = ("node", _operators(case.model.graph))
        except Exception as error:  # one odd case must not cost the others
            shutil.rmtree(os.path.join(cases_dir, case.name), ignore_errors=True)
            failures.append((case.name, str(error)))
    for kind in KINDS_ON_DISK:
        for case in load_model_tests(kind=kind):
            name = case.name
            if name in entries:
                name = f"{name}__{kind}"
            folder = os.path.join(cases_dir, name)
            _write_disk_case(case, folder)
            model = onnx.load(os.path.join(folder, "model.onnx"))
            entries[name] = (kind, _operators(model.graph))

    by_name = {name: operators for name, (_, operators) in entries.items()}
    index = {
        "stamp": stamp,
        "onnx": onnx.__version__,
        "unwritable": failures,
        "cases": {
            name: {
                "kind": kind,
                "subject": list(subject(name, operators, by_name)),
                "operators": [list(key) for key in operators],
            }
            for name, (kind, operators) in sorted(entries.items())
        },
    }
    with open(index_path + ".new", "w") as out:
        json.dump(index, out)
    os.replace(index_path + ".new", index_path)
    for name, error in failures:
        say(f"  cannot be written: {name}: {error}")
    say(f"  {len(entries)} cases, {len(failures)} that cannot be written")
    return index


if __name__ == "__main__":
    generate(sys.argv[1])
