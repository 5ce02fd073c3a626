"""Control flow, functions and pinned values: control_flow.py FOLDER.

Each case runs `onnx-run run --keep-dynamic` and compares with the right values, or
looks for words in the error. Last line: "N passed, N failed".
"""

import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh, parser

FOLDER = sys.argv[1]
os.makedirs(FOLDER, exist_ok=True)
f32 = np.float32
N = h.make_node
results = []


def run(name, model, feeds, want=None, words=None, options=()):
    path, given, out = (os.path.join(FOLDER, file) for file in ("m.onnx", "in.npz", "out.npz"))
    onnx.save(model, path)
    np.savez(given, **feeds)
    if os.path.exists(out):
        os.remove(out)
    command = ["onnx-run", "run", path, "--keep-dynamic", "--input=" + given, "--output=" + out, "--opt-level=1", *options]
    child = subprocess.run(command, capture_output=True, text=True, timeout=120)
    why = None
    if words is not None:
        if not 0 < child.returncode < 64 or words not in child.stderr:
            why = f"exit {child.returncode}, wanted an error with '{words}': {child.stderr}"
    elif child.returncode:
        why = f"exit {child.returncode}: {child.stderr}"
    else:
        got = np.load(out)
        for key, value in want.items():
            value = np.asarray(value)
            if got[key].shape != value.shape or not np.allclose(got[key], value, rtol=1e-4, atol=1e-5, equal_nan=True):
                why = f"{key} is {got[key].tolist()}, wants {value.tolist()}"
    results.append(why is None)
    if why:
        print(f"{name}: {why}")


def text(source):
    return parser.parse_model('<ir_version: 9, opset_import: ["" : 18, "local" : 1]>' + source)


def constant(name, values, dtype=np.int64):
    return N("Constant", [], [name], value=nh.from_array(np.array(values, dtype)))


def graph(nodes, outputs, name="branch"):
    return h.make_graph(nodes, name, [], [h.make_tensor_value_info(o, t, None) for o, t in outputs])


def model(nodes, inputs, outputs, opset=17):
    ins = [h.make_tensor_value_info(*i) for i in inputs]
    outs = [h.make_tensor_value_info(*o) for o in outputs]
    m = h.make_model(h.make_graph(nodes, "g", ins, outs), opset_imports=[h.make_opsetid("", opset)])
    m.ir_version = 8
    return m


# ---- attributes of functions ------------------------------------------------------------------------------------------
x = np.array([-2, 1], f32)
ACT = '<opset_import: ["" : 18], domain: "local"> act <alpha: float = 0.25> (x) => (y) { y = LeakyRelu<alpha: float = @alpha>(x) }'
run("a default", text("g (float[2] x) => (float[2] y) { y = local.act(x) }" + ACT), dict(x=x), dict(y=[-0.5, 1]))
run("a given value and the default side by side",
    text("g (float[2] x) => (float[2] y) { a = local.act<alpha = 0.5>(x) b = local.act(x) y = Add(a, b) }" + ACT), dict(x=x), dict(y=[-1.5, 2]))
run("neither given nor a default: that of the op",
    text('g (float[2] x) => (float[2] y) { y = local.act(x) } <opset_import: ["" : 18], domain: "local"> '
         'act <alpha> (x) => (y) { y = LeakyRelu<alpha: float = @alpha>(x) }'), dict(x=x), dict(y=[-0.02, 1]))
NESTED = ('<opset_import: ["" : 18, "local" : 1], domain: "local"> outer <slope: float = 0.125, beta> (x) => (y) '
          '{ a = local.act<alpha: float = @slope>(x) b = local.act<alpha: float = @beta>(x) y = Add(a, b) }')
run("defaults of two levels", text("g (float[2] x) => (float[2] y) { y = local.outer(x) }" + ACT + NESTED), dict(x=x), dict(y=[-0.75, 2]))
run("values of two levels", text("g (float[2] x) => (float[2] y) { y = local.outer<slope = 1.0, beta = 2.0>(x) }" + ACT + NESTED), dict(x=x), dict(y=[-6, 2]))
run("a Constant's value",
    text('g (float[2] x) => (float[2] y) { y = local.scale<by = 3.0>(x) } <opset_import: ["" : 18], domain: "local"> '
         'scale <by: float = 2.0, to: int = 1> (x) => (y) { c = Constant<value_float: float = @by>() d = Cast<to: int = @to>(c) y = Mul(x, d) }'),
    dict(x=x), dict(y=[-6, 3]))
