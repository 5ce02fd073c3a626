"""Models in which a view, an update in place or another layout could give a wrong number: values.py [NAME...]

Each is run with its dims known and unknown, as it is and with --no-reuse; the right values come from numpy.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F, I = np.float32, np.int64
N = helper.make_node
nan, inf = np.nan, np.inf


def ramp(*shape):
    return (np.arange(np.prod(shape), dtype=F).reshape(shape) - 3) / 4


MODELS = {}


def model(name, nodes, feeds, wanted, consts=None, opset=19):
    """wanted: outputs in the model's order, by name."""
    MODELS[name] = (nodes, feeds, wanted, consts or {}, opset)


# ---- views of run-time length that are outputs, or are read as if their rows followed each other
x = ramp(4, 6)
model("columns", [N("Slice", ["x", "z", "n", "one"], ["y"])], dict(x=x, n=np.array([4])), dict(y=x[:, :4]), dict(z=[0], one=[1]))
model("columns_read_too", [N("Slice", ["x", "z", "n", "one"], ["y"]), N("Relu", ["y"], ["r"])], dict(x=x, n=np.array([4])),
      dict(r=np.maximum(x[:, :4], 0), y=x[:, :4]), dict(z=[0], one=[1]))
model("middle", [N("Slice", ["x", "s", "n", "one"], ["y"])], dict(x=x, s=np.array([1]), n=np.array([5])), dict(y=x[:, 1:5]), dict(one=[1]))
model("every_second_row", [N("Slice", ["x", "z2", "n", "both", "st"], ["y"])], dict(x=x, n=np.array([4, 6])), dict(y=x[0:4:2]),
      dict(z2=[0, 0], both=[0, 1], st=[2, 1]))
model("every_third_column", [N("Slice", ["x", "z2", "n", "both", "st"], ["y"])], dict(x=x, n=np.array([3, 6])), dict(y=x[0:3, ::3]),
      dict(z2=[0, 0], both=[0, 1], st=[1, 3]))
model("parts", [N("Split", ["x", "s"], ["a", "b", "c"], axis=1)], dict(x=x, s=np.array([1, 3, 2])), dict(a=x[:, :1], b=x[:, 1:4], c=x[:, 4:]))
model("part_of_a_part", [N("Split", ["x", "s"], ["a", "b"], axis=1), N("Slice", ["b", "z", "n", "one"], ["y"]), N("Unsqueeze", ["y", "z"], ["u"])],
      dict(x=x, s=np.array([2, 4]), n=np.array([3])), dict(u=x[None, :, 2:5], y=x[:, 2:5], a=x[:, :2]), dict(z=[0], one=[1]))
x3 = ramp(2, 3, 4)
model("inner_of_three", [N("Slice", ["x", "z", "n", "one"], ["y"]), N("Reshape", ["y", "flat"], ["f"])], dict(x=x3, n=np.array([2])),
      dict(y=x3[:, :2], f=x3[:, :2].reshape(-1)), dict(z=[0], one=[1], flat=[-1]))
model("cut_and_turned", [N("Slice", ["x", "z", "n", "two"], ["y"]), N("Transpose", ["y"], ["t"], perm=[2, 0, 1])], dict(x=x3, n=np.array([3])),
      dict(t=x3[:, :, :3].transpose(2, 0, 1), y=x3[:, :, :3]), dict(z=[0], two=[2]))
model("backwards_over_nothing", [N("Slice", ["x", "s", "e", "one", "n"], ["y"])],
      dict(x=ramp(2, 0), s=np.array([0]), e=np.array([-9]), n=np.array([-1])), dict(y=ramp(2, 0)), dict(one=[1]))
model("start_behind_the_axis", [N("Slice", ["x", "b", "e", "one"], ["y"])], dict(x=x, e=np.array([9])), dict(y=x[:, 6:]), dict(b=[6], one=[1]))

# ---- updates of what is read later, is an output, or an input
u = np.array([[10, 20]], F)
xs = ramp(3, 2)
z = xs.copy()
z[1] = u[0]
r, rz = np.maximum(xs, 0), np.maximum(xs, 0)
rz[1] = u[0]
scatter = N("ScatterND", ["y", "i", "u"], ["z"])
for order in ("zy", "yz"):
    want = dict(z=rz, y=r)
    model("scatter_" + order, [N("Relu", ["x"], ["y"]), scatter], dict(x=xs, u=u), {k: want[k] for k in order}, dict(i=[[1]]))
