"""Float models and calibration data for the tests of onnx-quantize, into a folder."""

import os
import struct
import sys
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = sys.argv[1]
os.makedirs(FOLDER, exist_ok=True)
RNG = np.random.default_rng(7)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def weights(name, *dims):
    fan = int(np.prod(dims[1:])) or 1
    return constant(name, (RNG.standard_normal(dims) / np.sqrt(fan)).astype(np.float32))


def save(name, nodes, inputs, outputs, constants=(), opset=17, types=()):
    types = dict(types)
    values = lambda pairs: [
        helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), dims) for n, dims in pairs
    ]
    graph = helper.make_graph(nodes, name, values(inputs), values(outputs), list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, os.path.join(FOLDER, name + ".onnx"))


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name=outputs.split()[0] + "_node", **attributes)


def network(name, opset):
    """A bit of everything that convolutional networks have."""
    norm = lambda n, c: [
        constant(n + "_g", RNG.uniform(0.5, 1.5, c).astype(np.float32)),
        constant(n + "_b", RNG.uniform(-0.5, 0.5, c).astype(np.float32)),
        constant(n + "_m", RNG.uniform(-0.5, 0.5, c).astype(np.float32)),
        constant(n + "_v", RNG.uniform(0.5, 1.5, c).astype(np.float32)),
    ]
    clip = (
        [node("Clip", "c2", "r2", min=0.0, max=6.0)] if opset < 11 else [node("Clip", "c2 zero six", "r2")]
    )
    nodes = [
        node("Conv", "x w1", "c1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c1 n1_g n1_b n1_m n1_v", "n1"),
        node("Relu", "n1", "r1"),
        node("Conv", "r1 w2 b2", "c2", pads=[1, 1, 1, 1], group=8),
        *clip,
        node("Add", "r1 r2", "s"),
        node("MaxPool", "s", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("ConvTranspose", "p w3 b3", "t", kernel_shape=[2, 2], strides=[2, 2], group=2),
        node("BatchNormalization", "t n2_g n2_b n2_m n2_v", "n2"),
        node("Sigmoid", "n2", "g"),
        node("Mul", "n2 g", "m"),
        node("Concat", "m s", "j", axis=1),
        node("GlobalAveragePool", "j", "a"),
        node("Flatten", "a", "f"),
        node("MatMul", "f w4", "q"),
        node("Add", "q b4", "l"),
        node("Softmax", "l", "y", axis=1),
    ]
    constants = [
        weights("w1", 8, 3, 3, 3), *norm("n1", 8), weights("w2", 8, 1, 3, 3), weights("b2", 8),
        weights("w3", 8, 2, 2, 2), weights("b3", 4), *norm("n2", 4),
        constant("w4", (RNG.standard_normal((12, 10)) * 2).astype(np.float32)), weights("b4", 10),
    ]
    if opset >= 11:
        constants += [constant("zero", np.float32(0)), constant("six", np.float32(6))]
    save(name, nodes, [("x", ["batch", 3, 16, 16])], [("y", ["batch", 10])], constants, opset)


network("network", 17)
network("old", 9)

save(
    "two_inputs",
    [node("MatMul", "a b", "m"), node("Relu", "m", "y"), node("Add", "y c", "z")],
    [("a", [2, 8]), ("b", [8, 4])],
    [("y", [2, 4]), ("z", [2, 4])],
    [constant("c", np.linspace(-1, 1, 4, dtype=np.float32))],
)
# Attention in small: products of activations, a decomposed normalisation, a shape
# that is computed with floats, and a mask beyond all scales.
save(
    "attention",
    [
        node("ReduceMean", "x", "mean", axes=[-1]),
        node("Sub", "x mean", "d"),
        node("Pow", "d two", "dd"),
        node("ReduceMean", "dd", "var", axes=[-1]),
        node("Add", "var eps", "ve"),
        node("Sqrt", "ve", "sd"),
        node("Div", "d sd", "n"),
        node("MatMul", "n wq", "q"),
        node("MatMul", "n wk", "k"),
        node("Transpose", "k", "kt", perm=[0, 2, 1]),
        node("MatMul", "q kt", "s"),
        node("Where", "keep s low", "sm"),
        node("Softmax", "sm", "p", axis=-1),
        node("MatMul", "p n", "o"),
        node("Shape", "o", "shape"),
        node("Cast", "shape", "shapef", to=TensorProto.FLOAT),
        node("Mul", "shapef ones", "shape1"),
        node("Cast", "shape1", "shapei", to=TensorProto.INT64),
        node("Reshape", "o shapei", "y"),
    ],
    [("x", ["n", "t", 8])],
    [("y", ["n", "t", 8])],
    [
        constant("two", np.float32(2)), constant("eps", np.float32(1e-5)), weights("wq", 8, 8), weights("wk", 8, 8),
        constant("keep", np.array([True])), constant("low", np.float32(np.finfo(np.float32).min)),
        constant("ones", np.float32(1)),
    ],
)
save("silent", [node("Mul", "x nothing", "z"), node("MatMul", "z w", "y")], [("x", [1, 4])], [("y", [1, 3])],
     [constant("nothing", np.zeros(1, np.float32)), weights("w", 4, 3)])
save("masked", [node("Mul", "x low", "m"), node("MatMul", "x w", "y"), node("Add", "m one", "z")], [("x", [1, 4])],
     [("y", [1, 3]), ("z", [1, 4])],
     [constant("low", np.float32(-3e38)), weights("w", 4, 3), constant("one", np.float32(1))])
save("logarithm", [node("Log", "x", "l"), node("MatMul", "l w", "y")], [("x", [1, 4])], [("y", [1, 3])],
     [weights("w", 4, 3)])
save("sine", [node("Sin", "x", "y")], [("x", [1, 4])], [("y", [1, 4])])
save("no_inputs", [node("MatMul", "a w", "y")], [], [("y", [1, 3])], [weights("a", 1, 4), weights("w", 4, 3)])

# Channels of very different ranges, which the next layer takes back.
spread = (10.0 ** RNG.uniform(-1.5, 1.5, 16)).astype(np.float32)
first = (RNG.standard_normal((16, 3, 3, 3)) / 5).astype(np.float32) * spread[:, None, None, None]
second = (RNG.standard_normal((16, 1, 3, 3)) / 3).astype(np.float32)
third = (RNG.standard_normal((4, 16, 1, 1)) / 4).astype(np.float32) / spread[None, :, None, None]
save(
    "spread",
    [
        node("Conv", "x e1 e2", "c1", pads=[1] * 4),
        node("Relu", "c1", "r1"),
        node("Conv", "r1 e3", "c2", pads=[1] * 4, group=16),
        node("Relu", "c2", "r2"),
        node("MaxPool", "r2", "p2", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p2 e4", "y"),
    ],
    [("x", ["batch", 3, 16, 16])],
    [("y", ["batch", 4, 8, 8])],
    [constant("e1", first), constant("e2", spread / 10), constant("e3", second), constant("e4", third)],
)
coarse = RNG.uniform(0, 0.1, (8, 3, 3, 3)).astype(np.float32)
coarse[0, 0, 0, 0] = 4
save("coarse", [node("Conv", "x w", "y")], [("x", ["batch", 3, 16, 16])], [("y", ["batch", 8, 14, 14])],
     [constant("w", coarse)])
gamma = np.ones(32, np.float32)
gamma[[3, 17]] = 60
matrices = [(RNG.standard_normal((32, 16)) / 6).astype(np.float32) / gamma[:, None] for _ in range(2)]
save(
    "outliers",
    [
        node("LayerNormalization", "x g b", "n", axis=-1),
        node("MatMul", "n q", "u"),
        node("MatMul", "n k", "v"),
        node("Add", "u v", "y"),
    ],
    [("x", ["n", 5, 32])],
    [("y", ["n", 5, 16])],
    [constant("g", gamma), constant("b", gamma * 0.5), constant("q", matrices[0]), constant("k", matrices[1])],
)

namesakes = [node("MatMul", "x w", "m"), node("Relu", "m", "r"), node("MatMul", "r v", "y")]
for namesake in namesakes:
    namesake.name = "same"
save("namesakes", namesakes, [("x", [1, 4])], [("y", [1, 3])], [weights("w", 4, 4), weights("v", 4, 3)])

branch = lambda name, op: helper.make_graph([node(op, "x", name)], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4])])
save("branch", [node("If", "c", "y", then_branch=branch("t", "Relu"), else_branch=branch("e", "Neg"))],
     [("x", [1, 4]), ("c", [])], [("y", [1, 4])], types={"c": TensorProto.BOOL})

