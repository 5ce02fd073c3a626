"""Damages small models at random and compiles each: no damage may crash the compiler.

    fuzz.py FOLDER [--count N] [--seed N] [--keep]

Takes turns at changing one to four bytes (a bit, a byte, or a run of bytes
copied from elsewhere) and one or two fields (a number, a name, an element left
out or doubled), compiles, and counts. Fails when a
compilation ends by a signal, in more than a minute, with an exit code that is
not 0 or 1, without a message, or leaves a file behind after a failure. --keep
keeps the models that failed in FOLDER/failed.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name, dims, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, dims)


def weight(name, *dims):
    count = int(np.prod(dims))
    return numpy_helper.from_array((np.arange(count, dtype=np.float32) / count - 0.5).reshape(dims), name)


def ints(name, *numbers):
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def model(name, nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(weights))
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def convolutional():
    node = helper.make_node
    return model(
        "conv",
        [
            node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
            node("BatchNormalization", ["c", "s", "b", "b", "s"], ["n"]),
            node("Clip", ["n", "low", "high"], ["r"]),
            node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
            node("Resize", ["p", "", "scales"], ["z"], mode="linear"),
            node("GlobalAveragePool", ["z"], ["g"]),
            node("Flatten", ["g"], ["f"]),
            node("Gemm", ["f", "m"], ["l"], transB=1),
            node("Softmax", ["l"], ["y"]),
        ],
        [value("x", ["batch", 2, 6, 6])],
        [value("y", ["batch", 5])],
        [weight("w", 4, 2, 3, 3), weight("b", 4), numpy_helper.from_array(np.ones(4, np.float32), "s"),
         numpy_helper.from_array(np.float32(0), "low"), numpy_helper.from_array(np.float32(6), "high"),
         numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"), weight("m", 5, 4)],
    )


def tokens():
    node = helper.make_node
    return model(
        "tokens",
        [
            node("Gather", ["table", "ids"], ["e"]),
            node("Shape", ["e"], ["shape"]),
            node("Slice", ["shape", "zero", "two"], ["front"]),
            node("Concat", ["front", "parts"], ["wanted"], axis=0),
            node("Reshape", ["e", "wanted"], ["h"]),
            node("Transpose", ["h"], ["t"], perm=[0, 2, 1, 3]),
            node("MatMul", ["t", "q"], ["s"]),
            node("ReduceMean", ["s"], ["m"], axes=[2], keepdims=0),
            node("TopK", ["m", "one"], ["y", "i"], axis=-1),
        ],
        [value("ids", [1, "length"], INT64)],
        [value("y", None), value("i", None, INT64)],
        [weight("table", 10, 6), ints("zero", 0), ints("two", 2), ints("parts", 2, 3), weight("q", 3, 3),
         ints("one", 1)],
    )


def control():
    node = helper.make_node
    body = helper.make_graph(
        [node("Add", ["a", "x"], ["b"]), node("Identity", ["keep"], ["again"]), node("Tanh", ["b"], ["scan"])],
        "body",
        [value("i", [], INT64), value("keep", [], BOOL), value("a", [2, 3])],
        [value("again", [], BOOL), value("b", [2, 3]), value("scan", [2, 3])],
    )
    then = helper.make_graph([node("Neg", ["l"], ["u"])], "then", [], [value("u", [2, 3])])
    other = helper.make_graph([node("Sqrt", ["l"], ["v"])], "other", [], [value("v", [2, 3])])
    return model(
        "control",
        [
            node("Loop", ["n", "", "x"], ["l", "s"], body=body),
            node("ReduceSum", ["s"], ["sum"], keepdims=0),
            node("Less", ["sum", "limit"], ["c"]),
            node("If", ["c"], ["y"], then_branch=then, else_branch=other),
            node("LSTM", ["s", "w", "r"], ["", "h"], hidden_size=2),
        ],
        [value("x", [2, 3])],
        [value("y", [2, 3]), value("h", [1, 2, 2])],
        [numpy_helper.from_array(np.int64(4), "n"), numpy_helper.from_array(np.float32(0.5), "limit"),
         weight("w", 1, 8, 3), weight("r", 1, 8, 2)],
    )


def damage(data, chance):
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        kind = chance.randrange(3)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.randrange(256)
        else:
            length = chance.randint(1, 8)
            source = chance.randrange(len(data))
            data[at:at + length] = data[source:source + length]
    return bytes(data)


def fields(message):
    """Every (message, field, index) below `message`; index None: not repeated."""
    for field, content in message.ListFields():
        repeated = not isinstance(content, (int, float, str, bytes)) and hasattr(content, "__len__")
        for index, item in enumerate(content if repeated else [content]):
            yield message, field, index if repeated else None
            if hasattr(item, "ListFields"):
                yield from fields(item)


def alter(proto, chance):
    """Changes one field of the model."""
    places = list(fields(proto))
    message, field, index = chance.choice(places)
    content = getattr(message, field.name)
    item = content if index is None else content[index]
    if index is not None and chance.randrange(3) == 0:
        kept = list(content)
        kept[index:index + 1] = [] if chance.randrange(2) else [item, item]
        copies = [type(k).FromString(k.SerializeToString()) if hasattr(k, "ListFields") else k for k in kept]
        message.ClearField(field.name)
        getattr(message, field.name).extend(copies)
        return
    if hasattr(item, "ListFields"):
        if index is None:
            message.ClearField(field.name)
        return
    if isinstance(item, bytes):
        changed = item[: chance.randrange(len(item) + 1)]
    elif isinstance(item, str):
        others = [getattr(m, f.name) for m, f, i in places if i is None and isinstance(getattr(m, f.name), str)]
        changed = chance.choice(others + ["", "\0", "x" * 3000, "y/../z"])
    elif isinstance(item, float):
        changed = chance.choice([0.0, -1.0, 1e38, float("inf"), float("nan")])
    else:
        changed = chance.choice([0, 1, 2, 3, -1, item + 1, -item, chance.randrange(30), 1 << 20, (1 << 31) - 1, 1 << 40, -(1 << 62)])
        if field.cpp_type != field.CPPTYPE_INT64:
            changed = max(-(1 << 31), min(changed, (1 << 31) - 1))
    try:
        if index is None:
            setattr(message, field.name, changed)
        else:
            content[index] = changed
    except (TypeError, ValueError):  # a value that the field cannot hold
        message.ClearField(field.name)


def damaged_fields(data, chance):
    proto = onnx.ModelProto.FromString(data)
    for _ in range(chance.randint(1, 2)):
        alter(proto, chance)
    return proto.SerializeToString()


def compile_once(path, out):
    """What is wrong with how the compiler took the model; None: nothing."""
    try:
        done = subprocess.run(["onnx-compile", path, "-o", out, "--name=m"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, errors="replace")
    except subprocess.TimeoutExpired:
        return None, "does not come to an end"
    left = sorted(os.listdir(out)) if os.path.isdir(out) else []
    wrong = None
    if done.returncode not in (0, 1):
        wrong = f"exit code {done.returncode}: {done.stderr}"
    elif done.returncode == 1 and not done.stderr.startswith("onnx-compile: error: "):
        wrong = f"no message: {done.stderr}"
    elif left != (["m.h", "m.o"] if done.returncode == 0 else []):
        wrong = f"exit code {done.returncode} with the files {left}"
    shutil.rmtree(out, ignore_errors=True)
    return done.returncode, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    path, out = (os.path.join(options.folder, name) for name in ("model.onnx", "out"))
    models = [make().SerializeToString() for make in (convolutional, tokens, control)]
    failures, codes = 0, {0: 0, 1: 0}
    for number in range(options.count):
        chance = random.Random(options.seed * 1000003 + number)
        data = models[number % len(models)]
        # The first round is undamaged: each model is a good one.
        if number >= len(models):
            data = (damage if number // len(models) % 2 else damaged_fields)(data, chance)
        with open(path, "wb") as stream:
            stream.write(data)
        code, wrong = compile_once(path, out)
        if number < len(models) and code != 0:
            wrong = wrong or "the undamaged model does not compile"
        codes[code] = codes.get(code, 0) + 1
        if wrong:
            failures += 1
            print(f"model {number}: {wrong}")
            if options.keep:
                os.makedirs(os.path.join(options.folder, "failed"), exist_ok=True)
                shutil.copy(path, os.path.join(options.folder, "failed", f"{number}.onnx"))
    print(f"{options.count} models: {codes[0]} compiled, {codes[1]} refused, {failures} wrong")
    return 1 if failures else 0


sys.exit(main())
