"""ReduceMin of bools over no elements: least_bool.py make|show FOLDER (ONNX Runtime has no such kernel)."""
import pathlib
import sys

import numpy as np
import onnx

folder = pathlib.Path(sys.argv[2])
if sys.argv[1] == "make":
    model = onnx.parser.parse_model("""<ir_version: 9, opset_import: ["": 20]>
        g (bool[A,B] x, int64[1] a) => (bool[C] y) { y = ReduceMin <keepdims = 0> (x, a) }""")
    onnx.save(model, folder / "model.onnx")
    np.savez(folder / "none.npz", x=np.ones((2, 0), bool), a=np.array([1]))
    np.savez(folder / "some.npz", x=np.array([[1, 0], [1, 1]], bool), a=np.array([0]))
else:
    for name in ("none", "some"):
        print(name, np.load(folder / f"{name}.out.npz")["y"].view(np.uint8).tolist())
