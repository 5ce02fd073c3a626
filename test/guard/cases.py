"""The models that test/guard/run runs: an operator, its inputs, and what can be wrong with each.

An input is D (data of run-time dims), I (indices, of run-time dims as well:
values around the ends of a dim), S (a shape operand of fixed length: its
entries get sizes that cannot be), or K (a number). The first job of a case is
right; the next ones change one thing of it, or two.
"""

import itertools

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

f32, i64 = np.float32, np.int64
BAD_SIZES = [-(2**63), -(2**40), -7, -2, -1, 0, 1, 2, 3, 5, 8, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1]
BAD_NUMBERS = [float("nan"), float("inf"), -float("inf"), 1e30, -1e30, 0.0, -1.0]
DIMS = [0, 1, 2, 3, 4, 7]
CLAIMED = [-(2**63), -1, 2**31, 2**40, 2**60, 2**62, 2**63 - 1]  # dims that the caller says and has no memory for


class Operand:
    def __init__(self, role, value, symbols=None):
        self.role, self.value, self.symbols = role, np.asarray(value), symbols


def D(*dims, dtype=f32, symbols=None, scale=1.0):
    n = int(np.prod(dims))
    return Operand("D", ((np.arange(n) % 13 - 4) * scale).astype(dtype).reshape(dims), symbols)


def I(value, symbols=None, dtype=i64):
    return Operand("I", np.array(value, dtype), symbols)


def S(*entries):
    return Operand("S", np.array(entries, i64))


def K(value, dtype=i64):
    return Operand("K", np.array(value, dtype))


class Job:
    def __init__(self, what, inputs, good=False):
        self.what, self.inputs, self.good = what, inputs, good


class Case:
    """`operands`: name to Operand, in the order of the op's inputs, or None for one that is left out. `own_values`: outputs
    are not compared with ONNX Runtime, which lacks the op or does not check its inputs. `wider`: why we may take inputs
    that ONNX Runtime refuses."""

    def __init__(self, name, op, operands, outputs=1, opset=18, domain="", constants=None, own_values=False, wider=None, model=None, types=None, **attributes):
        self.name, self.op, self.own_values, self.wider = name, op, own_values, wider
        self.operands = {k: v for k, v in operands.items() if v is not None}
        self.node = "the_node"
        self.model = model(self) if model else self.build(operands, outputs, opset, domain, constants or {}, types or {}, attributes)

    def inputs(self):
        def dims(name, v):
            if v.role in "SK":
                return list(v.value.shape)
            return list(v.symbols or [f"{name}{d}" for d in range(v.value.ndim)])

        return [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.value.dtype), dims(k, v)) for k, v in self.operands.items()]

    def build(self, operands, outputs, opset, domain, constants, types, attributes):
        names = [k if v is not None else "" for k, v in operands.items()] + list(constants)
        outs = [f"out{i}" for i in range(outputs)]
        node = helper.make_node(self.op, names, outs, name=self.node, domain=domain, **attributes)
        graph = helper.make_graph([node], "g", self.inputs(), [helper.make_tensor_value_info(o, types.get(i, T.FLOAT), None) for i, o in enumerate(outs)],
                                  [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
        return finish(graph, opset, domain)

    def jobs(self):
        values = {k: v.value for k, v in self.operands.items()}
        yield self.job("as it should be", values, good=True)
        yield self.job("as it should be, other alignment", values, good=True)
        changes = [(k, what, new) for k, v in self.operands.items() for what, new in wrong(v)]
        for k, what, new in changes:
            yield self.job(f"{k} {what}", {**values, k: new})
        # Two at once, a part of them.
        pairs = [p for p in itertools.combinations(changes, 2) if p[0][0] != p[1][0]]
        for a, c in pairs[:: max(1, len(pairs) // 40)]:
            yield self.job(f"{a[0]} {a[1]}, {c[0]} {c[1]}", {**values, a[0]: a[2], c[0]: c[2]})
        for k, v in self.operands.items():
            if v.role not in "DI":
                continue
            for d in range(v.value.ndim):
                for size in CLAIMED:
                    dims = list(v.value.shape)
                    dims[d] = size
                    yield self.job(f"{k} claims {dims}", values, claims={k: dims})

    def job(self, what, values, good=False, claims=None):
        def one(k, array):
            kind = helper.np_dtype_to_tensor_dtype(self.operands[k].value.dtype)
            return kind, (claims or {}).get(k, array.shape), array

        return Job(what, [one(k, values[k]) for k in self.operands], good)


def wrong(operand):
    value = operand.value
    if operand.role in "SK":
        numbers = BAD_NUMBERS if value.dtype.kind == "f" else BAD_SIZES
        for at in np.ndindex(value.shape):
            for n in numbers:
                if value.dtype.kind != "f" and not np.iinfo(value.dtype).min <= n <= np.iinfo(value.dtype).max:
                    continue
                new = value.copy()
                new[at] = n
                yield f"is {new.tolist()}", new
        return
    for d in range(value.ndim):
        for size in DIMS:
            if size != value.shape[d]:
                dims = list(value.shape)
                dims[d] = size
                yield f"has dims {dims}", np.resize(value, dims) if value.size else np.zeros(dims, value.dtype)
    if operand.role == "I" and value.size:
        for n in (-(2**62), -(2**31), -9, -5, -4, -3, -1, 0, 2, 3, 4, 5, 9, 1000, 2**31 - 1, 2**62):
            if not np.iinfo(value.dtype).min <= n <= np.iinfo(value.dtype).max:
                continue
            for at in (0, value.size - 1):
                new = value.copy()
                new.reshape(-1)[at] = n
                yield f"is {new.tolist()}", new


def finish(graph, opset, domain=""):
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=imports)
    model.ir_version = 8 if opset < 21 else 10
    return model


def const(name, value):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value), name))


