"""Compiles and runs models of odd shapes, and compares with ONNX Runtime: odd.py [NAME...]

A model is text in the form of onnx.parser, with every dim left unknown that
the text leaves unknown, and the inputs of each run.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

F, I = np.float32, np.int64


def ramp(*shape, dtype=F):
    return (np.arange(np.prod(shape), dtype=dtype).reshape(shape) + 1) / (4 if dtype == F else 1)


GROW = """g (float[N] x, int64 m, bool c) => (float[K,L] rows, float[M] last) {
  last, rows = Loop (m, c, x) <body: graph = b (int64 i, bool ci, float[P] v) => (bool co, float[Q] w, float[R] r) {
    one = Constant <value = int64[1] {1}> ()
    many = Constant <value = int64[1] {100}> ()
    half = Constant <value = float {0.5}> ()
    co = Identity (ci)
    w = Mul (v, half)
    r = Slice (v, one, many)
  }>
}"""

# The condition ends the loop; the carried value grows in every trip.
WHILE = """g (float[N] x) => (float[M] last, int64[K] trips) {
  c = Constant <value = bool {1}> ()
  last, trips = Loop (, c, x) <body: graph = b (int64 i, bool ci, float[P] v) => (bool co, float[Q] w, int64 t) {
    limit = Constant <value = int64 {40}> ()
    w = Concat <axis = 0> (v, v)
    n = Size (w)
    co = Less (n, limit)
    t = Identity (i)
  }>
}"""

SCAN = """g (float[B] s, float[T,B] x) => (float[B] last, float[T,C] y) {
  last, y = Scan <num_scan_inputs = 1, body = b (float[B] a, float[B] v) => (float[B] z, float[C] w) {
    z = Add (a, v)
    w = Concat <axis = 0> (z, v)
  }> (s, x)
}"""

IF = """g (float[N,M] x, bool c) => (float[K,L] y) {
  y = If (c) <then_branch = t () => (float[P,Q] a) { a = Transpose <perm = [1, 0]> (x) },
              else_branch = e () => (float[P,Q] d) { d = Concat <axis = 0> (x, x) }>
}"""

NET = """g (float[N,C,H,W] x, float[O,C,3,3] w) => (float[P,Q,R,S] y) {
  a = Conv <pads = [1, 1, 1, 1]> (x, w)
  b = Relu (a)
  c = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b)
  y = Softmax <axis = 1> (c)
}"""


def op(text, inputs="float[A,B] x", outputs="float[C,D] y"):
    return f"g ({inputs}) => ({outputs}) {{ {text} }}"


def wide(n, tail, inputs, outputs):
    """A recurrence whose n states are concatenated, some also read later, and what follows."""
    steps = [f"m{i} = Mul (x, {'x' if i == 0 else f't{i - 1}'}) t{i} = Tanh (m{i})" for i in range(n)]
    states = ", ".join(f"t{i}" for i in range(n))
    return op(f"{' '.join(steps)} y = Concat <axis = 1> ({states}, x, t1) {tail.replace('STATES', states)}", inputs, outputs)


# name: (model text, list of runs)
MODELS = {
    # Operands that are read later, twice in it, outputs; a result that is updated.
    **{f"concat_wide_{rows}": (
        wide(20, "z = Sum (STATES) r = Relu (y) i = Constant <value = int64[1,2] {0, 5}> () "
                 "u = Constant <value = float[1,2] {9, 8}> () s = ScatterElements <axis = 1> (y, i, u) q = Neg (t3)",
             f"float[{rows},3] x", "float[A,B] z, float[A,B] r, float[A,B] s, float[A,B] q, float[A,B] t7"),
        [{"x": ramp(2, 3) - 1}]) for rows in ("2", "N")},
    "concat_of_wide": (wide(18, "p = Concat <axis = 1> (STATES, y) w = Add (p, p)", "float[2,3] x", "float[A,B] w"),
                       [{"x": ramp(2, 3)}]),
    "grow": (GROW, [{"x": ramp(n), "m": I(m), "c": np.bool_(c)} for n, m, c in
                    [(5, 4, True), (5, 1, True), (2, 7, True), (5, 3, False), (4, 0, True)]]),
    "while": (WHILE, [{"x": ramp(n)} for n in (1, 3, 50)]),
    "scan": (SCAN, [{"s": ramp(3), "x": ramp(4, 3)}, {"s": ramp(1), "x": ramp(1, 1)}]),
    "if": (IF, [{"x": ramp(2, 3), "c": np.bool_(c)} for c in (True, False)]),
    "net": (NET, [{"x": ramp(2, 3, 6, 8), "w": ramp(4, 3, 3, 3) / 60}, {"x": ramp(1, 1, 2, 2), "w": ramp(1, 1, 3, 3)}]),
    "matmul_dynamic": (op("y = MatMul (x, w)", "float[A,B] x, float[B,C] w", "float[A,C] y"),
                       [{"x": ramp(3, 5), "w": ramp(5, 7)}, {"x": ramp(1, 1), "w": ramp(1, 1)},
                        {"x": ramp(0, 3), "w": ramp(3, 2)}, {"x": ramp(2, 0), "w": ramp(0, 3)}]),
    "matmul_of_nothing": (op("y = MatMul (x, w)", "float[2,0] x, float[0,3] w", "float[2,3] y"),
                          [{"x": ramp(2, 0), "w": ramp(0, 3)}]),
    "gemm_dynamic": (op("y = Gemm <transB = 1> (x, w, b)", "float[A,B] x, float[C,B] w, float[C] b", "float[A,C] y"),
                     [{"x": ramp(3, 5), "w": ramp(7, 5), "b": ramp(7)}, {"x": ramp(0, 5), "w": ramp(7, 5), "b": ramp(7)}]),
    "broadcast": (op("y = Add (x, z)", "float[A,B] x, float[C,D] z", "float[E,G] y"),
                  [{"x": ramp(2, 1), "z": ramp(1, 3)}, {"x": ramp(2, 3), "z": ramp(1, 1)}, {"x": ramp(0, 3), "z": ramp(1, 3)}]),
    "scalars": (op("s = Add (x, z) y = Exp (s)", "float x, float z", "float y"), [{"x": F(0.5), "z": F(0.25)}]),
    "scalar_reshape": (op("n = Constant <value = int64[2] {1, 1}> () y = Reshape (x, n)", "float x", "float[1,1] y"),
                       [{"x": F(3)}]),
    "to_scalar": (op("n = Constant <value = int64[0] {}> () y = Reshape (x, n)", "float[A,B] x", "float y"),
                  [{"x": ramp(1, 1)}]),
    "reduce_all": (op("y = ReduceSum <keepdims = 0> (x)", outputs="float y"), [{"x": ramp(2, 3)}, {"x": ramp(0, 3)}]),
    "reduce_dynamic": (op("y = ReduceSum <keepdims = 1> (x, a)", "float[A,B] x, int64[1] a"),
                       [{"x": ramp(2, 3), "a": np.array([1])}]),
    "softmax_of_nothing": (op("y = Softmax (x)"), [{"x": ramp(0, 4)}, {"x": ramp(3, 4)}]),
    "concat_of_nothing": (op("y = Concat <axis = 0> (x, z)", "float[A,B] x, float[C,B] z"),
                          [{"x": ramp(0, 2), "z": ramp(3, 2)}, {"x": ramp(0, 2), "z": ramp(0, 2)}]),
    "concat_static_nothing": (op("y = Concat <axis = 0> (x, z, x)", "float[0,2] x, float[3,2] z", "float[3,2] y"),
                              [{"x": ramp(0, 2), "z": ramp(3, 2)}]),
    "slice_past_the_end": (op("s = Constant <value = int64[1] {9}> () e = Constant <value = int64[1] {20}> () y = Slice (x, s, e)",
                              "float[4,2] x"), [{"x": ramp(4, 2)}]),
    "slice_dynamic": (op("y = Slice (x, s, e)", "float[A,B] x, int64[1] s, int64[1] e"),
                      [{"x": ramp(4, 2), "s": np.array([a]), "e": np.array([b])}
                       for a, b in [(1, 3), (-2, 100), (3, 1), (100, 200), (-100, 1)]]),
    "slice_least_step": (op("s = Constant <value = int64[1] {3}> () m = Constant <value = int64[1] {-9223372036854775808}> () "
                            "a = Constant <value = int64[1] {0}> () y = Slice (x, s, m, a, m)", "float[4,2] x"), [{"x": ramp(4, 2)}]),
    "reshape_dynamic": (op("y = Reshape (x, n)", "float[A,B] x, int64[3] n", "float[C,D,E] y"),
                        [{"x": ramp(2, 6), "n": np.array(n)} for n in ([3, 2, 2], [0, -1, 1], [1, -1, 4])]),
    "expand_dynamic": (op("y = Expand (x, n)", "float[A,B] x, int64[3] n", "float[C,D,E] y"),
                       [{"x": ramp(2, 1), "n": np.array(n)} for n in ([3, 2, 2], [1, 1, 1], [4, 1, 0])]),
    "shape_arithmetic": (op("n = Shape (x) k = ReduceProd <keepdims = 1> (n) y = Reshape (x, k)", "float[A,B,C] x", "float[D] y"),
                         [{"x": ramp(2, 3, 4)}]),
    "tile_dynamic": (op("y = Tile (x, n)", "float[A,B] x, int64[2] n"),
                     [{"x": ramp(2, 3), "n": np.array(n)} for n in ([2, 1], [1, 3], [0, 2])]),
    "gather_of_nothing": (op("y = Gather (x, i)", "float[A,B] x, int64[C] i"),
                          [{"x": ramp(2, 3), "i": np.zeros(0, I)}, {"x": ramp(2, 3), "i": np.array([1, -2, 0])}]),
    "nonzero": (op("y = NonZero (x)", outputs="int64[C,D] y"), [{"x": np.eye(3, dtype=F)}, {"x": np.zeros((2, 2), F)}, {"x": ramp(0, 2)}]),
    "topk_dynamic": (op("y, i = TopK (x, k)", "float[A,B] x, int64[1] k", "float[C,D] y, int64[C,D] i"),
                     [{"x": ramp(2, 5), "k": np.array([k])} for k in (1, 5, 0)]),
    "transpose_of_nothing": (op("y = Transpose (x)", "float[0,3] x", "float[3,0] y"), [{"x": ramp(0, 3)}]),
    "pad_dynamic": (op("y = Pad (x, p)", "float[A,B] x, int64[4] p"),
                    [{"x": ramp(2, 3), "p": np.array(p)} for p in ([1, 0, 0, 2], [-1, 0, 0, 1], [0, 0, 0, 0])]),
    "range_dynamic": (op("y = Range (a, b, d)", "int64 a, int64 b, int64 d", "int64[C] y"),
                      [{"a": I(a), "b": I(b), "d": I(d)} for a, b, d in [(0, 5, 2), (5, 0, -2), (3, 3, 1), (4, 0, 1)]]),
    "constant_of_nothing": (op("y = ConstantOfShape (n)", "int64[2] n"), [{"n": np.array([0, 3])}, {"n": np.array([2, 2])}]),
    "many_trips": ("""g (int64 m) => (int64 y) {
  z = Constant <value = int64 {0}> () c = Constant <value = bool {1}> ()
  y = Loop (m, c, z) <body: graph = b (int64 i, bool ci, int64 v) => (bool co, int64 w) { w = Add (v, i) co = Identity (ci) }>
}""", [{"m": I(1000000)}, {"m": I(0)}]),
    "output_twice": (op("y = Relu (x) z = Identity (y)", outputs="float[C,D] y, float[C,D] z"), [{"x": ramp(2, 3) - 1}]),
    "input_as_output": (op("y = Identity (x)"), [{"x": ramp(2, 3)}, {"x": ramp(0, 0)}]),
    "constant_output": (op("y = Constant <value = float[2] {1, 2}> () z = Relu (x)", outputs="float[2] y, float[A,B] z"),
                        [{"x": ramp(2, 3)}]),
    "pool_of_nothing": (op("y = GlobalAveragePool (x)", "float[N,C,H,W] x", "float[N,C,1,1] y"),
                        [{"x": ramp(0, 3, 2, 2)}, {"x": ramp(2, 3, 2, 2)}]),
    # The tiles at the end of the rows know where they are in the reduction.
    **{f"arg_max_{m}_{n}": (op("y = ArgMax <axis = 1, keepdims = 0> (x)", f"float[{m},{n}] x", f"int64[{m}] y"),
                            [{"x": np.sin(ramp(int(m) if m != "A" else 47, n) ** 2)}])
       for m in ("40", "41", "47", "50", "100", "A") for n in (24, 33, 50)},
    "constant_image": (op("i = Constant <value = float[1,2,2,2] {1, 2, 3, 4, 5, 6, 7, 8}> () y = Conv <pads = [1, 1, 1, 1]> (i, w)",
                          "float[3,2,3,3] w", "float[1,3,2,2] y"), [{"w": ramp(3, 2, 3, 3)}]),
    "constant_image_of_nothing": (op("i = Constant <value = float[0,2,3,4] {}> () y = Conv (i, w)", "float[3,2,2,2] w", "float[0,3,2,3] y"),
                                  [{"w": ramp(3, 2, 2, 2)}]),
    "rank_six": (op("y = Transpose <perm = [5, 0, 4, 1, 3, 2]> (x)", "float[A,B,C,D,E,G] x", "float[H,I,J,K,L,M] y"),
                 [{"x": ramp(1, 2, 3, 2, 2, 3)}]),
}


def check(name, folder):
    text, runs = MODELS[name]
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>\n' + text)
    file = folder / f"{name}.onnx"
    onnx.save(model, file)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for i, scalars_and_arrays in enumerate(runs):
        inputs = {key: np.asarray(value) for key, value in scalars_and_arrays.items()}
        wanted = session.run(names, inputs)
        np.savez(folder / "in.npz", **inputs)
        done = subprocess.run(
            ["onnx-run", "run", file, "--keep-dynamic", "--input", folder / "in.npz", "--output", folder / "out.npz"],
            capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"run {i}: exit {done.returncode}: {(done.stderr or done.stdout).strip()[:500]}")
        with np.load(folder / "out.npz") as got:
            for key, want in zip(names, wanted):
                if got[key].shape != want.shape or got[key].dtype != want.dtype:
                    raise AssertionError(f"run {i}: {key}: got {got[key].dtype}{got[key].shape}, wanted {want.dtype}{want.shape}")
                np.testing.assert_allclose(got[key], want, rtol=1e-4, atol=1e-5, err_msg=f"run {i}: {key}")


def main():
    failed = 0
    selected = sys.argv[1:] or list(MODELS)
    for name in selected:
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(name, pathlib.Path(folder))
            except Exception as problem:
                failed += 1
                print(f"FAIL {name}: {problem}")
    print(f"{len(selected) - failed} passed, {failed} failed")


main()
