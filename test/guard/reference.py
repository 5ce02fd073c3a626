"""Runs a model in ONNX Runtime: reads pickled feeds from standard input, writes pickled outputs, None where it refuses."""

import pickle
import sys

import onnxruntime

options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
while True:
    try:
        feeds = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    try:
        result = session.run(None, feeds)
    except Exception:
        result = None
    pickle.dump(result, sys.stdout.buffer)
    sys.stdout.buffer.flush()