model("scatter_reshaped", [N("Relu", ["x"], ["y"]), scatter, N("Reshape", ["y", "flat"], ["f"])], dict(x=xs, u=u), dict(z=rz, f=r.reshape(-1)),
      dict(i=[[1]], flat=[6]))
model("scatter_and_the_part", [N("Relu", ["x"], ["y"]), scatter, N("Split", ["y"], ["a", "b"], axis=1, num_outputs=2)], dict(x=xs, u=u),
      dict(z=rz, a=r[:, :1], b=r[:, 1:]), dict(i=[[1]]))
model("scatter_into_input", [N("ScatterND", ["x", "i", "u"], ["z"]), N("Neg", ["x"], ["n"])], dict(x=xs, u=u), dict(z=z, n=-xs), dict(i=[[1]]))
zz = rz.copy()
zz[0] += u[0]
model("scatter_twice", [N("Relu", ["x"], ["y"]), scatter, N("ScatterND", ["z", "j", "u"], ["w"], reduction="add")], dict(x=xs, u=u),
      dict(w=zz, y=r, z=rz), dict(i=[[1]], j=[[0]]))
model("scatter_from_itself", [N("Relu", ["x"], ["y"]), N("Slice", ["y", "z0", "z1"], ["p"]), N("ScatterND", ["y", "i", "p"], ["z"]), N("Add", ["p", "p"], ["q"])],
      dict(x=xs), dict(z=np.concatenate([r[:2], r[:1]]), q=2 * r[:1], y=r), dict(i=[[2]], z0=[0], z1=[1]))
model("scatter_elements_add", [N("Relu", ["x"], ["y"]), N("ScatterElements", ["y", "i", "u"], ["z"], axis=0, reduction="add")], dict(x=xs, u=u),
      dict(z=r + np.array([[10, 20], [0, 0], [0, 0]], F), y=r), dict(i=[[0, 0]]))
x64 = np.array([-15, -0.5, 2])
model("selu", [N("Selu", ["x"], ["y"])], dict(x=x64),
      dict(y=1.05070102214813232421875 * np.where(x64 > 0, x64, 1.67326319217681884765625 * np.expm1(x64))))
then = helper.make_graph([N("ScatterND", ["y", "i", "u"], ["t"])], "t", [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, [None, None])])
other = helper.make_graph([N("Identity", ["y"], ["e"])], "e", [], [helper.make_tensor_value_info("e", TensorProto.FLOAT, [None, None])])
for c in (True, False):
    model(f"scatter_in_a_branch_{c}", [N("Relu", ["x"], ["y"]), N("If", ["c"], ["z"], then_branch=then, else_branch=other), N("ScatterND", ["y", "j", "u"], ["w"])],
          dict(x=xs, u=u, c=np.array(c)), dict(w=np.concatenate([u, r[1:]]), z=rz if c else r, y=r), dict(i=[[1]], j=[[0]]))
body = helper.make_graph(
    [N("ScatterND", ["v", "i", "u"], ["s"]), N("Neg", ["s"], ["v2"]), N("Identity", ["k"], ["k2"]), N("Identity", ["v"], ["old"])], "b",
    [helper.make_tensor_value_info("t", TensorProto.INT64, []), helper.make_tensor_value_info("k", TensorProto.BOOL, []),
     helper.make_tensor_value_info("v", TensorProto.FLOAT, [None, None])],
    [helper.make_tensor_value_info("k2", TensorProto.BOOL, []), helper.make_tensor_value_info("v2", TensorProto.FLOAT, [None, None]),
     helper.make_tensor_value_info("old", TensorProto.FLOAT, [None, None])])
steps, v = [], r
for _ in range(3):
    steps.append(v)
    v = v.copy()
    v[1] = u[0]
    v = -v
model("scatter_in_a_loop", [N("Relu", ["x"], ["y"]), N("Loop", ["m", "", "y"], ["z", "all"], body=body)], dict(x=xs, u=u),
      dict(z=v, y=r, all=np.stack(steps)), dict(i=[[1]], m=np.int64(3)))