inner = [graph([N("LeakyRelu", ["x"], ["t"])], [("t", T.FLOAT)]), graph([N("Neg", ["x"], ["e"])], [("e", T.FLOAT)])]
reference = inner[0].node[0].attribute.add()
reference.name, reference.ref_attr_name, reference.type = "alpha", "alpha", onnx.AttributeProto.FLOAT
body = h.make_function("local", "gate", ["x", "c"], ["y"], [N("If", ["c"], ["y"], then_branch=inner[0], else_branch=inner[1])],
                       [h.make_opsetid("", 18)], [], [h.make_attribute("alpha", 0.5)])
m = h.make_model(h.make_graph([N("gate", ["x", "c"], ["y"], domain="local")], "g",
                              [h.make_tensor_value_info("x", T.FLOAT, [2]), h.make_tensor_value_info("c", T.BOOL, [])],
                              [h.make_tensor_value_info("y", T.FLOAT, [2])]),
                 functions=[body], opset_imports=[h.make_opsetid("", 18), h.make_opsetid("local", 1)])
m.ir_version = 9
run("in a branch of a function", m, dict(x=x, c=np.array(True)), dict(y=[-1, 1]))
run("the other branch", m, dict(x=x, c=np.array(False)), dict(y=[2, -1]))


# ---- branches -------------------------------------------------------------------------------------------------------------
def squeezed(dims, after, outputs, axis=-1):
    """x.squeeze(axis) of a dim that the exporter did not know."""
    then = graph([constant("ax", [axis]), N("Squeeze", ["x", "ax"], ["sq"])], [("sq", T.FLOAT)])
    other = graph([N("Identity", ["x"], ["id"])], [("id", T.FLOAT)])
    nodes = [constant("at", [axis]), constant("one", [1]), N("Shape", ["x"], ["s"]), N("Gather", ["s", "at"], ["d"]),
             N("Equal", ["d", "one"], ["c"]), N("If", ["c"], ["o"], name="squeeze", then_branch=then, else_branch=other)]
    return model(nodes + after, [("x", T.FLOAT, dims)], outputs)


total = [N("ReduceSum", ["o"], ["y"], keepdims=0)]
for dims in ([1, 6], [6, 1], ["a", "b"], ["a", 1], ["a", 6]):
    for shape in ((1, 6), (6, 1), (2, 6)):
        if all(isinstance(d, str) or d == s for d, s in zip(dims, shape)):
            run(f"a sum behind both ranks, {dims} at {shape}", squeezed(dims, total, [("y", T.FLOAT, [])]), dict(x=np.ones(shape, f32)), dict(y=np.prod(shape)))
behind = [N("Relu", ["o"], ["r"]), N("Add", ["r", "o"], ["t"]), N("Shape", ["t"], ["u"]), N("Size", ["u"], ["rank"]), N("ReduceMax", ["t"], ["y"], keepdims=0)]
m = squeezed(["a", "b"], behind, [("y", T.FLOAT, []), ("rank", T.INT64, [])])
run("several ops behind both ranks: the lower", m, dict(x=np.full((3, 1), 2, f32)), dict(y=4, rank=1))
run("several ops behind both ranks: the higher", m, dict(x=np.full((3, 2), 2, f32)), dict(y=4, rank=2))
line = squeezed(["a", "b", "c"], [N("Transpose", ["o"], ["y"], perm=[1, 0])], [("y", T.FLOAT, None)])
v = np.arange(6, dtype=f32).reshape(2, 3, 1)
run("a consumer of one rank", line, dict(x=v), dict(y=v[..., 0].T))
run("a consumer of the other rank than the dims have", line, dict(x=np.ones((2, 3, 2), f32)), words="squeeze")

