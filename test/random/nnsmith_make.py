"""Graphs of NNSmith as lines of JSON; runs with the interpreter of build/nnsmith/venv: nnsmith_make.py COUNT SEED"""

import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import nnsmith.abstract.op as ops  # noqa: E402
from nnsmith.error import InternalError  # noqa: E402
from nnsmith.graph_gen import model_gen  # noqa: E402

#: What nnsmith_graphs.py can write as ONNX.
KNOWN = """Abs Neg ReLU LeakyReLU Sigmoid Sin Cos Atan Ceil Floor Round Add Sub Mul Max Min Equal Less Greater And Or Xor Where Clip
Softmax MaxPool2d AvgPool2d Slice ConstPad ReflectPad ReplicatePad ExpandLast1 ExpandLast2 ExpandLast3 ExpandLast4 BatchNorm2d Conv1d
NCHWConv2d Reshape Transpose ReduceSum ReduceMin ReduceMax ReduceMean Squeeze ArgMax ArgMin Tril Triu Concat1 Concat2 Concat3 Concat4
Concat5 CastF32 CastF64 CastI32 CastI64 CastBool MatMul""".split()


def describe(ir):
    nodes = []
    for inst in ir.insts:
        op = inst.iexpr.op
        plain = {k: v for k, v in vars(op).items() if isinstance(v, (int, list, str)) and not k.startswith("_") and "ranks" not in k}
        nodes.append({
            "op": type(op).__name__,
            "attributes": {k: v for k, v in {**plain, **op.extra_attrs}.items() if isinstance(v, (int, str, list, type(None)))
                           and k not in ("inp_ranks", "out_ranks", "input_like", "output_like")},
            "ins": list(inst.iexpr.args),
            "outs": [[name, [int(d) for d in ir.vars[name].shape], ir.vars[name].dtype.value] for name in inst.retvals()],
        })
    return nodes


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    opset = [o for o in ops.FULL_OPERATOR_SETS["core"] if o.__name__ in KNOWN] + [ops.MatMul]
    for s in range(seed, seed + count):
        try:
            gen = model_gen(opset=opset, method="symbolic", max_nodes=6, seed=s, timeout_ms=5000, max_elem_per_tensor=1500)
            print(json.dumps({"seed": s, "nodes": describe(gen.make_concrete())}, default=lambda o: str(o)), flush=True)
        except Exception as problem:
            print(json.dumps({"seed": s, "problem": f"{type(problem).__name__}: {problem}"[:200]}), flush=True)


main()
