"""What --matmulnbits=int8 computes.

    nbits.py make FOLDER      writes models of 2, 4 and 8 bits, of one row and of several, and their inputs
    nbits.py check FOLDER ROW runs them on a target row: outputs against the definition, and against float activations: the error
                              stays below what rounding each activation to 1/127 of its block's largest may do
"""

import glob
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER, BLOCK, K, N = sys.argv[2], 32, 96, 40


def make():
    for bits in (2, 4, 8):
        for rows, zeros in ((1, True), (5, False)):
            rng = np.random.default_rng([bits, rows])
            blocks, name = K // BLOCK, f"{FOLDER}/{bits}_{rows}"
            values = rng.integers(0, 2**bits, (N, blocks, BLOCK)).astype(np.uint8)
            zero = rng.integers(0, 2**bits, (N, blocks)).astype(np.uint8) if zeros else np.full((N, blocks), 2 ** (bits - 1), np.uint8)

            def packed(codes):
                per = 8 // bits
                codes = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % per)])
                parts = codes.reshape(*codes.shape[:-1], -1, per)
                return sum(parts[..., i].astype(np.uint8) << np.uint8(bits * i) for i in range(per)).astype(np.uint8)

            scales = rng.uniform(0.01, 0.02, (N, blocks)).astype(np.float32)
            weights = {"b": packed(values), "s": scales.ravel()} | ({"z": packed(zero).ravel()} if zeros else {})
            a = (rng.standard_normal((rows, K)) * rng.uniform(0.1, 3, K)).astype(np.float32)
            a[0, :BLOCK] = 0
            node = helper.make_node("MatMulNBits", ["a", *weights], ["y"], "product", domain="com.microsoft", K=K, N=N, bits=bits, block_size=BLOCK)
            value = lambda n, s: helper.make_tensor_value_info(n, TensorProto.FLOAT, s)  # noqa: E731
            graph = helper.make_graph([node], "main_graph", [value("a", [rows, K])], [value("y", [rows, N])], [numpy_helper.from_array(v, k) for k, v in weights.items()])
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8), name + ".onnx")
            np.savez(name + ".in.npz", a=a)
            np.savez(name + ".weights.npz", w=(values.astype(np.int64) - zero[..., None]), s=scales)


def check():
    for path in sorted(glob.glob(f"{FOLDER}/*.onnx")):
        name = path[:-5]
        subprocess.run(["onnx-run", "run", path, "--matmulnbits=int8", f"--input={name}.in.npz", f"--output={name}.out.npz", f"--target={sys.argv[3]}"], check=True)
        a, weights, y = np.load(name + ".in.npz")["a"], np.load(name + ".weights.npz"), np.load(name + ".out.npz")["y"]
        w, s = weights["w"], weights["s"]
        blocks = a.reshape(len(a), -1, BLOCK)
        most = np.abs(blocks).max(-1)
        q = np.rint(blocks * np.where(most > 0, 127 / np.where(most > 0, most, 1), 0).astype(np.float32)[..., None]).astype(np.int64)
        sums = np.einsum("mbk,nbk->mbn", q, w)
        want = np.einsum("mbn,mb,nb->mn", sums.astype(np.float64), most / 127, s)
        assert np.abs(y - want).max() <= 1e-5 * np.abs(want).max() + 1e-3 * (most.max() / 127) * s.max(), (name, np.abs(y - want).max())
        exact = np.einsum("mbk,nbk,nb->mn", blocks.astype(np.float64), w, s)
        bound = np.einsum("mb,nb,nb->mn", most / 254, np.abs(w).sum(-1), s)
        assert (np.abs(y - exact) <= bound * 1.001 + 1e-6).all(), name
        assert np.abs(y - exact).max() > 1e-6, f"{name}: nothing was quantised"
        print("checked", os.path.basename(name))


{"make": make, "check": check}[sys.argv[1]]()