# A squeeze that names no axes drops what is 1 in the run.
for dims in (["a", 1], ["a", "b"], [1, "a", 1, "b"]):
    plain = [N("Squeeze", ["x"], ["o"], name="squeeze")]
    m = model(plain + total, [("x", T.FLOAT, dims)], [("y", T.FLOAT, [])])
    for shape in ((1, 1), (6, 1), (2, 3)):
        if len(dims) == 4:
            shape = (1, shape[0], 1, shape[1])
        if all(isinstance(d, str) or d == s for d, s in zip(dims, shape)):
            run(f"a squeeze of what is 1, {dims} at {shape}", m, dict(x=np.ones(shape, f32)), dict(y=np.prod(shape)))
    for rank in (0, 1):
        m = model(plain + [N("Sigmoid", ["o"], ["y"])], [("x", T.FLOAT, dims)], [("y", T.FLOAT, ["n"] * rank)])
        if dims == ["a", 1]:
            run(f"an output of rank {rank} decides what is squeezed", m, dict(x=np.zeros((3 if rank else 1, 1), f32)), dict(y=np.full([3] * rank, 0.5)))
            run(f"sizes that give another rank than {rank}", m, dict(x=np.zeros((1 if rank else 3, 1), f32)), words="squeeze")

# Behind the first of two dims that are 1 no op takes what is left: that branch is not the model's.
best = model([N("Squeeze", ["x"], ["o"], name="squeeze"), constant("k", [2]), N("TopK", ["o", "k"], ["v", "y"], axis=-1)],
             [("x", T.FLOAT, ["a", 1, "b"])], [("y", T.INT64, [3, 2])])
v = np.array([3, 1, 2, 0] * 3, f32).reshape(3, 1, 4)
run("declared dims decide between nested ranks", best, dict(x=v), dict(y=[[0, 2]] * 3))
run("sizes that give another rank than those", best, dict(x=v[:1]), words="squeeze")

whole = squeezed(["a", "b"], [N("Identity", ["o"], ["y"])], [("y", T.FLOAT, ["n"])])
run("the rank of an output decides", whole, dict(x=np.ones((3, 1), f32)), dict(y=np.ones(3)))

dead = graph([constant("ax", [0]), N("Squeeze", ["x", "ax"], ["sq"]), constant("shape", [7]), N("Reshape", ["sq", "shape"], ["t"])], [("t", T.FLOAT)])
alive = graph([N("Neg", ["x"], ["e"])], [("e", T.FLOAT)])
m = model([N("If", ["c"], ["y"], name="gate", then_branch=dead, else_branch=alive)], [("c", T.BOOL, []), ("x", T.FLOAT, [2, 3])], [("y", T.FLOAT, [2, 3])])
run("a branch that contradicts itself and does not run", m, dict(c=np.array(False), x=np.ones((2, 3), f32)), dict(y=-np.ones((2, 3))))
run("a branch that contradicts itself and would run", m, dict(c=np.array(True), x=np.ones((2, 3), f32)), words="gate")

# Results that are views: of an input, a constant, a value that is used later.
rows = np.arange(12, dtype=f32).reshape(4, 3)
for then, other, label in (
        ([N("Slice", ["x", "one", "three", "axis"], ["t"])], [N("Slice", ["w", "zero", "one", "axis"], ["e"])], "slices of an input and of a constant"),
        ([N("Slice", ["r", "one", "three", "rows"], ["t"])], [N("Slice", ["r", "zero", "one", "rows"], ["e"])], "slices of a value that is used later"),
        ([N("Transpose", ["r"], ["t"])], [N("Identity", ["r"], ["e"])], "a transpose and the value itself")):
    nodes = [constant("zero", [0]), constant("one", [1]), constant("three", [3]), constant("axis", [1]), constant("rows", [0]),
             N("Constant", [], ["w"], value=nh.from_array(rows * 10)), N("Relu", ["x"], ["r"]),
             N("If", ["c"], ["o"], then_branch=graph(then, [("t", T.FLOAT)]), else_branch=graph(other, [("e", T.FLOAT)])),
             N("Add", ["o", "o"], ["y"]), N("Add", ["r", "x"], ["z"]), N("Identity", ["o"], ["raw"])]
    m = model(nodes, [("c", T.BOOL, []), ("x", T.FLOAT, ["n", 3])], [("y", T.FLOAT, None), ("z", T.FLOAT, None), ("raw", T.FLOAT, None)])
    for c in (True, False):
        source = rows if "later" in label or "itself" in label or c else rows * 10
        o = (source.T if c else source) if "transpose" in label else source[1:3] if "later" in label and c else source[:1] if "later" in label else source[:, 1:3] if c else source[:, :1]
        run(f"{label}, {c}", m, dict(c=np.array(c), x=rows), dict(y=2 * o, z=2 * rows, raw=o))

