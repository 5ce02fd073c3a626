"""Right answers, from ONNX Runtime without optimisations or from the ONNX reference, in processes that may crash.

    reference.py ort|onnx     reads folders, one a line; writes their output_<i>.pb and answers "ok" or what went wrong
"""

import os
import subprocess
import sys
import threading


def run_ort(model, feeds):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = {}
    for info in session.get_inputs():
        array = feeds[info.name]
        if info.type == "tensor(bfloat16)":
            values[info.name] = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array.view("uint16"), 16)
        else:
            values[info.name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
    names = [o.name for o in session.get_outputs()]
    import ml_dtypes

    results = session.run_with_ort_values(names, values)
    return {n: v.numpy().view(ml_dtypes.bfloat16) if v.element_type() == 16 else v.numpy() for n, v in zip(names, results)}


def run_onnx(model, feeds):
    from onnx.reference import ReferenceEvaluator

    names = [o.name for o in model.graph.output]
    return dict(zip(names, ReferenceEvaluator(model).run(None, feeds)))


def load(folder):
    import numpy as np
    import onnx

    model = onnx.load(os.path.join(folder, "model.onnx"))
    feeds = {}
    for i, info in enumerate(model.graph.input):
        with open(os.path.join(folder, "test_data_set_0", f"input_{i}.pb"), "rb") as stream:
            feeds[info.name] = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(stream.read()))
    return model, feeds


def save_outputs(folder, model, values):
    import numpy as np
    import onnx

    for i, info in enumerate(model.graph.output):
        wanted = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        array = np.asarray(values[info.name])
        if array.dtype != wanted:
            raise TypeError(f"{info.name} has type {array.dtype}, declared {wanted}")
        with open(os.path.join(folder, "test_data_set_0", f"output_{i}.pb"), "wb") as out:
            out.write(onnx.numpy_helper.from_array(array, info.name).SerializeToString())


def serve(kind):
    import warnings

    warnings.filterwarnings("ignore")
    function = {"ort": run_ort, "onnx": run_onnx}[kind]
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        folder = line.rstrip("\n")
        try:
            model, feeds = load(folder)
            save_outputs(folder, model, function(model, feeds))
            said = "ok"
        except Exception as error:
            said = f"{type(error).__name__}: " + " ".join(str(error).split())[:600]
        print(said, file=answer, flush=True)


class Worker:
    """A process that answers; a new one after each crash or hang."""

    def __init__(self, kind, seconds=60):
        self.kind, self.seconds, self.process = kind, seconds, None

    def ask(self, folder):
        """'ok', what went wrong, or 'crashed'."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen([sys.executable, __file__, self.kind], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        timer = threading.Timer(self.seconds, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(folder + "\n")
            self.process.stdin.flush()
            said = self.process.stdout.readline().strip()
        except BrokenPipeError:
            said = ""
        timer.cancel()
        return said or "crashed"

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()


if __name__ == "__main__":
    serve(sys.argv[1])
