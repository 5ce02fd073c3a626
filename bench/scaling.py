"""Compile time against the number of nodes: chains of n links with a dynamic batch, of n and of 2n.

    bench/scaling [--links 10000] [--chains residual,reshape,elementwise,softmax]

The links: x + relu(x); a reshape to a shape that Shape, Gather, Unsqueeze and Concat put together from x's own dims;
x * sigmoid(x); softmax. Behind each chain stands a question about a dim of its end. Seconds of CPU, with -O3; peak
memory; and the time of n links over that of n/2. Fails where a chain takes over 30 s, 1 GB, or 2.3 times its half's.
"""

import multiprocessing
import os
import resource
import shutil
import subprocess
import sys

import numpy
import onnx
from onnx import helper, numpy_helper

import common

MAX_SECONDS, MAX_BYTES, MAX_RATIO = 30, 1 << 30, 2.3


def residual(x, k):
    return [("Relu", [x], [f"r{k}"]), ("Add", [x, f"r{k}"], [f"y{k}"])]


def elementwise(x, k):
    return [("Sigmoid", [x], [f"r{k}"]), ("Mul", [x, f"r{k}"], [f"y{k}"])]


def softmax(x, k):
    return [("Softmax", [x], [f"y{k}"])]


def reshape(x, k):
    nodes = []
    for d in range(4):
        nodes += [
            ("Shape", [x], [f"s{k}.{d}"]),
            ("Gather", [f"s{k}.{d}", f"i{d}"], [f"g{k}.{d}"]),
            ("Unsqueeze", [f"g{k}.{d}", "axis"], [f"u{k}.{d}"]),
        ]
    return nodes + [
        ("Concat", [f"u{k}.{d}" for d in range(4)], [f"c{k}"], {"axis": 0}),
        ("Reshape", [x, f"c{k}"], [f"t{k}"]),
        ("Add", [x, f"t{k}"], [f"y{k}"]),
    ]


CHAINS = {"residual": residual, "reshape": reshape, "elementwise": elementwise, "softmax": softmax}


def chain(link, count):
    nodes, x = [], "x"
    for k in range(count):
        nodes += link(x, k)
        x = f"y{k}"
    nodes += [
        ("Shape", [x], ["s"]), ("Gather", ["s", "i0"], ["g"]), ("Unsqueeze", ["g", "axis"], ["u"]),
        ("Concat", ["u", "rest"], ["shape"], {"axis": 0}), ("Reshape", [x, "shape"], ["y"]),
    ]
    made = [helper.make_node(n[0], n[1], n[2], **(n[3] if len(n) > 3 else {})) for n in nodes]
    constants = {f"i{d}": numpy.int64(d) for d in range(4)} | {"axis": numpy.array([0]), "rest": numpy.array([-1])}
    graph = helper.make_graph(
        made, "chain",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 4, 8, 8])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(numpy.asarray(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def write(name, count, path):
    onnx.save(chain(CHAINS[name], count), path)


def compiled(options, name, count):
    """(seconds of CPU, peak bytes) of compiling a chain; the limits of the figure, with room, end it."""
    folder = os.path.join(options.work, "scaling")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name}_{count}.onnx")
    # In another process: a child's peak counts what its parent held when it was started.
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(name, count, path))
    writer.start()
    writer.join()
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (10 * MAX_SECONDS, 10 * MAX_SECONDS))
    child = subprocess.Popen(
        [options.onnx_compile, path, "-o", out, "--emit=obj,header", *options.flags],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=limit,
    )
    said = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"exit {child.returncode}: {(said.strip().splitlines() or [''])[0][:200]}")
    if options.flags:
        print(said, end="")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    parser = common.parser("scaling", __doc__)
    parser.add_argument("--chains", default=",".join(CHAINS))
    parser.add_argument("--links", type=int, default=10000)
    parser.add_argument("--verbose", dest="flags", action="store_const", const=["--verbose"], default=[])
    options = parser.parse_args()
    missed = 0
    print(f"{'chain':12} {'links':>6} {'seconds':>8} {'peak MB':>8} {'t(n)/t(n/2)':>12}")
    for name in options.chains.split(","):
        before = None
        for count in (options.links // 2, options.links):
            try:
                seconds, peak = compiled(options, name, count)
            except RuntimeError as error:
                print(f"{name:12} {count:6} failed: {error}", flush=True)
                missed += 1
                break
            ratio = f"{seconds / before:12.2f}" if before else ""
            print(f"{name:12} {count:6} {seconds:8.2f} {peak / 1e6:8.1f} {ratio}", flush=True)
            missed += seconds > MAX_SECONDS or peak > MAX_BYTES or bool(before and seconds / before > MAX_RATIO)
            before = seconds
    print(f"{missed} figures missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