# A result that is the memory of one branch or the other, kept while other values come and go.
kept = [N("Abs", ["k"], ["v"]),
        N("If", ["c"], ["y"], then_branch=graph([N("Sub", ["v", "v"], ["t"])], [("t", T.INT64)]), else_branch=graph([N("Identity", ["v"], ["e"])], [("e", T.INT64)])),
        N("Softmax", ["x"], ["s"], axis=1), N("Transpose", ["s"], ["u"]), N("MatMul", ["s", "u"], ["p"]), N("MatMul", ["p", "s"], ["q"]),
        N("Softmax", ["q"], ["z"], axis=0)]
for dims in ([4, 3], ["n", 3]):
    m = model(kept, [("c", T.BOOL, []), ("x", T.FLOAT, dims), ("k", T.INT64, dims)], [("y", T.INT64, dims), ("z", T.FLOAT, dims)])
    s = np.exp(rows) / np.exp(rows).sum(1, keepdims=True)
    q = np.exp(s @ s.T @ s)
    for c in (True, False):
        run(f"memory of one branch or the other, {dims}, {c}", m, dict(c=np.array(c), x=rows, k=-np.arange(12).reshape(4, 3)),
            dict(y=0 * rows if c else rows, z=q / q.sum(0)))

# A loop that carries a slice of what it carries.
loop = h.make_graph([constant("k0", [0]), constant("k1", [1]), N("Slice", ["a", "k1", "end", "k0"], ["b"]), N("Identity", ["going"], ["on"])], "body",
                    [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("going", T.BOOL, []), h.make_tensor_value_info("a", T.FLOAT, None)],
                    [h.make_tensor_value_info("on", T.BOOL, []), h.make_tensor_value_info("b", T.FLOAT, None)])
m = model([constant("trips", 2), constant("end", [100]), N("Loop", ["trips", "", "x"], ["y"], body=loop)], [("x", T.FLOAT, ["n", 3])], [("y", T.FLOAT, ["m", 3])])
run("a loop that drops a row in each trip", m, dict(x=rows), dict(y=rows[2:]))


def doubled(depth):
    """A body that doubles what it carries, in loops of two trips, `depth` deep."""
    nodes = [N("Loop", ["two", "", "v"], ["w"], body=doubled(depth - 1))] if depth else [N("Concat", ["v", "v"], ["w"], axis=0)]
    return h.make_graph([*nodes, N("Identity", ["going"], ["on"])], "body",
                        [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("going", T.BOOL, []), h.make_tensor_value_info("v", T.FLOAT, [None])],
                        [h.make_tensor_value_info("on", T.BOOL, []), h.make_tensor_value_info("w", T.FLOAT, [None])])


for depth in (0, 2):
    for dims in ([3], ["n"]):
        m = model([constant("two", 2), N("Loop", ["two", "", "x"], ["y"], body=doubled(depth))], [("x", T.FLOAT, dims)], [("y", T.FLOAT, None)])
        run(f"a loop that doubles {dims}, {depth} deep", m, dict(x=rows[0]), dict(y=np.tile(rows[0], 2 ** 2 ** (depth + 1))))