images = RNG.uniform(-1, 1, (12, 3, 16, 16)).astype(np.float32)
path = lambda name: os.path.join(FOLDER, name)
np.savez(path("images.npz"), x=images)
np.savez_compressed(path("doubles.npz"), images.astype(np.float64))
os.makedirs(path("folder"), exist_ok=True)
for i in range(3):
    np.save(path(f"folder/{i}.npy"), images[4 * i : 4 * i + 4])
os.makedirs(path("empty"), exist_ok=True)
np.savez(path("nothing.npz"))
np.savez(path("no_rows.npz"), x=images[:0])
np.savez(path("narrow.npz"), x=images[:, :, :, :8])
np.savez(path("bytes.npz"), x=(images * 100).astype(np.uint8))
np.savez(path("pairs.npz"), a=RNG.uniform(-1, 1, (6, 2, 8)).astype(np.float32),
         b=RNG.uniform(-1, 1, (6, 8, 4)).astype(np.float32))
np.savez(path("half.npz"), a=RNG.uniform(-1, 1, (6, 2, 8)).astype(np.float32))
np.savez(path("uneven.npz"), a=np.zeros((6, 2, 8), np.float32), b=np.zeros((5, 8, 4), np.float32))
np.savez(path("tokens.npz"), x=RNG.standard_normal((8, 5, 32)).astype(np.float32))
np.savez(path("row.npz"), x=np.linspace(-1, 1, 4, dtype=np.float32)[None])
np.savez(path("bright.npz"), x=np.abs(images))
np.savez(path("sequences.npz"), x=RNG.uniform(-1, 1, (6, 5, 8)).astype(np.float32))
os.makedirs(path("lengths"), exist_ok=True)
for t in (3, 5, 4):
    np.savez(path(f"lengths/{t}.npz"), x=RNG.uniform(-1, 1, (1, t, 8)).astype(np.float32))
