"""transformer.py OUT.onnx: a transformer of two layers with random weights, as a model test.

Embedding, then twice: layer norm, causal attention of four heads, layer norm, a
feed-forward block with the exact GELU; a closing layer norm and the logits.
"""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, LENGTH, WIDTH, HEADS, INNER, WORDS = 2, 16, 64, 4, 256, 100
INPUTS = {"tokens": {"shape": [1, LENGTH], "kind": "int", "low": 0, "high": WORDS - 1}}


class Builder:
    def __init__(self):
        self.random = numpy.random.default_rng(7)
        self.nodes, self.weights = [], []

    def constant(self, value, dtype=numpy.float32):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(value, dtype), name))
        return name

    def weight(self, *shape):
        return self.constant(self.random.normal(0, 1 / numpy.sqrt(shape[0]), shape))

    def op(self, kind, *inputs, **attributes):
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def linear(self, x, inner, outer):
        return self.op("Add", self.op("MatMul", x, self.weight(inner, outer)), self.weight(outer))

    def norm(self, x):
        scale = self.constant(self.random.uniform(0.5, 1.5, WIDTH))
        return self.op("LayerNormalization", x, scale, self.weight(WIDTH), axis=-1, epsilon=1e-5)

    def heads(self, x):
        split = self.op("Reshape", x, self.constant([1, LENGTH, HEADS, WIDTH // HEADS], numpy.int64))
        return self.op("Transpose", split, perm=[0, 2, 1, 3])

    def attention(self, x):
        query, key, value = (self.heads(self.linear(x, WIDTH, WIDTH)) for _ in range(3))
        scores = self.op("MatMul", query, self.op("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.op("Mul", scores, self.constant(1 / numpy.sqrt(WIDTH // HEADS)))
        scores = self.op("Add", scores, self.constant(numpy.triu(numpy.full((LENGTH, LENGTH), -1e9), 1)))
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), value)
        joined = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), self.constant([1, LENGTH, WIDTH], numpy.int64))
        return self.linear(joined, WIDTH, WIDTH)

    def feed_forward(self, x):
        return self.linear(self.op("Gelu", self.linear(x, WIDTH, INNER)), INNER, WIDTH)

    def build(self):
        x = self.op("Add", self.op("Gather", self.weight(WORDS, WIDTH), "tokens"), self.weight(LENGTH, WIDTH))
        for _ in range(LAYERS):
            x = self.op("Add", x, self.attention(self.norm(x)))
            x = self.op("Add", x, self.feed_forward(self.norm(x)))
        logits = self.op("MatMul", self.norm(x), self.weight(WIDTH, WORDS))
        graph = helper.make_graph(
            self.nodes, "transformer", [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, LENGTH])],
            [helper.make_tensor_value_info(logits, TensorProto.FLOAT, [1, LENGTH, WORDS])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model


def write(path):
    onnx.save(Builder().build(), path)


if __name__ == "__main__":
    write(sys.argv[1])
