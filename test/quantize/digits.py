"""A classifier trained on real labelled images, before and after onnx-quantize.

    test/quantize/digits [--folder DIR] [OPTIONS OF onnx-quantize...]

The images are scikit-learn's 1,797 handwritten digits. A convolutional network
is trained on half of them with numpy, quantised on 100 of those, and the other
half is classified by ONNX Runtime (float, int8, int8 without optimisations)
and by our compiled int8 code. Fails where more than 0.5 points of top-1 are
lost, or where our labels and ONNX Runtime's differ on more than 0.5 %.
"""

import argparse
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

BIN = os.path.join(os.path.dirname(__file__), "..", "..", "build", "bin")
MOST_LOST = 0.005


def patches(x):
    """[n, c, h, w] -> [n, h, w, c * 9], what a 3x3 kernel sees with padding 1."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


class Network:
    """conv 3x3 (16) - relu - maxpool 2 - conv 3x3 (32) - relu - maxpool 2 - gemm (10)."""

    def __init__(self, rng):
        scaled = lambda *dims: (rng.standard_normal(dims) * np.sqrt(2 / np.prod(dims[1:]))).astype(np.float32)
        self.w = {"w1": scaled(16, 9), "w2": scaled(32, 16 * 9), "w3": scaled(10, 128)}
        self.w.update(b1=np.zeros(16, np.float32), b2=np.zeros(32, np.float32), b3=np.zeros(10, np.float32))
        self.moments = {k: [np.zeros_like(v), np.zeros_like(v)] for k, v in self.w.items()}
        self.steps = 0

    def convolve(self, x, i):
        p = patches(x)
        y = np.maximum(p @ self.w[f"w{i}"].T + self.w[f"b{i}"], 0)  # [n, h, w, k]
        n, h, w, k = y.shape
        blocks = y.reshape(n, h // 2, 2, w // 2, 2, k).transpose(0, 5, 1, 3, 2, 4).reshape(n, k, h // 2, w // 2, 4)
        return p, y, blocks, blocks.max(-1)

    def gradients(self, x, labels):
        p1, y1, t1, a1 = self.convolve(x, 1)
        p2, y2, t2, a2 = self.convolve(a1, 2)
        flat = a2.reshape(len(x), -1)
        logits = flat @ self.w["w3"].T + self.w["b3"]
        e = np.exp(logits - logits.max(1, keepdims=True))
        d = e / e.sum(1, keepdims=True)
        d[np.arange(len(x)), labels] -= 1
        d /= len(x)
        g = {"w3": d.T @ flat, "b3": d.sum(0)}
        d = (d @ self.w["w3"]).reshape(a2.shape)
        d, g["w2"], g["b2"] = self.back(d, p2, y2, t2, a2)
        d = self.unpatch(d @ self.w["w2"], a1.shape)
        d, g["w1"], g["b1"] = self.back(d, p1, y1, t1, a1)
        return g

    @staticmethod
    def back(d, p, y, blocks, pooled):
        n, k, h, w, _ = blocks.shape
        first = blocks == pooled[..., None]
        first &= np.cumsum(first, -1) == 1
        d = (d[..., None] * first).reshape(n, k, h, w, 2, 2).transpose(0, 2, 4, 3, 5, 1).reshape(y.shape)
        d = d * (y > 0)
        flat = d.reshape(-1, d.shape[-1])
        return d, flat.T @ p.reshape(len(flat), -1), flat.sum(0)

    @staticmethod
    def unpatch(d, shape):
        n, c, h, w = shape
        d = d.reshape(n, h, w, c, 3, 3)
        out = np.zeros((n, c, h + 2, w + 2), np.float32)
        for i in range(3):
            for j in range(3):
                out[:, :, i : i + h, j : j + w] += d[..., i, j].transpose(0, 3, 1, 2)
        return out[:, :, 1:-1, 1:-1]

    def step(self, g, rate=2e-3):
        self.steps += 1
        for k, (m, v) in self.moments.items():
            m += 0.1 * (g[k] - m)
            v += 0.001 * (g[k] ** 2 - v)
            self.w[k] -= rate * (m / (1 - 0.9**self.steps)) / (np.sqrt(v / (1 - 0.999**self.steps)) + 1e-8)

    def save(self, path):
        w = dict(self.w, w1=self.w["w1"].reshape(16, 1, 3, 3), w2=self.w["w2"].reshape(32, 16, 3, 3))
        pool = dict(kernel_shape=[2, 2], strides=[2, 2])
        nodes = [
            helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1] * 4),
            helper.make_node("Relu", ["c1"], ["r1"]),
            helper.make_node("MaxPool", ["r1"], ["p1"], **pool),
            helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], pads=[1] * 4),
            helper.make_node("Relu", ["c2"], ["r2"]),
            helper.make_node("MaxPool", ["r2"], ["p2"], **pool),
            helper.make_node("Flatten", ["p2"], ["f"]),
            helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], transB=1),
        ]
        value = lambda n, dims: helper.make_tensor_value_info(n, TensorProto.FLOAT, dims)
        graph = helper.make_graph(nodes, "digits", [value("x", ["n", 1, 8, 8])], [value("y", ["n", 10])],
                                  [numpy_helper.from_array(v, k) for k, v in w.items()])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def runtime_labels(path, images, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": images})[0].argmax(1)


def our_labels(path, images, folder):
    np.savez(os.path.join(folder, "test.npz"), x=images)
    subprocess.run([os.path.join(BIN, "onnx-run"), "run", path, "--input", os.path.join(folder, "test.npz"),
                    "--output", os.path.join(folder, "out.npz")], check=True)
    with np.load(os.path.join(folder, "out.npz")) as archive:
        return archive["y"].argmax(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", default=os.path.join(BIN, "..", "digits"))
    arguments, options = parser.parse_known_args()
    os.makedirs(arguments.folder, exist_ok=True)
    path = lambda name: os.path.join(arguments.folder, name)

    rng = np.random.default_rng(0)
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    order = rng.permutation(len(images))
    train, test = order[: len(order) // 2], order[len(order) // 2 :]
    network = Network(rng)
    for epoch in range(25):
        for batch in np.array_split(rng.permutation(train), len(train) // 32):
            network.step(network.gradients(images[batch], digits.target[batch]))
    network.save(path("digits.onnx"))

    np.savez(path("calibration.npz"), x=images[train[:100]], labels=digits.target[train[:100]])
    subprocess.run([os.path.join(BIN, "onnx-quantize"), path("digits.onnx"), "--calibration", path("calibration.npz"),
                    "-o", path("digits.int8.onnx"), *options], check=True)

    x, labels = images[test], digits.target[test]
    level = onnxruntime.GraphOptimizationLevel
    answers = {
        "float, ONNX Runtime": runtime_labels(path("digits.onnx"), x, level.ORT_ENABLE_ALL),
        "int8, ONNX Runtime": runtime_labels(path("digits.int8.onnx"), x, level.ORT_ENABLE_ALL),
        "int8, ONNX Runtime unoptimised": runtime_labels(path("digits.int8.onnx"), x, level.ORT_DISABLE_ALL),
        "int8, compiled": our_labels(path("digits.int8.onnx"), x, arguments.folder),
    }
    for name, answer in answers.items():
        print(f"{name:32} top-1 {100 * np.mean(answer == labels):.2f} % of {len(labels)}")
    compiled, unoptimised = answers["int8, compiled"], answers["int8, ONNX Runtime unoptimised"]
    lost = np.mean(answers["float, ONNX Runtime"] == labels) - np.mean(compiled == labels)
    differ = np.mean(compiled != unoptimised)
    print(f"lost {100 * lost:.2f} points; {100 * differ:.2f} % of labels differ from ONNX Runtime unoptimised")
    return int(lost > MOST_LOST or differ > MOST_LOST)


if __name__ == "__main__":
    sys.exit(main())
