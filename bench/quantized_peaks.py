"""Two kernels as a share of what this core does at most (peak.c), measured in turns with it.

  gemm    QLinearMatMul of 1024x1024 u8 by 1024x1024 s8, per cent of the multiply-adds of `vpdpbusd` alone
  gemv    com.microsoft MatMulNBits, a vector by 4096x4096 of 4 bits in blocks of 32: bytes of weights and
          scales a second, per cent of the measured bandwidth of reading. One matrix has 10.5 MB, which a cache
          may hold: 16 different ones follow each other, as the layers of a network do.
"""

import os
import shutil
import statistics
import subprocess

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import common
import speed

GEMM, GEMV = 85, 75  # per cent wanted
SIZE, WIDE, BLOCK, LAYERS = 1024, 4096, 32, 16


def save(path, nodes, inputs, outputs, weights, domains):
    graph = helper.make_graph(nodes, "main_graph", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid(*d) for d in domains], ir_version=8), path)


def gemm(path):
    """(inputs, multiply-adds)"""
    rng = numpy.random.default_rng(21)
    weights = {
        "a_scale": numpy.float32(0.02), "a_zero": numpy.uint8(128), "b": rng.integers(-127, 128, (SIZE, SIZE)).astype(numpy.int8),
        "b_scale": numpy.full(SIZE, 0.01, numpy.float32), "b_zero": numpy.zeros(SIZE, numpy.int8), "y_scale": numpy.float32(1.0),
        "y_zero": numpy.uint8(128),
    }
    weights = {k: numpy.asarray(v) for k, v in weights.items()}
    node = helper.make_node("QLinearMatMul", ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"], ["y"], "gemm")
    value = lambda n: helper.make_tensor_value_info(n, TensorProto.UINT8, [SIZE, SIZE])  # noqa: E731
    save(path, [node], [value("a")], [value("y")], weights, [("", 17)])
    return {"a": rng.integers(0, 256, (SIZE, SIZE)).astype(numpy.uint8)}, SIZE**3


def gemv(path):
    """(inputs, bytes of weights and scales)"""
    rng = numpy.random.default_rng(22)
    blocks = WIDE // BLOCK
    weights, nodes = {}, []
    for i in range(LAYERS):
        weights[f"b{i}"] = rng.integers(0, 256, (WIDE, blocks, BLOCK // 2)).astype(numpy.uint8)
        weights[f"scales{i}"] = rng.uniform(0.5, 1.0, WIDE * blocks).astype(numpy.float32) * numpy.float32(0.003)
        nodes.append(helper.make_node("MatMulNBits", ["a" if i == 0 else f"y{i - 1}", f"b{i}", f"scales{i}"], ["y" if i == LAYERS - 1 else f"y{i}"],
                                      f"gemv{i}", domain="com.microsoft", K=WIDE, N=WIDE, bits=4, block_size=BLOCK))
    value = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, WIDE])  # noqa: E731
    save(path, nodes, [value("a")], [value("y")], weights, [("", 17), ("com.microsoft", 1)])
    return {"a": rng.standard_normal((1, WIDE)).astype(numpy.float32)}, sum(v.nbytes for v in weights.values())


def peaks(program, core):
    said = subprocess.run(["taskset", "-c", str(core), program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[0]: float(line.split()[1]) for line in said.splitlines()}


def measure(options, name, make, program):
    folder = os.path.join(options.work, "quantized", "peaks", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path = os.path.join(folder, "model.onnx")
    inputs, work = make(path)
    numpy.savez(os.path.join(folder, "inputs.npz"), **inputs)
    library, _ = speed.compile_model(options, path, folder)
    before = peaks(program, options.core)
    side = speed.Side("ours", library, folder, 1, str(options.core))
    try:
        count = max(1, min(2000, int(1000 / max(side.run(3, keep=False)[-1], 1e-3))))
        for _ in range(options.rounds):
            side.run(count)
    finally:
        side.close()
    after = peaks(program, options.core)
    shutil.rmtree(folder, ignore_errors=True)
    return statistics.median(side.times), work, {key: max(value, after[key]) for key, value in before.items()}


def main(arguments):
    parser = common.parser("quantized peaks", __doc__)
    parser.add_argument("--core", type=int, default=sorted(os.sched_getaffinity(0))[-1], help="to pin to (default: the last)")
    parser.add_argument("--rounds", type=int, default=5, help="of about a second")
    parser.add_argument("--flags", default="", help="more flags for onnx-compile")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    options.flags, options.threads = options.flags.split(), 1
    folder = os.path.join(options.work, "quantized")
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, "peak")
    subprocess.run([options.cc, "-O3", "-march=native", "-std=c11", "-Wall", "-Wextra", os.path.join(common.HERE, "peak.c"), "-o", program], check=True)
    rows = []
    for name, make, unit, wanted in (("gemm", gemm, "vpdpbusd", GEMM), ("gemv", gemv, "read", GEMV)):
        try:
            ms, work, most = measure(options, name, make, program)
        except RuntimeError as error:
            rows.append({"name": name, "failure": str(error)})
            print(f"{name}: failed: {error}", flush=True)
            continue
        if unit not in most:
            rows.append({"name": name, "failure": "this CPU has no vpdpbusd"})
            print(f"{name}: skipped: this CPU has no vpdpbusd", flush=True)
            continue
        rate = work / (ms * 1e-3)
        rows.append({"name": name, "ms": ms, "rate": rate, "peak": most[unit], "peaks": most, "percent": 100 * rate / most[unit], "wanted": wanted})
        print(f"{name}: {ms:.3f} ms, {rate / 1e9:.1f} G/s of {most[unit] / 1e9:.1f} G/s ({unit}): {100 * rate / most[unit]:.1f} % (wanted {wanted} %)", flush=True)
    common.write_json(options.json, rows)
    return 0 if all("percent" in r and r["percent"] >= r["wanted"] for r in rows) else 1
