"""Checks that each weight of a model is in an object, whatever its order: weights_in_object.py MODEL.onnx MODEL.o"""

import sys

import numpy as np
import onnx
from onnx import numpy_helper

with open(sys.argv[2], "rb") as stream:
    data = stream.read()
found = set(np.frombuffer(data[: len(data) // 4 * 4], np.uint32).tolist())
for tensor in onnx.load(sys.argv[1]).graph.initializer:
    values = numpy_helper.to_array(tensor).astype(np.float32).view(np.uint32).ravel()
    missing = [v for v in values.tolist() if v not in found]
    assert not missing, f"{tensor.name}: {len(missing)} of {values.size} elements are not in the object"