# Pictures of every kind of PNG that is read, with every filter; the same as arrays.
def png(name, rows, colour, depth, width, palette=b""):
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    step = max({0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * depth // 8, 1)
    data, above = b"", bytes(len(rows[0]))
    for y, row in enumerate(rows):
        kind = y % 5
        left = bytes(step) + row[:-step] if len(row) > step else bytes(len(row))
        corner = bytes(step) + above[:-step] if len(row) > step else bytes(len(row))

        def guess(a, b, c):
            p = a + b - c
            return min((a, b, c), key=lambda v: (abs(p - v), (a, b, c).index(v)))

        base = [0, lambda i: left[i], lambda i: above[i], lambda i: (left[i] + above[i]) // 2,
                lambda i: guess(left[i], above[i], corner[i])][kind]
        data += bytes([kind]) + bytes((v - (base(i) if kind else 0)) % 256 for i, v in enumerate(row))
        above = row
    with open(path(name), "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)))
        out.write((chunk(b"PLTE", palette) if palette else b"") + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


os.makedirs(path("pictures"), exist_ok=True)
colours = RNG.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
greys = RNG.integers(0, 4, (2, 16, 16), dtype=np.uint8)
alpha = RNG.integers(0, 256, (16, 16, 1), dtype=np.uint8)
palette = RNG.integers(0, 256, (4, 3), dtype=np.uint8)
png("pictures/0.png", [r.tobytes() for r in colours[0]], 2, 8, 16)
png("pictures/1.png", [r.tobytes() for r in np.concatenate([colours[1], alpha], -1)], 6, 8, 16)
wide = (colours[2].astype(np.uint16) * 256 + 77).astype(">u2")
png("pictures/2.png", [r.tobytes() for r in wide], 2, 16, 16)
two_bits = lambda g: [bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in r.reshape(-1, 4).tolist()) for r in g]
png("pictures/3.png", two_bits(greys[0]), 3, 2, 16, palette.tobytes())
png("pictures/4.png", two_bits(greys[1]), 0, 2, 16)
with open(path("pictures/5.ppm"), "wb") as out:
    out.write(b"P6\n# a comment\n16 16\n255\n" + colours[3].tobytes())
pictures = np.stack([colours[0], colours[1], colours[2], palette[greys[0]],
                     np.repeat(greys[1][..., None] * 85, 3, -1), colours[3]])
pictures = (pictures.astype(np.float32) - np.float32(100)) / np.array([50, 60, 70], np.float32)
np.savez(path("pictures.npz"), x=pictures.transpose(0, 3, 1, 2))
os.makedirs(path("large"), exist_ok=True)
large = RNG.integers(0, 256, (40, 24, 3), dtype=np.uint8)
png("large/0.png", [r.tobytes() for r in large], 2, 8, 24)
with open(path("short.png"), "wb") as out:
    out.write(open(path("large/0.png"), "rb").read()[:500])
with open(path("other.png"), "wb") as out:
    out.write(b"\xff\xd8\xff\xe0 JFIF")

odd = np.ones((3, 4), np.float32)
odd[1, 2] = -1
np.savez(path("negative.npz"), x=odd)
with open(path("damaged.npz"), "wb") as out:
    out.write(b"PK\x03\x04 but no more")
