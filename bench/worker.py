"""One side of a comparison, in a process of its own, pinned to given cores.

    worker.py onnxruntime|ours FILE INPUTS.npz OUTPUTS.npz THREADS CORE[,CORE]

Runs once, writes the outputs, prints "ready"; then for each line "N" on its
standard input runs N times and prints the times in milliseconds as JSON.
"""

import json
import os
import sys
import time


def onnxruntime_side(path, inputs, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # Bound inputs and outputs: neither side pays for Python's copies.
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    names = [output.name for output in session.get_outputs()]
    results = dict(zip(names, session.run(names, inputs)))
    bound = {}
    for name, array in results.items():
        bound[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        binding.bind_ortvalue_output(name, bound[name])
    return (lambda: session.run_with_iobinding(binding)), results


def our_side(path, inputs, threads):
    from compiled_model import CompiledModel, Pool

    pool = Pool(os.environ["ONNXC_THREADS_LIBRARY"], threads) if threads > 1 else None
    model = CompiledModel(path, inputs, pool)
    model.run()
    return model.run, model.outputs


def main():
    side, path, inputs_path, outputs_path, threads, cores = sys.argv[1:]
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    import numpy

    with numpy.load(inputs_path) as data:
        inputs = dict(data)
    run, outputs = {"onnxruntime": onnxruntime_side, "ours": our_side}[side](path, inputs, int(threads))
    run()
    numpy.savez(outputs_path, **outputs)
    print("ready", flush=True)
    clock = time.perf_counter
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = clock()
            run()
            times.append((clock() - start) * 1e3)
        print(json.dumps(times), flush=True)


main()