cache, new = ramp(1, 1, 4, 2), ramp(1, 1, 1, 2) + 9
kv = cache.copy() * 2
kv[0, 0, 2] = new[0, 0, 0]
model("cache", [N("Add", ["x", "x"], ["c"]), N("TensorScatter", ["c", "n", "at"], ["z"], axis=-2)], dict(x=cache, n=new, at=np.array([2])), dict(z=kv, c=2 * cache), opset=24)
model("twice", [N("Relu", ["x"], ["y"]), N("Identity", ["y"], ["z"])], dict(x=xs), dict(z=r, y=r))

# ---- NaN
odd = np.array([1, nan, 3, 5, nan, 2], F)
model("largest_with_nan", [N("TopK", ["x", "k"], ["v", "i"], axis=0)], dict(x=odd), dict(v=np.array([nan, nan, 5, 3], F), i=np.array([1, 4, 3, 2])), dict(k=[4]))
model("smallest_with_nan", [N("TopK", ["x", "k"], ["v", "i"], axis=0, largest=0)], dict(x=odd), dict(v=np.array([1, 2, 3, 5, nan], F), i=np.array([0, 5, 2, 3, 1])), dict(k=[5]))
model("unique_with_nan", [N("Unique", ["x"], ["y", "i", "j", "c"])], dict(x=odd),
      dict(y=np.array([1, 2, 3, 5, nan], F), i=np.array([0, 5, 2, 3, 1]), j=np.array([0, 4, 2, 3, 4, 1]), c=np.array([1, 1, 1, 1, 2])))
model("extremes_with_nan", [N("ArgMax", ["x"], ["a"], axis=0), N("ArgMin", ["x"], ["b"], axis=0), N("ReduceMax", ["x"], ["c"], keepdims=0),
                            N("ReduceMin", ["x"], ["d"], keepdims=0)], dict(x=odd), dict(a=np.array([1]), b=np.array([1]), c=F(nan), d=F(nan)))
both = np.array([nan, 1, -1, nan], F)
one = np.array([1, nan, 0, nan], F)
model("pairs_with_nan", [N("Max", ["x", "y"], ["a"]), N("Min", ["x", "y"], ["b"]), N("Less", ["x", "y"], ["c"]), N("GreaterOrEqual", ["x", "y"], ["d"]),
                         N("Equal", ["x", "y"], ["e"]), N("Relu", ["x"], ["f"]), N("Clip", ["x", "lo", "hi"], ["g"]), N("Sign", ["x"], ["h"])],
      dict(x=both, y=one), dict(a=np.maximum(both, one), b=np.minimum(both, one), c=both < one, d=both >= one, e=both == one, f=np.maximum(both, F(0)),
                                g=np.clip(both, F(0), F(.5)), h=np.sign(both)), dict(lo=F(0), hi=F(.5)))
kept = np.array([nan, -1, 2, -inf], F)
model("relu_of_a_constant_with_nan", [N("Relu", ["c"], ["r"]), N("Identity", ["r"], ["y"]), N("Neg", ["x"], ["n"])], dict(x=odd), dict(y=np.maximum(kept, F(0)), n=-odd), dict(c=kept))
most = np.finfo(F).max
model("infinities_come_down_to_bounds", [N("Clip", ["x", "lo"], ["a"]), N("Clip", ["x", "", "hi"], ["b"]), N("Clip", ["x"], ["c"])], dict(x=np.array([inf, -inf, 1, nan], F)),
      dict(a=np.array([most, 0, 1, nan], F), b=np.array([.5, -most, .5, nan], F), c=np.array([most, -most, 1, nan], F)), dict(lo=F(0), hi=F(.5)))

# ---- negative pads
def padded(x, low, high, value=0):
    n = len(x)
    return np.array([x[i - low] if 0 <= i - low < n else value for i in range(max(n + low + high, 0))], F)


v3 = np.array([1, 2, 3], F)
for low, high in ((-4, 2), (2, -4), (-1, 3), (3, -1), (-1, -1), (-3, 0), (-2, 5), (-5, 6), (4, -6)):
    for how in ("static", "run_time"):
        p = dict(p=np.array([low, high]))
        model(f"pads_{low}_{high}_{how}", [N("Pad", ["x", "p", "c"], ["y"])], dict(x=v3, **({} if how == "static" else p)), dict(y=padded(v3, low, high, 7)),
              dict(c=F(7), **(p if how == "static" else {})))
