"""Graphs of NNSmith, a generator for fuzzing of its own kind: it solves constraints on shapes with z3.

It runs in a virtual environment of its own, build/nnsmith/venv, which is made at the first use (NNSmith itself, no
framework: its graphs are written as ONNX here). Inputs and errors are ours, as for other graphs: what NNSmith makes
that needs exact numbers where there are none is left out.
"""

import json
import math
import os
import subprocess
import sys

import numpy as np
import onnx

import generate
from graph import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Graph, Skip, Value, flag, is_float, whole
from ops_elementwise import SMOOTH
from ops_layers import added, product

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, "..", "..", "build", "nnsmith", "venv")
TYPES = {"float16": F16, "float32": F32, "float64": F64, "int8": I8, "int16": I16, "int32": I32, "int64": I64, "uint8": U8,
         "uint16": U16, "uint32": U32, "uint64": U64, "bool": BOOL}
UNARY = {"Sigmoid": "Sigmoid", "Sin": "Sin", "Cos": "Cos", "Atan": "Atan", "LeakyReLU": "LeakyRelu"}
KEEPS = {"Abs": "Abs", "Neg": "Neg", "ReLU": "Relu"}
BINARY = {"Add": "Add", "Sub": "Sub", "Mul": "Mul", "Max": "Max", "Min": "Min"}


def python():
    path = os.path.join(VENV, "bin", "python")
    if not os.path.exists(path):
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([os.path.join(VENV, "bin", "pip"), "install", "-q", "nnsmith==0.1.0"], check=True)
    return path


def exact(*values):
    if not all(v.exact and not v.special for v in values):
        raise Skip()


