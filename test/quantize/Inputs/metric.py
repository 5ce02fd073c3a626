"""A metric for --metric-command: 100 for a float model, less for each QuantizeLinear."""

import sys

import onnx

quantised = sum(node.op_type == "QuantizeLinear" for node in onnx.load(sys.argv[1]).graph.node)
print("score:", 100 - 8 * quantised)