for mode in ("edge", "reflect", "wrap"):
    cut = v3[1:]
    want = dict(edge=[2, 3, 3], reflect=[2, 3, 2], wrap=[2, 3, 2])[mode]
    model(f"cut_and_{mode}", [N("Pad", ["x", "p"], ["y"], mode=mode)], dict(x=v3), dict(y=np.array(want, F)), dict(p=[-1, 1]))
model("pads_two_axes", [N("Pad", ["x", "p", "c"], ["y"])], dict(x=x), dict(y=np.pad(x[1:, :4], ((0, 2), (1, 0)), constant_values=7)), dict(p=[-1, 1, 2, -2], c=F(7)))

# ---- constants of lower rank beside channels-last computation; sizes that are equal hide a wrong order
for c, h, w in ((4, 5, 6), (4, 4, 4), (1, 4, 4)):
    image = ramp(2, c, h, w)
    for rank, shape in (("scalar", ()), ("w", (w,)), ("h1", (h, 1)), ("hw", (h, w)), ("c11", (c, 1, 1)), ("chw", (c, h, w)), ("splat", (c, 1, 1)), ("1c11", (1, c, 1, 1))):
        if c == 1 and rank not in ("c11", "chw"):
            continue
        k = np.full(shape, 2, F) if rank == "splat" else ramp(*shape)
        for order in (["g", "d"], ["d", "g"]):
            want = k - image if order[0] == "g" else image - k
            model(f"layout_{c}{h}{w}_{rank}_{''.join(order)}",
                  [N("Conv", ["x", "k"], ["d"]), N("Sub", order, ["e"]), N("Conv", ["e", "k"], ["f"]), N("Mul", ["g", "x"], ["o"])], dict(x=image),
                  dict(f=want, o=k * image), dict(k=np.eye(c, dtype=F).reshape(c, c, 1, 1), g=k))
image = ramp(1, 3, 4, 4)
model("layout_where_clip", [N("Conv", ["x", "k"], ["d"]), N("Where", ["m", "g", "d"], ["e"]), N("PRelu", ["e", "s"], ["p"]), N("Concat", ["p", "t"], ["q"], axis=1), N("GlobalAveragePool", ["q"], ["f"])],
      dict(x=image), dict(f=np.concatenate([(lambda e: np.where(e < 0, e * ramp(3, 1, 1), e))(np.where(np.eye(4, dtype=bool), ramp(3, 1, 1), image)), ramp(1, 2, 4, 4)], 1).mean((2, 3), keepdims=True)),
      dict(k=np.eye(3, dtype=F).reshape(3, 3, 1, 1), m=np.eye(4, dtype=bool), g=ramp(3, 1, 1), s=ramp(3, 1, 1), t=ramp(1, 2, 4, 4)))


def write(folder, graph, feeds, wanted, opset):
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    m.ir_version = 10
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(m, folder / "model.onnx")
    close = 1e-12 if any(np.asarray(v).dtype == np.float64 for v in wanted.values()) else 1e-6
    (folder / "data.json").write_text(json.dumps({"rtol": close, "atol": close}))
    for kind, arrays in (("input", feeds), ("output", wanted)):
        for i, (k, v) in enumerate(arrays.items()):
            (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(v), k).SerializeToString())


def make(name, folder):
    """The model of that name with its dims unknown, and with them known where they do not depend on what an input holds."""
    nodes, feeds, wanted, consts, opset = MODELS[name]
    info = lambda k, v, dims: helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(np.asarray(v).dtype), dims)
    numbers = [k for k in ("n", "s", "e", "p") if k in feeds]
    for static in (False, True) if name == "cache" or not numbers else (False,):
        ins = [info(k, v, np.shape(v) if static or np.asarray(v).dtype == I else [None] * np.ndim(v)) for k, v in feeds.items()]
        graph = helper.make_graph(nodes, "g", ins, [info(k, v, [None] * np.ndim(v)) for k, v in wanted.items()],
                                  [numpy_helper.from_array(np.asarray(v), k) for k, v in consts.items()])
        write(folder / f"{name}{'_static' if static else ''}", graph, feeds, wanted, opset)


def main():
    with tempfile.TemporaryDirectory() as work:
        for name in sys.argv[1:] or MODELS:
            make(name, pathlib.Path(work))
        done = subprocess.run(["onnx-run", "testcase", work, "--compare-no-reuse", "--jobs", str(os.cpu_count())], stdout=subprocess.PIPE, text=True)
        print("\n".join(line for line in done.stdout.splitlines() if not line.startswith("passed ")))


main()