def loop(case):
    """Scan outputs whose rows follow an input: rows of x[i] repeated by r."""
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["c_out"]), helper.make_node("Gather", ["x", "i"], ["row"], name="the_node")], "b",
                             [helper.make_tensor_value_info("i", T.INT64, []), helper.make_tensor_value_info("c", T.BOOL, [])],
                             [helper.make_tensor_value_info("c_out", T.BOOL, []), helper.make_tensor_value_info("row", T.FLOAT, None)])
    graph = helper.make_graph([helper.make_node("Loop", ["m", ""], ["y"], body=body, name="the_node")], "g", case.inputs(),
                              [helper.make_tensor_value_info("y", T.FLOAT, None)])
    return finish(graph, 18)


def growing(case):
    """Rows of trip n have min(n, k) elements: they may not differ."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c_out"]), helper.make_node("Unsqueeze", ["i", "zero"], ["at"]), helper.make_node("Min", ["at", "k"], ["n"]),
         helper.make_node("ConstantOfShape", ["n"], ["row"], name="the_node")], "b",
        [helper.make_tensor_value_info("i", T.INT64, []), helper.make_tensor_value_info("c", T.BOOL, [])],
        [helper.make_tensor_value_info("c_out", T.BOOL, []), helper.make_tensor_value_info("row", T.FLOAT, None)])
    graph = helper.make_graph([const("zero", np.array([0])), helper.make_node("Loop", ["m", ""], ["y"], body=body, name="the_node")], "g", case.inputs(),
                              [helper.make_tensor_value_info("y", T.FLOAT, None)])
    return finish(graph, 18)


def scan(case):
    body = helper.make_graph([helper.make_node("Add", ["s", "a"], ["t"], name="the_node"), helper.make_node("Mul", ["a", "b"], ["p"], name="the_node")], "b",
                             [helper.make_tensor_value_info(n, T.FLOAT, None) for n in "sab"],
                             [helper.make_tensor_value_info(n, T.FLOAT, None) for n in "tp"])
    graph = helper.make_graph([helper.make_node("Scan", ["s0", "xs", "ys"], ["s1", "zs"], body=body, num_scan_inputs=2, name="the_node")], "g",
                              case.inputs(), [helper.make_tensor_value_info(n, T.FLOAT, None) for n in ("s1", "zs")])
    return finish(graph, 18)


def branch(case):
    """A check inside a branch that runs only if the condition says so."""
    then = helper.make_graph([helper.make_node("Gather", ["x", "i"], ["g"], name="the_node")], "t", [], [helper.make_tensor_value_info("g", T.FLOAT, None)])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["o"])], "e", [], [helper.make_tensor_value_info("o", T.FLOAT, None)])
    graph = helper.make_graph([helper.make_node("Cast", ["c"], ["cb"], to=T.BOOL), helper.make_node("If", ["cb"], ["y"], then_branch=then, else_branch=other)],
                              "g", case.inputs(), [helper.make_tensor_value_info("y", T.FLOAT, None)])
    return finish(graph, 18)


def same_symbols(case):
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["y"], name="the_node"), helper.make_node("Neg", ["b"], ["z"])], "g", case.inputs(),
                              [helper.make_tensor_value_info(n, T.FLOAT, None) for n in "yz"])
    return finish(graph, 18)


INT = {0: T.INT64}


def all_cases():
    yield Case("Add", "Add", dict(a=D(3, 4), b=D(3, 4)))
    yield Case("Add_row", "Add", dict(a=D(3, 4), b=D(4)))
    yield Case("Add_both", "Add", dict(a=D(3, 1), b=D(1, 4)))
    yield Case("Add_static", "Add", dict(a=D(3, 4, symbols=["n", 4]), b=D(3, 4, symbols=["m", 4])))
    yield Case("Where", "Where", dict(c=D(3, 4, dtype=bool), a=D(3, 4), b=D(4)))
    yield Case("Sum3", "Sum", dict(a=D(3, 4), b=D(3, 4), c=D(1, 4)))
    yield Case("Pow", "Pow", dict(a=D(2, 3), b=D(3)))
    yield Case("Equal", "Equal", dict(a=D(2, 3, dtype=i64), b=D(2, 3, dtype=i64)), types={0: T.BOOL})
    yield Case("PRelu", "PRelu", dict(x=D(2, 3, 4), s=D(3, 1)))
    yield Case("Clip", "Clip", dict(x=D(2, 3), lo=K(-1, f32), hi=K(2, f32)))
    yield Case("Symbols", "", dict(a=D(3, 4, symbols=["n", "m"]), b=D(3, symbols=["n"])), model=same_symbols)
    yield Case("MatMul", "MatMul", dict(a=D(3, 4), b=D(4, 5)))
    yield Case("MatMul_batch", "MatMul", dict(a=D(2, 3, 4), b=D(2, 4, 2)))
    yield Case("MatMul_broadcast", "MatMul", dict(a=D(2, 3, 4), b=D(4, 2)))
    yield Case("MatMul_vector", "MatMul", dict(a=D(4), b=D(4)))
    yield Case("Gemm", "Gemm", dict(a=D(3, 4), b=D(4, 5), c=D(5)))
    yield Case("Gemm_trans", "Gemm", dict(a=D(4, 3), b=D(5, 4), c=D(3, 5)), transA=1, transB=1)
    yield Case("MatMulInteger", "MatMulInteger", dict(a=D(3, 4, dtype=np.uint8), b=D(4, 5, dtype=np.uint8)), types={0: T.INT32})
    yield Case("Einsum", "Einsum", dict(a=D(2, 3, 4), b=D(2, 4, 5)), equation="bij,bjk->bik")
    yield Case("Conv", "Conv", dict(x=D(1, 2, 5, 5), w=D(3, 2, 3, 3, symbols=["o", "i", 3, 3]), b=D(3)))
    yield Case("Conv_padded", "Conv", dict(x=D(1, 2, 4, 4)), constants=dict(w=np.ones((3, 2, 3, 3), f32)), pads=[1, 1, 1, 1], wider="takes empty tensors")
    yield Case("ConvTranspose", "ConvTranspose", dict(x=D(1, 2, 3, 3)), constants=dict(w=np.ones((2, 3, 3, 3), f32)), strides=[2, 2], wider="takes empty tensors")
    yield Case("MaxPool", "MaxPool", dict(x=D(1, 2, 4, 4)), kernel_shape=[3, 3], wider="takes empty tensors")
    yield Case("AveragePool", "AveragePool", dict(x=D(1, 2, 4, 4)), kernel_shape=[2, 2], pads=[1, 1, 1, 1], wider="takes empty tensors")
    yield Case("GlobalAveragePool", "GlobalAveragePool", dict(x=D(1, 2, 4, 4)), wider="takes empty tensors")
    yield Case("MaxUnpool", "MaxUnpool", dict(x=D(1, 1, 2, 2), i=I([[[[0, 2], [8, 10]]]])), kernel_shape=[2, 2], strides=[2, 2], wider="takes empty tensors")
    yield Case("BatchNormalization", "BatchNormalization", dict(x=D(2, 3, 4), s=D(3), b=D(3), m=D(3), v=D(3, scale=.1)), own_values=True)
    yield Case("LayerNormalization", "LayerNormalization", dict(x=D(2, 3), s=D(3), b=D(3)))
    yield Case("InstanceNormalization", "InstanceNormalization", dict(x=D(2, 3, 4), s=D(3), b=D(3)))
    yield Case("Softmax", "Softmax", dict(x=D(2, 3)))
    yield Case("Concat", "Concat", dict(a=D(3, 4), b=D(3, 2)), axis=1)
    yield Case("Concat3", "Concat", dict(a=D(3, 4, 2), b=D(1, 4, 2), c=D(2, 4, 2)), axis=0)
    yield Case("Reshape", "Reshape", dict(x=D(3, 4), s=S(2, 6)))
    yield Case("Reshape_infer", "Reshape", dict(x=D(3, 4), s=S(-1, 2, 3)))
    yield Case("Reshape_zero", "Reshape", dict(x=D(3, 4), s=S(0, 2, 2)))
    yield Case("Reshape_const", "Reshape", dict(x=D(3, 4)), constants=dict(s=np.array([2, 6])))
    yield Case("Reshape_keep", "Reshape", dict(x=D(3, 4, 2)), constants=dict(s=np.array([0, -1, 2])), wider="the dims that recur cancel out, zeros too")
    yield Case("Flatten", "Flatten", dict(x=D(2, 3, 4)), axis=2)
    yield Case("Squeeze", "Squeeze", dict(x=D(3, 1, 4)), constants=dict(a=np.array([1])))
    yield Case("Squeeze_axes", "Squeeze", dict(x=D(3, 1, 4), a=S(1)))
    yield Case("Unsqueeze_axes", "Unsqueeze", dict(x=D(3, 4), a=S(1)))
    yield Case("Expand", "Expand", dict(x=D(3, 1), s=S(2, 3, 4)))
    yield Case("Expand_row", "Expand", dict(x=D(4), s=S(3, 1)))
    yield Case("Tile", "Tile", dict(x=D(2, 3), r=S(2, 1)))
    yield Case("Split", "Split", dict(x=D(8, 2), s=S(3, 5)), outputs=2)
    yield Case("Split_even", "Split", dict(x=D(6, 2)), outputs=3, num_outputs=3, wider="parts may be empty")
    yield Case("Slice", "Slice", dict(x=D(6, 5), b=S(1, 0), e=S(5, 4), a=S(0, 1), st=S(2, 1)))
    yield Case("Slice_plain", "Slice", dict(x=D(6, 5), b=S(1), e=S(5)))
    yield Case("Pad", "Pad", dict(x=D(3, 4), p=S(1, 0, 0, 2)))
    yield Case("Pad_edge", "Pad", dict(x=D(3, 4), p=S(1, 0, 0, 2)), mode="edge")
    yield Case("Pad_reflect", "Pad", dict(x=D(3, 4), p=S(1, 0, 0, 2)), mode="reflect", wider="reflects more than once")
    yield Case("Pad_wrap", "Pad", dict(x=D(3, 4), p=S(1, 0, 0, 2)), mode="wrap", opset=19, own_values=True)
    yield Case("DepthToSpace", "DepthToSpace", dict(x=D(1, 8, 2, 3)), blocksize=2)
    yield Case("SpaceToDepth", "SpaceToDepth", dict(x=D(1, 2, 4, 6)), blocksize=2)
    yield Case("ConstantOfShape", "ConstantOfShape", dict(s=S(2, 3)))
    yield Case("Range", "Range", dict(s=K(1), e=K(7), d=K(2)), types=INT)
    yield Case("Range_float", "Range", dict(s=K(1, f32), e=K(7, f32), d=K(2, f32)))
    yield Case("OneHot", "OneHot", dict(i=I([0, 2, 1]), d=K(3)), constants=dict(v=np.array([0, 1], f32)), wider="a depth of 0")
    yield Case("OneHot_values", "OneHot", dict(i=I([0, 2, 1]), d=K(3), v=D(2)), wider="a depth of 0")
    yield Case("EyeLike", "EyeLike", dict(x=D(3, 4)))
    yield Case("Trilu", "Trilu", dict(x=D(3, 4), k=K(1)))
    yield Case("Gather", "Gather", dict(x=D(4, 3), i=I([0, 3, -1])))
    yield Case("Gather_axis", "Gather", dict(x=D(2, 4, 3), i=I([[0, 3], [1, -4]])), axis=1)
    yield Case("Gather_scalar", "Gather", dict(x=D(4, 3), i=I(2)))
    yield Case("Gather_int32", "Gather", dict(x=D(4, 3), i=I([0, 3], dtype=np.int32)))
    yield Case("Gather_fixed", "Gather", dict(x=D(4, 3)), constants=dict(i=np.array([0, 3, 1])))
    yield Case("GatherElements", "GatherElements", dict(x=D(4, 3), i=I([[0, 1, 2], [3, -1, 0]])))
    yield Case("GatherND", "GatherND", dict(x=D(4, 3, 2), i=I([[0, 1], [3, -1]], symbols=["k", 2])))
    yield Case("GatherND_batch", "GatherND", dict(x=D(2, 3, 2), i=I([[0], [2]], symbols=["k", 1])), batch_dims=1)
    yield Case("ScatterElements", "ScatterElements", dict(x=D(4, 3), i=I([[0, 1, 2], [3, -1, 0]]), u=D(2, 3)))
    yield Case("ScatterElements_add", "ScatterElements", dict(x=D(4, 3), i=I([[0, 1], [3, 3]]), u=D(2, 2)), reduction="add")
    yield Case("ScatterND", "ScatterND", dict(x=D(4, 3), i=I([[0], [3]], symbols=["k", 1]), u=D(2, 3)))
    yield Case("ScatterND_pairs", "ScatterND", dict(x=D(4, 3), i=I([[0, 1], [3, 2]], symbols=["k", 2]), u=D(2)))
    yield Case("TensorScatter", "TensorScatter", dict(x=D(2, 4, 3), u=D(2, 2, 3), i=I([0, 2])), opset=24, axis=1, own_values=True)
    yield Case("TensorScatter_ring", "TensorScatter", dict(x=D(2, 4, 3), u=D(2, 2, 3), i=I([0, 3])), opset=24, axis=1, mode="circular", own_values=True)
    yield Case("ReverseSequence", "ReverseSequence", dict(x=D(4, 3), i=I([1, 4, 2])), batch_axis=1, time_axis=0)
    yield Case("Compress", "Compress", dict(x=D(4, 3), c=D(4, dtype=bool)), axis=0)
    yield Case("Compress_flat", "Compress", dict(x=D(4, 3), c=D(5, dtype=bool)))
    yield Case("NonZero", "NonZero", dict(x=D(4, 3)), types=INT)
    yield Case("Unique", "Unique", dict(x=D(6)))
    yield Case("TopK", "TopK", dict(x=D(3, 5), k=S(2)), outputs=2, types={1: T.INT64})
    yield Case("ArgMax", "ArgMax", dict(x=D(3, 5)), types=INT, axis=1)
    yield Case("ReduceSum", "ReduceSum", dict(x=D(3, 5), a=S(1)))
    yield Case("ReduceMax", "ReduceMax", dict(x=D(3, 5)), constants=dict(a=np.array([1])))
    yield Case("CumSum", "CumSum", dict(x=D(3, 5), a=K(1)))
    yield Case("Resize_sizes", "Resize", dict(x=D(1, 2, 3, 4), roi=None, scales=None, s=S(1, 2, 6, 5)), mode="nearest", own_values=True)
    yield Case("Resize_scales", "Resize", dict(x=D(1, 2, 3, 4), roi=None, s=K([1, 1, 2, 1.5], f32)), mode="linear", own_values=True)
    yield Case("Upsample_axes", "Resize", dict(x=D(1, 2, 3, 4), roi=None, scales=None, s=S(6, 5)), mode="linear", axes=[2, 3], own_values=True)
    yield Case("GridSample", "GridSample", dict(x=D(1, 2, 3, 4), g=D(1, 2, 3, 2, symbols=["n", "h", "w", 2], scale=.2)), opset=20, own_values=True)
    yield Case("RoiAlign", "RoiAlign", dict(x=D(2, 1, 4, 4), r=D(2, 4, symbols=["k", 4]), i=I([0, 1])), output_height=2, output_width=2, sampling_ratio=2,
               own_values=True)
    yield Case("MaxRoiPool", "MaxRoiPool", dict(x=D(2, 1, 4, 4), r=Operand("D", np.array([[0, 0, 0, 2, 2], [1, 1, 1, 3, 3]], f32), ["k", 5])),
               pooled_shape=[2, 2], own_values=True)
    yield Case("Col2Im", "Col2Im", dict(x=D(1, 4, 9), s=S(4, 4), b=S(2, 2)), own_values=True)
    yield Case("CenterCropPad", "CenterCropPad", dict(x=D(4, 5), s=S(3, 7)), own_values=True)
    yield Case("NonMaxSuppression", "NonMaxSuppression", dict(b=D(1, 3, 4, symbols=["n", "k", 4]), s=D(1, 2, 3), m=K([3]), o=K([.5], f32), t=K([-9], f32)),
               types=INT, own_values=True)
    yield Case("DFT", "DFT", dict(x=D(1, 8, 1, symbols=["n", "k", 1]), n=K(6)), opset=17, axis=1, own_values=True)
    yield Case("STFT", "STFT", dict(x=D(1, 16, 1, symbols=["n", "k", 1]), st=K(4), w=D(8), l=K(8)), own_values=True)
    yield Case("HannWindow", "HannWindow", dict(n=K(8)), own_values=True)
    yield Case("MelWeightMatrix", "MelWeightMatrix", dict(b=K(4), n=K(16), r=K(8000), lo=K(0, f32), hi=K(4000, f32)), own_values=True)
    yield Case("LSTM", "LSTM", dict(x=D(4, 2, 3), w=D(1, 8, 3, symbols=[1, 8, "i"]), r=D(1, 8, 2, symbols=[1, 8, 2]), b=None, i=I([4, 2], dtype=np.int32)),
               outputs=2, hidden_size=2, own_values=True)
    yield Case("GRU_reverse", "GRU", dict(x=D(4, 2, 3), w=D(1, 6, 3, symbols=[1, 6, "i"]), r=D(1, 6, 2, symbols=[1, 6, 2]), b=None, i=I([4, 2], dtype=np.int32)),
               outputs=2, hidden_size=2, direction="reverse", own_values=True)
    yield Case("NegativeLogLikelihoodLoss", "NegativeLogLikelihoodLoss", dict(x=D(3, 4), i=I([0, 3, 1])), own_values=True)
    yield Case("SoftmaxCrossEntropyLoss", "SoftmaxCrossEntropyLoss", dict(x=D(3, 4), i=I([0, 3, 1]), w=D(4)), own_values=True)
    yield Case("QuantizeLinear", "QuantizeLinear", dict(x=D(2, 3), s=Operand("D", np.ones(3, f32)), z=Operand("D", np.zeros(3, np.uint8))), types={0: T.UINT8},
               axis=1, own_values=True)
    yield Case("DequantizeLinear", "DequantizeLinear", dict(x=D(2, 3, dtype=np.uint8), s=D(3)), axis=1, own_values=True)
    yield Case("Det", "Det", dict(x=D(2, 3, 3)), own_values=True)
    yield Case("Loop", "", dict(m=K(3), x=D(3, 2)), model=loop)
    yield Case("Loop_growing", "", dict(m=K(3), k=S(0)), model=growing, own_values=True)
    yield Case("Scan", "", dict(s0=D(2), xs=D(3, 2), ys=D(3, 2)), model=scan, own_values=True)
    yield Case("Branch", "", dict(c=K(1), x=D(4, 3), i=I([0, 3, 1, 2])), model=branch)
    yield Case("Attention", "Attention", dict(q=D(1, 2, 3, 4), k=D(1, 2, 5, 4), v=D(1, 2, 5, 4)), opset=23, own_values=True)
    yield Case("RotaryEmbedding", "RotaryEmbedding", dict(x=D(1, 2, 3, 4), c=D(5, 2), s=D(5, 2), i=I([[0, 1, 4]])), opset=23, own_values=True)