# Carried values in the memory of one another: a loop writes each where the one of the last trip lay.
for label, nodes, first, second in (
        ("swaps two", "u = Identity(q) v = Identity(p)", lambda p, q: q, lambda p, q: p),
        ("swaps two with a sum", "u = Identity(q) v = Add(p, q)", lambda p, q: q, lambda p, q: p + q),
        ("carries one value as two", "u = Max(p, p) v = Identity(u)", lambda p, q: p, lambda p, q: p),
        ("keeps what it updates", "u = ScatterElements(p, at, new) v = Identity(p)", lambda p, q: np.r_[9, p[1:]], lambda p, q: p),
        ("sums what it carries", "u = CumSum(p, first) v = Add(p, q)", lambda p, q: np.cumsum(p), lambda p, q: p + q),
        ("swaps two views", "s = Reshape(q, flat) u = Reshape(s, all) t = Reshape(p, flat) v = Reshape(t, all)", lambda p, q: q, lambda p, q: p)):
    m = text("g (float[3] a, float[3] b) => (float[3] x, float[3] y) "
             "<int64 n = {3}, bool c = {1}, int64 first = {0}, int64[1] at = {0}, float[1] new = {9}, int64[2] flat = {1, 3}, int64[1] all = {3}> "
             "{ x, y = Loop (n, c, a, b) <body: graph = body (int64 i, bool k, float[3] p, float[3] q) => (bool on, float[3] u, float[3] v) "
             "{ on = Identity(k) " + nodes + " }> }")
    p, q = given = np.array([1, 2, 3], f32), np.array([4, 5, 6], f32)
    for _ in range(3):
        p, q = first(p, q), second(p, q)
    run("a loop that " + label, m, dict(a=given[0], b=given[1]), dict(x=p, y=q))

# An inner loop (CumSum) makes the next value while the one of this trip is still to be stacked.
m = text("g (float[3] a) => (float[3] x, float[3, 3] y) <int64 n = {3}, bool c = {1}, int64 first = {0}> "
         "{ x, y = Loop (n, c, a) <body: graph = body (int64 i, bool k, float[3] p) => (bool on, float[3] u, float[3] v) "
         "{ on = Identity(k) u = CumSum(a, first) v = Identity(p) }> }")
a = np.array([1, 2, 3], f32)
run("a loop that stacks what it had before an inner loop", m, dict(a=a), dict(x=a.cumsum(), y=[a, a.cumsum(), a.cumsum()]))

# What a body declares of its inputs holds in the first trip alone: exporters write the dims of their example.
for first, shape in ((0, [0, 3]), (2, [2, 3])):
    body = h.make_graph([N("Concat", ["a", "x"], ["b"], axis=0), N("Identity", ["going"], ["on"])], "body",
                        [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("going", T.BOOL, []), h.make_tensor_value_info("a", T.FLOAT, shape)],
                        [h.make_tensor_value_info("on", T.BOOL, []), h.make_tensor_value_info("b", T.FLOAT, [first + 1, 3])])
    for trips in (["trips"], [], ["m"]):
        nodes = [constant("trips", 3), N("Loop", [*(trips or ["trips"]), "", "start"], ["y"], body=body)]
        m = model(nodes, [("x", T.FLOAT, ["n", 3] if trips else [4, 3]), ("start", T.FLOAT, shape)] + [("m", T.INT64, [])] * (trips == ["m"]), [("y", T.FLOAT, ["k", 3])])
        start = np.full((first, 3), 5, f32)
        run(f"a state that grows from {first} rows, trips {trips}", m, dict(x=rows, start=start, **(dict(m=np.array(3)) if trips == ["m"] else {})),
            dict(y=np.concatenate([start, rows, rows, rows])))

# A carried value that is stacked too, and changed behind the loop: the stack keeps it.
for going in ("", "c"):
    m = text("g (float[n] a, bool c) => (float[n] y, float[k, n] all) <int64 trips = {3}, int64[1] at = {0}, float[1] new = {9}> "
             "{ last, all = Loop (trips, " + (going or '""') + ", a) <body: graph = body (int64 i, bool k, float[n] p) => (bool on, float[n] u, float[n] s) "
             "{ on = Identity(k) u = Add(p, p) s = Identity(u) }> y = ScatterElements(last, at, new) }")
    run("a stacked value that is changed later, " + (going or "counted"), m, dict(a=np.array([1, 2], f32), c=np.array(True)),
        dict(y=[9, 16], all=[[2, 4], [4, 8], [8, 16]]))

# ---- pinned values ----------------------------------------------------------------------------------------------------------
m = model([N("Reshape", ["x", "shape"], ["r"]), N("Mul", ["r", "by"], ["y"])],
          [("x", T.FLOAT, [2, 3]), ("shape", T.INT64, ["rank"]), ("by", T.FLOAT, [])], [("y", T.FLOAT, None)])
