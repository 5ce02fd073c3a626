"""ONNX Runtime in a process of its own: reference.py MODEL FOLDER COUNT [--unoptimised]

Runs MODEL on FOLDER/input_<i>.npz for i < COUNT and writes FOLDER/reference_<i>.npz.
"""

import os
import sys

import numpy
import onnxruntime


def main():
    model, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if "--unoptimised" in sys.argv:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for i in range(count):
        with numpy.load(os.path.join(folder, f"input_{i}.npz")) as inputs:
            values = session.run(names, dict(inputs))
        numpy.savez(os.path.join(folder, f"reference_{i}.npz"), **dict(zip(names, values)))


main()
