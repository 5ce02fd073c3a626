"""Runs a model with ONNX Runtime for `onnx-run verify`.

    ort_reference.py [--unoptimised] MODEL.onnx IN.npz OUT.npz [IN.npz OUT.npz ...]

With --unoptimised the graph is computed node by node as it is written. Reads each IN.npz, runs the model on it, writes the outputs to OUT.npz by
name. Errors are one line on stderr, exit code 1.
"""

import sys
import zipfile


def write_npz(path, arrays):
    # numpy.savez takes the names as keywords and so refuses some of them.
    import numpy

    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as member:
                numpy.lib.format.write_array(member, numpy.asanyarray(array))


def feed(session, arrays):
    """Arrays as the session wants them: float types that numpy cannot name
    are handed over by their ONNX number."""
    import onnxruntime

    numbers = {
        "tensor(bfloat16)": 16,
        "tensor(float8e4m3fn)": 17,
        "tensor(float8e4m3fnuz)": 18,
        "tensor(float8e5m2)": 19,
        "tensor(float8e5m2fnuz)": 20,
    }
    feeds = {}
    for value in session.get_inputs():
        if value.name not in arrays:
            raise ValueError(f"input '{value.name}' is missing")
        array = arrays[value.name]
        number = numbers.get(value.type)
        if number is None:
            feeds[value.name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        else:
            raw = array.view("uint16" if number == 16 else "uint8")
            feeds[value.name] = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(raw, number)
    return feeds


def main(arguments):
    unoptimised = arguments[:1] == ["--unoptimised"]
    arguments = arguments[unoptimised:]
    if len(arguments) < 3 or len(arguments) % 2 == 0:
        print(__doc__, file=sys.stderr)
        return 1
    try:
        import numpy
        import onnxruntime
    except ImportError as error:
        print(
            f"{sys.executable}: {error}; install onnxruntime and numpy there or set ONNXC_PYTHON",
            file=sys.stderr,
        )
        return 1
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if unoptimised:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(
            arguments[0], options, providers=["CPUExecutionProvider"]
        )
        names = [value.name for value in session.get_outputs()]
        for source, target in zip(arguments[1::2], arguments[2::2]):
            with numpy.load(source, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            values = session.run_with_ort_values(names, feed(session, arrays))
            write_npz(target, {name: value.numpy() for name, value in zip(names, values)})
    except Exception as error:  # ONNX Runtime has no common base class
        text = " ".join(str(error).split())
        print(f"{type(error).__name__}: {text}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