pins = ("--value=shape=3,2", "--value", "by=0.5")
run("values of two inputs", m, dict(x=np.ones((2, 3), f32)), dict(y=np.full((3, 2), 0.5)), options=pins)
run("given all the same", m, dict(x=np.ones((2, 3), f32), by=f32(7)), dict(y=np.full((3, 2), 0.5)), options=pins)
run("of no input", m, {}, words="--value size: the model has no such input; its inputs are x shape by", options=("--value=size=1",))
run("of another type", m, {}, words="--value shape: got '1.5', wanted an integer that INT64 holds", options=("--value=shape=1.5",))
run("of another number", m, {}, words="--value by: got 2 elements, wanted 1", options=("--value=by=1,2",))
run("no number", m, {}, words="--value by: got 'half', wanted a number", options=("--value=by=half",))
run("nothing", m, {}, words="--value: got 'by', wanted INPUT=V,...", options=("--value=by",))
run("too large for its type", model([N("Neg", ["x"], ["y"])], [("x", T.INT8, [])], [("y", T.INT8, [])]), {},
    words="--value x: got '128', wanted an integer that INT8 holds", options=("--value=x=128",))
run("a condition", m := model([N("If", ["c"], ["y"], then_branch=dead, else_branch=alive)], [("c", T.BOOL, []), ("x", T.FLOAT, [2, 3])], [("y", T.FLOAT, [2, 3])]),
    dict(x=np.ones((2, 3), f32)), dict(y=-np.ones((2, 3))), options=("--value=c=false",))
run("no condition", m, {}, words="--value c: got 'no', wanted true or false", options=("--value=c=no",))

# ---- what is stacked has sizes that lowering finds out ---------------------------------------------------------------------
squeezes = [N("Squeeze", ["w", "x"], ["v"]), N("Identity", ["s"], ["t"])]
w = nh.from_array(np.array([[1], [2], [1.5]], f32), "w")
info = lambda name, kind, shape: h.make_tensor_value_info(name, kind, shape)
body = h.make_graph(squeezes, "body", [info("s", T.FLOAT, [2]), info("e", T.FLOAT, [1])], [info("t", T.FLOAT, [2]), info("v", T.FLOAT, ["k"])])
m = model([N("Scan", ["start", "w"], ["end", "y"], body=body, num_scan_inputs=1)], [("x", T.INT64, [1])], [("end", T.FLOAT, [2]), ("y", T.FLOAT, [3, "k"])])
m.graph.initializer.extend([w, nh.from_array(np.array([4, 5], f32), "start")])
run("a scan of what is squeezed in the run", m, dict(x=[1]), dict(end=[4, 5], y=[[1, 2, 1.5]] * 3))
inside = [N("Identity", ["go"], ["on"]), *squeezes]
body = h.make_graph(inside, "body", [info("i", T.INT64, []), info("go", T.BOOL, []), info("s", T.FLOAT, [2])],
                    [info("on", T.BOOL, []), info("t", T.FLOAT, [2]), info("v", T.FLOAT, ["k"])])
m = model([N("Loop", ["n", "", "start"], ["end", "y"], body=body)], [("x", T.INT64, [1]), ("n", T.INT64, [])], [("end", T.FLOAT, [2]), ("y", T.FLOAT, ["n", "k"])])
m.graph.initializer.extend([w, nh.from_array(np.array([4, 5], f32), "start")])
run("a loop of what is squeezed in the run", m, dict(x=[1], n=np.int64(2)), dict(end=[4, 5], y=[[1, 2, 1.5]] * 2))

m = model([N("Mul", ["x", "w"], ["y"])], [("x", T.FLOAT, [2]), ("w", T.FLOAT, [2])], [("y", T.FLOAT, [2])])
m.graph.initializer.append(nh.from_array(np.array([2, 3], f32), "w"))
run("an initializer that is an input is frozen", m, dict(x=np.ones(2, f32)), dict(y=[2, 3]))
run("kept as an input", m, dict(x=np.ones(2, f32), w=np.array([5, 7], f32)), dict(y=[5, 7]), options=("--keep-initializer-inputs",))
run("kept, and a value", m, dict(x=np.ones(2, f32)), dict(y=[4, 4]), options=("--keep-initializer-inputs", "--value=w=4,4"))
m.ir_version = 3
run("in an old version all weights are inputs", m, {}, words="the model has IR version 3, which lists every weight as an input", options=("--keep-initializer-inputs",))

print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