def append(g, op, a, x, shape, dtype):
    """One op of NNSmith on the values `x`, which gives `dtype` of `shape`."""
    v = x[0]
    axis = a.get("axis", a.get("reduce_dim", a.get("dim")))
    if op in UNARY:
        slope, bound = SMOOTH[UNARY[op]]
        return g.add(UNARY[op], [v], [g.rounded(dtype, shape, bound(v.mag), slope * v.err)])
    if op in KEEPS:
        return g.add(KEEPS[op], [v], [g.same(v, shape)])
    if op in ("Ceil", "Floor", "Round"):
        exact(v)
        return g.add(op, [v], [Value("", dtype, shape, v.mag + 1, 0)])
    if op in BINARY:
        w = x[1]
        mag, err = (v.mag * w.mag, v.mag * w.err + w.mag * v.err) if op == "Mul" else (v.mag + w.mag, v.err + w.err)
        frac = None if v.frac is None or w.frac is None else v.frac + w.frac if op == "Mul" else max(v.frac, w.frac)
        return g.add(op, x, [Value("", dtype, shape, mag, frac, err)])
    if op in ("Equal", "Less", "Greater", "And", "Or", "Xor"):
        exact(*x)
        return g.add(op, x, [flag(shape)])
    if op == "Where":
        frac = None if x[1].frac is None or x[2].frac is None else max(x[1].frac, x[2].frac)
        return g.add(op, x, [Value("", dtype, shape, max(x[1].mag, x[2].mag), frac, max(x[1].err, x[2].err))])
    if op == "Clip":
        low, high = (g.constant(np.array(n), dtype) for n in (-1, 1))
        return g.add(op, [v, low, high], [Value("", dtype, shape, 1, v.frac, v.err)])
    if op == "Softmax":
        return g.add(op, [v], [g.rounded(dtype, shape, 1, 2 * v.err)], axis=axis)
    if op in ("MaxPool2d", "AvgPool2d"):
        window = {"kernel_shape": [a["kernel_h_size"], a["kernel_w_size"]], "strides": [a["stride"]] * 2, "pads": [a["padding"]] * 4}
        if op == "MaxPool2d":
            return g.add("MaxPool", [v], [g.same(v, shape)], **window)
        return g.add("AveragePool", [v], [g.rounded(dtype, shape, v.mag, v.err)], count_include_pad=1, **window)
    if op == "Slice":
        ends = min(a["end"], 2**63 - 1)
        return g.add(op, [v, g.ints([a["start"]]), g.ints([ends]), g.ints([axis]), g.ints([a["step"]])], [g.same(v, shape)])
    if op in ("ConstPad", "ReflectPad", "ReplicatePad"):
        low, high, pads = [0] * v.rank, [0] * v.rank, a["padding_list"]
        for i in range(len(pads) // 2):
            low[-1 - i], high[-1 - i] = pads[2 * i], pads[2 * i + 1]
        return g.add("Pad", [v, g.ints(low + high)], [g.same(v, shape)], mode={"C": "constant", "R": "edge"}[op[0]] if op != "ReflectPad" else "reflect")
    if op.startswith("ExpandLast"):
        return g.add("Expand", [v, g.ints(shape)], [g.same(v, shape)])
    if op == "BatchNorm2d":
        c = v.shape[1]
        ins = [g.new(dtype, (c,), constant=True, low=-2, high=2) for _ in range(3)] + [g.new(dtype, (c,), constant=True, low=0.25, high=2)]
        return g.add("BatchNormalization", [v, *ins], [g.rounded(dtype, shape, 4 * (v.mag + 2) + 2, 4 * v.err)])
    if op in ("Conv1d", "NCHWConv2d"):
        kernel = [a["kernel_size"]] if op == "Conv1d" else [a["kernel_h_size"], a["kernel_w_size"]]
        dilations = [a["dilation"]] if op == "Conv1d" else [a["dilation_h"], a["dilation_w"]]
        n = len(kernel)
        w, b = g.new(dtype, (a["out_channels"], v.shape[1], *kernel), constant=True), g.new(dtype, (a["out_channels"],), constant=True)
        out = added(product(g, dtype, shape, v, w, v.shape[1] * math.prod(kernel)), b)
        return g.add("Conv", [v, w, b], [out], strides=[a["stride"]] * n, pads=[a["padding"]] * 2 * n, dilations=dilations)
    if op == "Reshape":
        return g.add(op, [v, g.ints(a["target_shape"])], [g.same(v, shape)])
    if op == "Transpose":
        perm = list(range(v.rank))
        i, j = a["dim0"] % v.rank, a["dim1"] % v.rank
        perm[i], perm[j] = perm[j], perm[i]
        return g.add(op, [v], [g.same(v, shape)], perm=perm)
    if op == "Squeeze":
        return g.add(op, [v] + ([g.ints([axis])] if axis is not None else []), [g.same(v, shape)])
    if op in ("ReduceSum", "ReduceMin", "ReduceMax", "ReduceMean"):
        n = v.shape[axis] if axis is not None else v.size
        out = Value("", dtype, shape, v.mag * n, v.frac, v.err * n)
        if op == "ReduceMean":
            out = g.rounded(dtype, shape, v.mag, v.err)
        if v.dtype != dtype:
            raise Skip()
        return g.add(op, [v] + ([g.ints([axis])] if axis is not None else []), [out], keepdims=0)
    if op in ("ArgMax", "ArgMin"):
        exact(v)
        if axis is None:
            raise Skip()
        return g.add(op, [v], [whole(shape, I64, 2000)], axis=axis, keepdims=0)
    if op in ("Tril", "Triu"):
        return g.add("Trilu", [v, g.constant(np.array(a["diagonal"], np.int64))], [g.same(v, shape)], upper=int(op == "Triu"))
    if op.startswith("Concat"):
        frac = None if any(w.frac is None for w in x) else max(w.frac for w in x)
        return g.add("Concat", x, [Value("", dtype, shape, max(w.mag for w in x), frac, max(w.err for w in x))], axis=axis)
    if op.startswith("Cast"):
        if not is_float(dtype):
            exact(v)
        return g.add("Cast", [v], [Value("", dtype, shape, v.mag, v.frac if is_float(dtype) and is_float(v.dtype) else 0, v.err)], to=dtype)
    if op == "MatMul":
        return g.add(op, x, [product(g, dtype, shape, x[0], x[1], v.shape[-1])])
    raise Skip()


def convert(nodes, seed, dynamic):
    g = Graph(np.random.default_rng([seed, 7]), generate.Options(dynamic=dynamic, opsets=(18,)))
    g.specials = False
    values = {}
    for node in nodes:
        (name, shape, dtype), = node["outs"]
        if dtype not in TYPES:
            raise Skip()
        if node["op"] in ("Input", "Constant"):
            values[name] = g.new(TYPES[dtype], shape, constant=node["op"] == "Constant")
            if values[name].size > 1500:
                raise Skip()
            continue
        made = append(g, node["op"], node["attributes"], [values[i] for i in node["ins"]], shape, TYPES[dtype])
        values[name] = made
    return generate.build(g, f"nnsmith{seed}{'d' if dynamic else ''}")


def cases(options):
    """`options.count` cases from `options.seed` on; seeds that NNSmith cannot solve, or whose graphs are left out, are passed over."""
    made, seed = 0, options.seed
    while made < options.count:
        done = subprocess.run([python(), os.path.join(HERE, "nnsmith_make.py"), "50", str(seed)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        if not done.stdout.strip():
            raise SystemExit(f"random: NNSmith made nothing of seed {seed}; remove build/nnsmith to install it again")
        for line in done.stdout.splitlines():
            graph = json.loads(line)
            try:
                case = convert(graph["nodes"], graph["seed"], options.dynamic or not options.static and graph["seed"] % 2 == 1)
                # NNSmith knows the types of frameworks, not those of ONNX.
                onnx.shape_inference.infer_shapes(case.model, check_type=True, strict_mode=True)
            except (Skip, KeyError, onnx.shape_inference.InferenceError):
                continue
            yield case
            made += 1
            if made == options.count:
                return
        seed += 50
