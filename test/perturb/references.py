"""Second opinions: the ONNX reference evaluator and ONNX Runtime without its optimiser.

Both are asked in forked children, because they crash, hang and take all memory
on what the compiler has to refuse.
"""

import json
import os
import resource
import signal
import warnings

import numpy
import onnx
from onnx import numpy_helper

SECONDS = 10
MEMORY = 4 << 30


def onnx_reference(model, inputs):
    from onnx.reference import ReferenceEvaluator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with numpy.errstate(all="ignore"):
            return ReferenceEvaluator(model).run(None, inputs)


def onnx_runtime(model, inputs):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def write_values(folder, prefix, values):
    """Tensors as input_<i>.pb or output_<i>.pb; False when one is no tensor."""
    protos = []
    for value in values:
        if isinstance(value, (list, dict)) or value is None:
            return False
        protos.append(numpy_helper.from_array(numpy.asarray(value)))
    for i, proto in enumerate(protos):
        with open(os.path.join(folder, f"{prefix}_{i}.pb"), "wb") as out:
            out.write(proto.SerializeToString())
    return True


def in_children(count, work):
    """work(i) for i in range(count), each result a JSON value; a child that dies or takes over
    SECONDS costs only the item that it was at, whose result is {"died": reason}."""
    results = []
    while len(results) < count:
        source, sink = os.pipe()
        first = len(results)
        child = os.fork()
        if child == 0:
            os.close(source)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
            try:
                for i in range(first, count):
                    signal.alarm(SECONDS)
                    os.write(sink, json.dumps(work(i)).encode() + b"\n")
                os._exit(0)
            except BaseException:  # out of memory, say: the caller's code is not this process's to go on with
                os._exit(1)
        os.close(sink)
        with os.fdopen(source, "rb") as stream:
            for line in stream:
                results.append(json.loads(line))
        _, status = os.waitpid(child, 0)
        if len(results) < count:
            died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
            results.append({"died": str(died)})
    return results
