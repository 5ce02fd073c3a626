"""Compiles models that are wrong or far too large: each must be refused with a message.

A row is the model's nodes, inputs and outputs, and a part of the message.
"""

import os
import subprocess
import sys
import tempfile

import onnx

X, Y = "float[3] x", "float[A] y"
IMAGE, IMAGES = "float[1,3,8,8] x, float[4,3,3,3] w", "float[A,B,C,D] y"


def ints(name, *values):
    return f"{name} = Constant <value = int64[{len(values)}] {{{', '.join(map(str, values))}}}> () "


MODELS = {
    "input of 2^64 bytes": ("y = Relu (x)", "float[4294967296,4294967296] x", "float[A,B] y", "less than 2^47 bytes"),
    "constant of 2^66 bytes": (ints("n", 1 << 32, 1 << 32) + "y = ConstantOfShape (n)", "", "float[A,B] y", "less than 2^47 bytes"),
    "negative constant": (ints("n", -1, 3) + "y = ConstantOfShape (n)", "", "float[A,B] y", "got -1, wanted 0 or more"),
    "negative repeats": (ints("n", -2) + "y = Tile (x, n)", X, Y, "repeats: got -2, wanted 0 or more"),
    "repeats beyond 64 bits": (ints("n", (1 << 63) - 1) + "y = Tile (x, n)", X, Y, "less than 2^47 bytes"),
    "padding beyond 64 bits": (ints("n", (1 << 63) - 1, 1) + "y = Pad (x, n)", X, Y, "wanted at most"),
    "padding away all": (ints("n", -9, 1) + "y = Pad (x, n)", X, Y, "got -5 after padding"),
    "reshape": (ints("n", 7) + "y = Reshape (x, n)", X, Y, "elements"),
    "reshape to -3": (ints("n", -3) + "y = Reshape (x, n)", X, Y, "wanted -1 or more"),
    "split": (ints("s", 1, 9) + "y, z = Split (x, s)", X, Y + ", float[B] z", "sum of the parts"),
    "concat": ("y = Concat <axis = 0> (x, z)", "float[3,2] x, float[3,4] z", "float[A,B] y", "of operand #1"),
    "matmul": ("y = MatMul (x, z)", "float[2,3] x, float[4,5] z", "float[A,B] y", "rows of the second operand"),
    "kernel beyond the image": ("y = Conv (x, w)", "float[1,3,2,2] x, float[4,3,5,5] w", IMAGES, "Conv"),
    "groups": ("y = Conv <group = 2> (x, w)", IMAGE, IMAGES, "channels"),
    "dilation": ("y = Conv <dilations = [9223372036854775807, 1]> (x, w)", IMAGE, IMAGES, "dilations: got"),
    "pooling window": ("y = MaxPool <kernel_shape = [9, 9]> (x)", "float[1,3,4,4] x", IMAGES, "MaxPool"),
    "resize by 0": ("s = Constant <value = float[4] {1, 1, 0, 0}> () y = Resize (x, , s)", "float[1,1,2,2] x", IMAGES, "scale of axis 2: got 0"),
    "resize by 1e18": ("s = Constant <value = float[4] {1, 1, 1e18, 1}> () y = Resize (x, , s)", "float[1,1,2,2] x", IMAGES, "scale of axis 2"),
    "resize to 2^60": (ints("n", 1, 1, 1 << 30, 1 << 30) + "y = Resize (x, , , n)", "float[1,1,2,2] x", IMAGES, "less than 2^47 bytes"),
    "LRN": ("y = LRN <size = 0> (x)", "float[1,3,2,2] x", IMAGES, "size: got 0"),
    "axis of CumSum": ("a = Constant <value = int64 {9}> () y = CumSum (x, a)", X, Y, "axis: got 9"),
    "axis twice": (ints("a", 0, 0) + "y = Unsqueeze (x, a)", X, "float[A,B,C] y", "distinct axes"),
    "axis of Unsqueeze": (ints("a", 50) + "y = Unsqueeze (x, a)", X, "float[A,B] y", "axes: got 50"),
    "squeezed dim": (ints("a", 0) + "y = Squeeze (x, a)", X, "float y", "Squeeze"),
    "rank of the interface": ("y = Relu (x)", "float[1,1,1,1,1,1,1,1,1] x", "float[A,B,C,D,E,F,G,H,I] y", "has rank 9"),
}


def check(folder, nodes, inputs, outputs, told):
    file, out = os.path.join(folder, "m.onnx"), os.path.join(folder, "out")
    text = f'<ir_version: 8, opset_import: ["" : 17]>\ng ({inputs}) => ({outputs}) {{ {nodes} }}'
    onnx.save(onnx.parser.parse_model(text), file)
    done = subprocess.run(["onnx-compile", file, "-o", out], capture_output=True, text=True, timeout=60)
    if done.returncode != 1 or told not in done.stderr:
        raise AssertionError(f"exit {done.returncode}, wanted 1 and '{told}': {done.stderr.strip()[:400]}")
    if os.path.exists(out) and os.listdir(out):
        raise AssertionError(f"it left {os.listdir(out)}")


failed = 0
selected = sys.argv[1:] or list(MODELS)
for name in selected:
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(folder, *MODELS[name])
        except Exception as problem:
            failed += 1
            print(f"FAIL {name}: {problem}")
print(f"{len(selected) - failed} passed, {failed} failed")
